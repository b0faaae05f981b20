//! The RabbitMQ binder, on lapin: AMQP 0-9-1 with the names, arguments and headers of Spring Cloud Stream.
//!
//! A consumer is `concurrency` channels on one shared connection, a producer one channel on another. Connections are
//! made again for as long as the binder lives; what was delivered over a lost one comes again, what was published and
//! not confirmed is reported as failed.
//!
//! Differences from Spring, all on purpose:
//! * `prefetch` defaults to `consumer.max-in-flight`, not to 1.
//! * A publication that reaches no queue fails (`mandatory: true`), it isn't dropped. An event that nobody listens to
//!   yet is published with `mandatory: false`.
//! * A queue or exchange that exists with other properties is an error that stops the binding.
//! * The message key travels in the header `scst_messageKey`.
//!
//! # Idle consumers
//! Before RabbitMQ 4.0 a quorum queue that is deleted and at once declared again may keep its consumers, tell them nothing
//! and send them nothing. So a consumer of a queue with `quorum.enabled` that was idle for `renew-idle-after` (30 s, `0` is
//! never) closes its channel, declares what it needs, and consumes on another. Where one consumer of several is active,
//! another may become it then.
//!
//! # Hostile messages
//! The client library ends the connection at a header name that isn't UTF-8, and the process at headers that are nested
//! a thousand levels deep. So every frame is screened before the library reads it: what is no text is replaced, what is
//! nested deeper than 32 levels becomes bytes. Such headers are left out of the message, which is marked and goes to
//! no handler but to the dead letter. Should a message end the connection all the same, twice, then the consumers of
//! that connection go on with connections of their own and one message at a time, for a minute at least, so that the
//! others recover; a quorum queue with a delivery limit and a dead letter then gets rid of the message, a classic queue
//! needs an operator who takes it out.

mod acks;
#[cfg(test)]
mod acks_properties;
mod binder;
mod catalog;
mod confirms;
mod connection;
mod consumer;
mod convert;
mod dead_letter;
mod error;
mod flight;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod health;
mod intake;
mod lane;
mod obligation;
mod on_wire;
#[cfg(test)]
mod on_wire_properties;
mod options;
mod plans;
mod producer;
mod provision;
mod publisher;
mod render;
mod screen;
mod screened;
mod settings;
mod tls;
mod topology;
#[cfg(test)]
mod wire_tests;

pub use binder::RabbitBinderFactory;

/// The fail points of this binder, in the order in which an acknowledgement passes them.
#[doc(hidden)]
pub const FAIL_POINTS: [&str; 2] = ["before-ack", "after-ack"];
