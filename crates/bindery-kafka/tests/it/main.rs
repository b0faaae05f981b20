//! The Kafka binder against a real broker, whose address is in `KAFKA_BROKERS`.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests may end with a panic")]

mod anew;
mod broker_errors;
mod comes_back;
mod conformance;
mod dead_letter;
mod flow;
mod groups;
mod health;
mod lifecycle;
mod provisioning;
mod rebalance;
mod round_trip;
mod security;
mod settlement;
mod support;
mod topics;
mod waiting;
mod wire;
