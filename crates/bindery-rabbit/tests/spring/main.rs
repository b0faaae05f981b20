//! Unchanged configurations of Spring Cloud Stream, run by Bindery on a real RabbitMQ, whose addresses are in
//! `RABBITMQ_ADDRESSES` and `RABBITMQ_MANAGEMENT`: queues, exchanges, bindings and messages are compared with those of
//! the JVM, see `tests/data`.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests may end with a panic")]

mod dead_letters;
mod listeners;
mod management;
mod messages;
mod outputs;
mod raw;
mod scene;
mod topology;
