//! The Kafka binder, on librdkafka through `rdkafka`.
//!
//! One thread for each consumer does nothing but poll; it copies messages into one buffer per batch and hands the
//! batches over a bounded channel. Offsets are kept by a tracker that knows out-of-order settlements, and only offsets
//! without a gap before them are committed. Producers are idempotent, shared by outputs that configure them alike, and
//! answer through a callback; see [`KafkaBinderFactory`].

mod binder;
mod boot;
mod catalog;
mod connection;
mod consumer;
mod context;
mod dead_letter;
mod error;
mod headers;
mod health;
mod jaas;
mod jvm;
mod offsets;
mod options;
mod producer;
mod provision;
mod secrets;
mod time;
mod tls;

pub use binder::KafkaBinderFactory;
pub use headers::UNREADABLE_HEADERS;
