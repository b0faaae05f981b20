//! Configuration as users write it: what resolves, what is refused, and how that is said.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    unreachable_pub,
    reason = "a test fails where it panics, and the modules of a test binary are its own"
)]

mod cases;
mod factories;
mod golden;
mod good;
mod listeners;
mod robustness;
mod sources;
