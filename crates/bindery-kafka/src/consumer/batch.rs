//! One run of messages of one partition, copied into one buffer before they leave the poll thread.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bindery_core::{
    Delivery, DeliveryBatch, EncodedHeaders, Headers as MessageHeaders, Origin, RawMessage, Source,
};
use bytes::Bytes;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Headers, Message, Timestamp};

use crate::headers;
use crate::headers::encoded::{self, Flags, TimestampType};

/// How many messages a batch holds at most.
const MAX_MESSAGES: usize = 256;
/// How many bytes a batch holds before it is handed over.
const MAX_BYTES: usize = 1 << 20;

/// After so many unreadable headers of one message the rest is not tried: each costs a contained panic.
const MAX_UNREADABLE: usize = 8;

/// A batch that is being filled.
pub(crate) struct BatchBuilder {
    source: Arc<Source>,
    topic: Arc<str>,
    buffer: Vec<u8>,
    records: Vec<Record>,
}

/// How large a batch probably becomes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Expected {
    messages: usize,
    bytes: usize,
}

/// Where in the buffer the parts of one message are.
struct Record {
    offset: i64,
    timestamp: Option<i64>,
    key: Option<Range<usize>>,
    payload: Option<Range<usize>>,
    headers: Range<usize>,
}

impl BatchBuilder {
    /// An empty batch of `source`.
    pub(crate) fn new(source: Arc<Source>, topic: Arc<str>, expected: Expected) -> Self {
        Self {
            source,
            topic,
            buffer: Vec::with_capacity(expected.bytes),
            records: Vec::with_capacity(expected.messages),
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.records.len() >= MAX_MESSAGES || self.buffer.len() >= MAX_BYTES
    }

    pub(crate) fn partition(&self) -> Option<i32> {
        self.source.partition
    }

    /// The offset of the last message.
    pub(crate) fn last_offset(&self) -> Option<i64> {
        self.records.last().map(|record| record.offset)
    }

    /// Whether the message at `offset` goes on where the last one was.
    pub(crate) fn is_followed_by(&self, offset: i64) -> bool {
        self.last_offset().is_none_or(|last| last < offset)
    }

    /// The next batch is probably about as large: a quarter of room saves most growing.
    pub(crate) fn expected(&self) -> Expected {
        Expected {
            messages: (self.records.len() + self.records.len() / 4).min(MAX_MESSAGES),
            bytes: (self.buffer.len() + self.buffer.len() / 4).min(2 * MAX_BYTES),
        }
    }

    /// Copies a message.
    pub(crate) fn push(&mut self, message: &BorrowedMessage<'_>) {
        let timestamp = message.timestamp();
        let key = message.key().map(|key| put(&mut self.buffer, key));
        let payload = message.payload().map(|payload| put(&mut self.buffer, payload));
        let headers = put_headers(&mut self.buffer, message.headers(), timestamp_type(timestamp));
        self.records.push(Record {
            offset: message.offset(),
            timestamp: timestamp.to_millis(),
            key,
            payload,
            headers,
        });
    }

    /// The deliveries: slices of one buffer.
    pub(crate) fn build(mut self) -> DeliveryBatch {
        if self.buffer.capacity() > 2 * self.buffer.len() {
            self.buffer.shrink_to_fit();
        }
        let buffer = Bytes::from(self.buffer);
        // A count of its own: this thread would share that of the topic with all that drop messages, one by one.
        let destination: Arc<str> = (&*self.topic).into();
        let deliveries = self
            .records
            .into_iter()
            .map(|record| {
                let position = record.offset.unsigned_abs();
                let headers = EncodedHeaders {
                    bytes: buffer.slice(record.headers),
                    encoding: &headers::ENCODING,
                };
                Delivery {
                    message: RawMessage {
                        payload: record.payload.map(|range| buffer.slice(range)),
                        key: record.key.map(|range| buffer.slice(range)),
                        headers: MessageHeaders::from_encoded(headers),
                        origin: Origin {
                            destination: destination.clone(),
                            routing_key: None,
                            partition: self.source.partition,
                            position,
                            timestamp: record.timestamp,
                            redelivered: false,
                        },
                    },
                    receipt: self.source.receipt(position),
                }
            })
            .collect();
        DeliveryBatch {
            source: self.source,
            deliveries,
        }
    }
}

fn put(buffer: &mut Vec<u8>, bytes: &[u8]) -> Range<usize> {
    let start = buffer.len();
    buffer.extend_from_slice(bytes);
    start..buffer.len()
}

fn timestamp_type(timestamp: Timestamp) -> TimestampType {
    match timestamp {
        Timestamp::NotAvailable => TimestampType::None,
        Timestamp::CreateTime(_) => TimestampType::Create,
        Timestamp::LogAppendTime(_) => TimestampType::LogAppend,
    }
}

fn put_headers(
    buffer: &mut Vec<u8>,
    headers: Option<&BorrowedHeaders>,
    timestamp: TimestampType,
) -> Range<usize> {
    let start = buffer.len();
    let flags = |unreadable| Flags {
        timestamp,
        unreadable,
    };
    encoded::put_flags(buffer, flags(false));
    let Some(headers) = headers else {
        return start..buffer.len();
    };
    let mut unreadable = 0;
    for index in 0..headers.count() {
        // The library panics on a header whose name isn't UTF-8: one such message must not end the consumer.
        match catch_unwind(AssertUnwindSafe(|| headers.try_get(index))) {
            Ok(Some(header)) => encoded::put(buffer, header.key, header.value),
            Ok(None) => {}
            Err(_) => unreadable += 1,
        }
        if unreadable == MAX_UNREADABLE {
            break;
        }
    }
    if unreadable > 0 {
        encoded::set_flags(&mut buffer[start..], flags(true));
    }
    start..buffer.len()
}
