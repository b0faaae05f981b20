//! The memory binder from outside.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod broker;
mod churn;
mod conformance;
mod support;
