//! What is carried: messages as they come in, messages as a program makes them, records as they go out.

use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;

use crate::{HeaderValue, Headers};

/// A message as a broker delivered it: bytes, headers, and where it came from. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct RawMessage {
    /// The payload; `None` is a tombstone (a Kafka record without a value).
    pub payload: Option<Bytes>,
    /// The message key, if it has one.
    pub key: Option<Bytes>,
    /// The headers, read when asked for.
    pub headers: Headers,
    /// Where and when the broker had it.
    pub origin: Origin,
}

impl RawMessage {
    /// The payload's bytes; empty for a tombstone.
    pub fn bytes(&self) -> &[u8] {
        self.payload.as_deref().unwrap_or_default()
    }

    /// What the message costs in memory, in bytes, without its headers' parsed form.
    pub fn size_bytes(&self) -> usize {
        self.payload.as_ref().map_or(0, Bytes::len)
            + self.key.as_ref().map_or(0, Bytes::len)
            + self.headers.encoded().map_or(0, |encoded| encoded.bytes.len())
    }
}

/// One of several messages that came together and are kept together. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct SharedMessage {
    messages: Arc<[RawMessage]>,
    index: usize,
}

impl From<RawMessage> for SharedMessage {
    fn from(message: RawMessage) -> Self {
        Self {
            messages: [message].into(),
            index: 0,
        }
    }
}

impl Deref for SharedMessage {
    type Target = RawMessage;

    fn deref(&self) -> &RawMessage {
        &self.messages[self.index]
    }
}

/// Several messages that are kept together, one after the other.
#[derive(Debug, Default)]
pub struct SharedMessages {
    messages: Arc<[RawMessage]>,
    next: usize,
}

impl FromIterator<RawMessage> for SharedMessages {
    fn from_iter<I: IntoIterator<Item = RawMessage>>(messages: I) -> Self {
        Self {
            messages: messages.into_iter().collect(),
            next: 0,
        }
    }
}

impl Iterator for SharedMessages {
    type Item = SharedMessage;

    fn next(&mut self) -> Option<SharedMessage> {
        let index = self.next;
        if index == self.messages.len() {
            return None;
        }
        self.next += 1;
        let messages = match self.next == self.messages.len() {
            // Nothing may be kept here that was handed out to the end.
            true => std::mem::take(self).messages,
            false => self.messages.clone(),
        };
        Some(SharedMessage { messages, index })
    }
}

/// Where a delivered message came from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The broker's place: a topic, or an exchange.
    pub destination: Arc<str>,
    /// The routing key, where the broker has one.
    pub routing_key: Option<Arc<str>>,
    /// The partition, where the broker has one.
    pub partition: Option<i32>,
    /// The position in its source: an offset or a delivery tag.
    pub position: u64,
    /// Milliseconds since the epoch, if the broker said.
    pub timestamp: Option<i64>,
    /// Whether the broker says that it delivered the message before.
    pub redelivered: bool,
}

impl Default for Origin {
    fn default() -> Self {
        Self {
            destination: "".into(),
            routing_key: None,
            partition: None,
            position: 0,
            timestamp: None,
            redelivered: false,
        }
    }
}

/// A payload of type `T` with headers and key: an argument or a result of a listener, or what is sent by hand.
///
/// As a result, its headers are used as they are; a result without headers gets a copy of the input's.
#[derive(Clone, Debug, PartialEq)]
pub struct Message<T> {
    /// The payload.
    pub payload: T,
    /// The headers.
    pub headers: Headers,
    /// The message key.
    pub key: Option<Bytes>,
}

impl<T> Message<T> {
    /// A message without headers and key.
    pub fn new(payload: T) -> Self {
        Self {
            payload,
            headers: Headers::new(),
            key: None,
        }
    }

    /// Sets a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<Arc<str>>, value: impl Into<HeaderValue>) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets the message key.
    #[must_use]
    pub fn key(mut self, key: impl Into<Bytes>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// The same message with another payload.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Message<U> {
        Message {
            payload: change(self.payload),
            headers: self.headers,
            key: self.key,
        }
    }
}

/// The messages of one call in batch mode, in the order of their source.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch<T>(pub Vec<Message<T>>);

impl<T> Batch<T> {
    /// The payloads in order.
    pub fn payloads(self) -> impl Iterator<Item = T> {
        self.0.into_iter().map(|message| message.payload)
    }
}

impl<T> IntoIterator for Batch<T> {
    type Item = Message<T>;
    type IntoIter = std::vec::IntoIter<Message<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// An encoded message on its way out: what a producer publishes.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboundRecord {
    /// The payload; `None` publishes a tombstone where the broker has them.
    pub payload: Option<Bytes>,
    /// The message key.
    pub key: Option<Bytes>,
    /// The headers, content type included.
    pub headers: Headers,
    /// The partition that was chosen, for a partitioned producer.
    pub partition: Option<i32>,
    /// The evaluated routing key, where the binding has an expression for it.
    pub routing_key: Option<Arc<str>>,
}

impl OutboundRecord {
    /// What the record costs in memory, in bytes, without its headers' parsed form.
    pub fn size_bytes(&self) -> usize {
        self.payload.as_ref().map_or(0, Bytes::len) + self.key.as_ref().map_or(0, Bytes::len)
    }
}
