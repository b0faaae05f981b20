//! The vocabulary of Bindery: what a message, a binder, a codec, a listener and an error *are*. No I/O happens here.
//!
//! | word | meaning |
//! | --- | --- |
//! | *binding* | a configured name (`reserve_stock-in-0`) that connects a function to a destination |
//! | *destination* | a place at a broker: a topic, an exchange |
//! | *consumer group* | consumers that share the messages of a destination |
//! | *message* | payload, headers and key: a value ([`RawMessage`], [`Message`]) |
//! | *delivery* | a message with the [`Receipt`] that settles it |
//! | *source* | one ordered stream of deliveries of a consumer: a partition, a queue |
//! | *settle* | tell the broker what became of a delivery, once ([`Settler`]) |
//! | *record* | an encoded message on its way out ([`OutboundRecord`]) |
//! | *confirm* | the broker's answer to a record ([`Confirm`]) |
//! | *dead letter* | the parked copy of a message that can't be processed |

mod binder;
mod capabilities;
mod codec;
mod consumer;
mod dead_letter;
mod delivery;
mod error;
#[doc(hidden)]
pub mod fail_points;
mod handler_error;
mod headers;
mod health;
mod listener;
mod message;
mod names;
mod operations;
mod producer;
mod property;
mod signal;
mod spec;
mod time;

pub use binder::{Binder, BinderFactory};
pub use capabilities::Capabilities;
pub use codec::{BuiltInCodecs, Codec, Codecs, EncodedPayload, ExternalCodec, PayloadForm};
pub use consumer::{Consumer, ConsumerControl, Deliveries, Settler};
pub use dead_letter::{
    DeadLetterPublisher, DeadLetterRoute, Failure, FailureReason, TRUNCATED_FROM, shorter_bodies,
};
pub use delivery::{Delivery, DeliveryBatch, Receipt, Settlement, Source};
pub use error::{Error, ErrorKind, Result, Retry};
pub use handler_error::{FailureClass, HandlerError};
pub use headers::{
    CONTENT_TYPE, EncodedHeaders, Glance, HeaderEncoding, HeaderValue, Headers, MESSAGE_KEY, PARTITION,
    UNREADABLE_HEADERS,
};
pub use health::{Health, Status};
pub use listener::*;
pub use message::{Batch, Message, Origin, OutboundRecord, RawMessage, SharedMessage, SharedMessages};
pub use names::{BindingName, relaxed};
pub use operations::{ApplicationHealth, BinderHealth, BindingInfo, Operations, StateChange};
pub use producer::{Confirm, ConfirmSink, Full, Position, Producer, Unconfirmed};
pub use property::{PropertyCatalog, PropertyDef, PropertyType, Support};
pub use signal::Signal;
pub use spec::{BinderSpec, ConsumerSpec, Options, ProducerSpec};
pub use time::iso_8601;
