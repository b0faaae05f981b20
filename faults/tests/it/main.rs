//! Facts about the bench itself, which nothing else judges. The generator and the verifier are run against real
//! brokers: `cargo xtask test` starts them and says where they are.
#![allow(clippy::unwrap_used, missing_docs)]

mod check;
mod check_properties;
mod kafka;
mod rabbit;
mod report;
mod support;
mod synth;
