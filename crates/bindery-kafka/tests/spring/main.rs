//! Unchanged configurations of Spring Cloud Stream, run by Bindery on a real Kafka, whose address is in
//! `KAFKA_BROKERS`: topics, records and committed offsets are compared with those of the JVM, see `data/README.md`.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests may end with a panic")]

mod bridge;
mod dead_letters;
mod functions;
mod listeners;
mod raw;
mod record;
mod scene;
