//! Thin doors to what reads and writes hostile bytes, for the fuzz targets. No part of the crate's interface.

use bindery_core::{Failure, Headers, RawMessage, Result};
use bytes::Bytes;
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::ShortString;
use lapin::types::parsing::parse_field_table;

use crate::convert::Inbound;
use crate::dead_letter::dead_letter_properties;
use crate::options::Patterns;
use crate::render::{Rendering, publication, size_bytes};

/// What a delivery has besides its header table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Envelope<'a> {
    /// The content type.
    pub content_type: &'a str,
    /// The content encoding; `gzip` is undone.
    pub content_encoding: &'a str,
    /// The routing key.
    pub routing_key: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// A delivery with this header table, given as it is on the wire. `None` when the client library refuses the table or
/// a text has more than 255 bytes.
pub fn receive(envelope: Envelope<'_>, table: &[u8]) -> Option<RawMessage> {
    let (_, table) = parse_field_table(table).ok()?;
    let mut properties = BasicProperties::default()
        .with_headers(table)
        .with_delivery_mode(2);
    if !envelope.content_type.is_empty() {
        properties = properties.with_content_type(ShortString::try_new(envelope.content_type).ok()?);
    }
    if !envelope.content_encoding.is_empty() {
        properties = properties.with_content_encoding(ShortString::try_new(envelope.content_encoding).ok()?);
    }
    Some(inbound(properties, envelope.routing_key, envelope.body))
}

/// What a receiver gets of these headers when they are published.
///
/// # Errors
/// A permanent payload error when a header can't be said in AMQP.
pub fn resend(headers: &Headers, key: Option<&Bytes>, patterns: &[&str]) -> Result<RawMessage> {
    let patterns = match patterns {
        [] => Patterns::default(),
        given => Patterns::new(given.iter().copied()),
    };
    let rendering = Rendering {
        patterns: &patterns,
        delivery_mode: 2,
        compressed: false,
    };
    publication(headers, key, &rendering).map(|properties| inbound(properties, "", &[]))
}

/// A dead letter as its reader gets it, and about how many bytes its properties take.
pub fn dead_letter(message: &RawMessage, failure: &Failure, headroom_bytes: usize) -> (RawMessage, usize) {
    let properties = dead_letter_properties(message, failure, 2, headroom_bytes);
    let size = size_bytes(&properties);
    (inbound(properties, "", &[]), size)
}

fn inbound(properties: BasicProperties, routing_key: &str, body: &[u8]) -> RawMessage {
    let routing_key = ShortString::try_new(routing_key).unwrap_or_default();
    let mut delivery = Delivery::mock(1, "exchange".into(), routing_key, false, body.to_vec());
    delivery.properties = properties;
    let inbound = Inbound {
        queue: "queue".into(),
        exchange: "exchange".into(),
        partition: None,
        patterns: Patterns::default(),
        max_decompressed_bytes: 64 * 1024,
    };
    inbound.message(delivery)
}
