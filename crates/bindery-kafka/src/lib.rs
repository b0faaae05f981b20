//! The Kafka binder, on librdkafka through `rdkafka`. Its public face is [`KafkaBinderFactory`].
//!
//! # How it works
//!
//! * **Consuming.** One thread for each consumer does nothing but poll. It copies messages into one buffer per batch
//!   (at most 256 messages of one partition, or 1 MiB) and hands the batches over a bounded channel; headers are parsed
//!   when somebody asks for one. A message whose headers have a name that isn't UTF-8 arrives without that header and
//!   with [`UNREADABLE_HEADERS`].
//! * **Offsets.** Deliveries are settled in any order, from any thread. What is committed is the offset after the
//!   longest run of accepted messages: as soon as something is settled and the
//!   last commit is answered, at most each `commit-interval` (10 ms), and when partitions are given back.
//! * **Rebalancing.** When partitions are taken away the binder cancels their sources and waits for started work, at
//!   most 30 s and half of `max.poll.interval.ms`; then it commits and lets go. Settlements that come later are dropped.
//!   With `cooperative-sticky`, work on partitions that stay goes on meanwhile and is committed, but the client library
//!   fetches nothing new until the others are given back.
//! * **Producing.** Producers are idempotent and shared by outputs that configure them alike. A record's answer
//!   completes its confirm; at most `max-in-flight` records and 64 MiB of one output are unconfirmed. One that isn't
//!   confirmed comes back, made again from the client library's copy.
//! * **Dead letters** are the original's bytes with Spring's headers and ours behind its own. When the whole would be
//!   too large for the broker, the stack trace is left out and the message is cut.
//!
//! # Where it differs from Spring Cloud Stream, and how to have it otherwise
//!
//! | here | there | key |
//! | --- | --- | --- |
//! | producers of listeners' outputs linger 5 ms, so that confirmed publishing fills its batches; of outputs that only the stream bridge writes to, not at all | 0 ms | `producer.batch-timeout` |
//! | clients don't push metrics to brokers that subscribe to them | they do | `configuration.enable.metrics.push` |
//! | aborted and open transactions aren't read | they are | `configuration.isolation.level` |
//! | a dead letter that can't be published leaves its original unsettled | the original is lost | |
//! | an original partition that the dead letter topic lacks is taken modulo its partitions | publishing fails | `consumer.dlq-partitions` |
//! | an anonymous consumer is bound when its partitions are assigned, and gets what is sent from then on | a little later | |
//! | an unknown client property is an error | it is ignored | |
//!
//! The assignor is `range`, where librdkafka and the JVM's default list meet: one group may have members of both.
//! Properties of the JVM client are translated (`sasl.jaas.config` for `PLAIN` and `SCRAM`, PEM and PKCS#12 stores,
//! names that differ), left out when they mean nothing here, and refused when they can't be honoured.

mod backoff;
mod binder;
mod boot;
mod catalog;
mod connection;
mod consumer;
mod context;
mod dead_letter;
mod error;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod headers;
mod health;
mod jaas;
mod jvm;
mod offsets;
mod options;
mod producer;
mod provision;
mod refusal;
mod secrets;
mod time;
mod tls;

pub use binder::KafkaBinderFactory;

/// The fail points of this binder, in the order in which an offset passes them.
#[doc(hidden)]
pub const FAIL_POINTS: [&str; 2] = ["after-store-before-commit", "in-revoke-before-commit"];

pub use headers::UNREADABLE_HEADERS;
