//! AMQP header tables: read as a stranger sent them, written for the next service, and read there.

use bindery_core::{ErrorKind, HeaderValue, RawMessage};
use bindery_rabbit::fuzzing::{Envelope, receive, resend};

use super::Target;
use crate::pieces::{split, text};

/// Parts: content type, content encoding, routing key, body, `header-patterns`; the header table as on the wire.
pub const TARGET: Target = Target {
    name: "rabbit_headers",
    words: &[
        "gzip",
        "gzip,",
        "application/json",
        "contentType",
        "amqp_messageId",
        "amqp_expiration",
        "amqp_priority",
        "amqp_timestamp",
        "amqp_contentEncoding",
        "scst_partition",
        "scst_messageKey",
        "CC",
        "BCC",
        "x-death",
        "springAutoDecompress",
        "!",
        "*",
        "\x04nameS\0\0\0\x01v",
        "\x01iI\0\0\0\x05",
        "\x01lA\0\0\0\x05I\0\0\0\x01",
        "\x01tF\0\0\0\x04\x01aV\x01",
        "\x01dD\x02\0\0\0\x6e",
        "\x01xx\0\0\0\x01\0",
        "T\0\0\0\0\0\0\0\x01",
        "F\0\0\0\0",
        "A\0\0\0\0",
    ],
    run,
};

/// Reads the parts of an input into a message.
pub(super) fn message(input: &[u8]) -> Option<RawMessage> {
    let [content_type, content_encoding, routing_key, body, _, table] = split(input);
    let [content_type, content_encoding, routing_key] =
        [content_type, content_encoding, routing_key].map(text);
    let envelope = Envelope {
        content_type: &content_type,
        content_encoding: &content_encoding,
        routing_key: &routing_key,
        body,
    };
    receive(envelope, table)
}

fn run(input: &[u8]) {
    let Some(received) = message(input) else {
        return;
    };
    received
        .headers
        .iter()
        .for_each(|(_, value)| drop(value.to_json()));
    let [_, _, _, _, patterns, _] = split(input);
    let patterns = text(patterns);
    let patterns: Vec<&str> = patterns
        .split(',')
        .filter(|pattern| !pattern.is_empty())
        .collect();
    let _ = resend(&received.headers, received.key.as_ref(), &patterns);
    let next = match resend(&received.headers, received.key.as_ref(), &[]) {
        Ok(next) => next,
        Err(error) => return assert_eq!(error.kind(), ErrorKind::Payload),
    };
    for (name, value) in next.headers.iter() {
        if is_about_the_way(name) {
            continue;
        }
        let original = received.headers.get(name).expect("no header is made up");
        assert!(
            same(value, original),
            "`{name}` was {original:?} and becomes {value:?}"
        );
    }
    assert_eq!(next.key, received.key, "the key changes on its way");
}

/// Headers that each hop sets anew.
fn is_about_the_way(name: &str) -> bool {
    name.starts_with("amqp_") || name == bindery_core::CONTENT_TYPE
}

/// Equal, NaN to itself as well.
fn same(a: &HeaderValue, b: &HeaderValue) -> bool {
    a == b || format!("{a:?}") == format!("{b:?}")
}
