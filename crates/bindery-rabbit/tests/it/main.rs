//! The RabbitMQ binder against a real broker: `cargo xtask test` starts one and says where it is.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "tests end with the first thing that goes wrong"
)]

mod basics;
mod conformance;
mod dead_letters;
mod evictions;
mod failures;
mod groups;
mod hostile;
mod raw;
mod recovery;
mod security;
mod support;
mod waiting;
