//! What the binaries of the benches share.

pub mod feed;
pub mod report;
pub mod run;
pub mod stats;
