//! What the binaries of the benches share.

pub mod feed;
