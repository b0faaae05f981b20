//! Configuration as users write it: what resolves, what is refused, and how that is said.
#![allow(
    missing_docs,
    unreachable_pub,
    reason = "the modules of a test binary are its own"
)]

mod cases;
mod factories;
mod golden;
mod good;
mod listeners;
mod robustness;
mod sources;
