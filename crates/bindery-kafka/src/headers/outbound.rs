//! From values to a record's headers.

use std::borrow::Cow;

use bindery_core::{CONTENT_TYPE, HeaderValue, Headers};
use serde::Serializer as _;
use serde_json::Value;

use super::patterns::Patterns;
use super::{BOOLEAN, DATE, DOUBLE, INTEGER, LIST, LONG, MAP, STRING, TYPES, UNREADABLE_HEADERS, is_raw};
use crate::time;

/// Headers that are about a record's place or its consumer, and are never copied to another record.
pub(super) const NEVER: &[&str] = &[
    "kafka_acknowledgment",
    "kafka_consumer",
    "kafka_messageKey",
    "kafka_offset",
    "kafka_partitionId",
    "kafka_data",
    "kafka_receivedMessageKey",
    "kafka_receivedPartitionId",
    "kafka_receivedTimestamp",
    "kafka_receivedTopic",
    "kafka_timestamp",
    "kafka_timestampType",
    "kafka_batchConvertedHeaders",
    "kafka_nativeHeaders",
    "kafka_topic",
    "kafka_deliveryAttempt",
    "kafka_listenerInfo",
    "kafka_groupId",
    TYPES,
    UNREADABLE_HEADERS,
];

/// Where headers tell a record to go, where the binding doesn't.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Directions {
    /// `kafka_topic`.
    pub(crate) topic: Option<String>,
    /// `kafka_partitionId`.
    pub(crate) partition: Option<i32>,
    /// `kafka_timestamp`.
    pub(crate) timestamp: Option<i64>,
    /// `kafka_messageKey`.
    pub(crate) key: Option<Vec<u8>>,
}

/// A record's headers, ready for the wire.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rendered<'a> {
    /// Names and values in order, the types last.
    pub(crate) pairs: Vec<(&'a str, Cow<'a, [u8]>)>,
    /// What some of the headers direct.
    pub(crate) directions: Directions,
}

/// Renders headers as Spring's header mapper does. Of a repeated name the last value goes out.
pub(crate) fn render<'a>(headers: &'a Headers, patterns: &Patterns) -> Rendered<'a> {
    let mut rendered = Rendered::default();
    let mut types = Vec::new();
    for (name, value) in headers.iter() {
        direct(&mut rendered.directions, name, value);
        if NEVER.contains(&name) || !patterns.allow(name) {
            continue;
        }
        rendered.pairs.retain(|(known, _)| *known != name);
        types.retain(|(known, _)| *known != name);
        let encoded = match value {
            HeaderValue::Text(text) if is_raw(name) => Some((Cow::Borrowed(text.as_bytes()), None)),
            value => encode(value),
        };
        let Some((bytes, class)) = encoded else {
            continue;
        };
        rendered.pairs.push((name, bytes));
        if let Some(class) = class {
            types.push((name, class));
        }
    }
    if !types.is_empty() {
        rendered.pairs.push((TYPES, rendered_types(&types)));
    }
    rendered
}

/// The types of headers that are nothing but a content type, as those of most records are.
const CONTENT_TYPE_ONLY: &[u8] = br#"{"contentType":"java.lang.String"}"#;

/// The types as a JSON object, in the order of their headers.
fn rendered_types(types: &[(&str, &str)]) -> Cow<'static, [u8]> {
    match types {
        [(CONTENT_TYPE, STRING)] => Cow::Borrowed(CONTENT_TYPE_ONLY),
        _ => Cow::Owned(object(types)),
    }
}

/// A JSON object of texts, in their order.
fn object(entries: &[(&str, &str)]) -> Vec<u8> {
    let sizes = entries.iter().map(|(name, text)| name.len() + text.len() + 6);
    let mut json = Vec::with_capacity(sizes.sum::<usize>() + 2);
    let mut serializer = serde_json::Serializer::new(&mut json);
    let entries = entries.iter().copied();
    // Texts can always be written, and memory takes them all.
    (&mut serializer).collect_map(entries).ok();
    json
}

fn direct(directions: &mut Directions, name: &str, value: &HeaderValue) {
    match name {
        "kafka_topic" => directions.topic = value.as_text().map(str::to_owned),
        "kafka_partitionId" => directions.partition = value.as_i64().and_then(|n| i32::try_from(n).ok()),
        "kafka_timestamp" => directions.timestamp = value.as_i64(),
        "kafka_messageKey" => {
            directions.key = match value {
                HeaderValue::Bytes(bytes) => Some(bytes.to_vec()),
                other => other.as_text().map(|text| text.as_bytes().to_vec()),
            }
        }
        _ => {}
    }
}

/// The bytes of a value and its Java type; nothing for what is not sent.
fn encode(value: &HeaderValue) -> Option<(Cow<'_, [u8]>, Option<&str>)> {
    let typed = |text: String, class| Some((Cow::Owned(text.into_bytes()), Some(class)));
    match value {
        HeaderValue::Null => None,
        HeaderValue::Bytes(bytes) => Some((Cow::Borrowed(bytes), None)),
        // Readers take a text that begins with a quote for JSON.
        HeaderValue::Text(text) if text.starts_with('"') => typed(Value::from(&**text).to_string(), STRING),
        HeaderValue::Text(text) => Some((Cow::Borrowed(text.as_bytes()), Some(STRING))),
        HeaderValue::Bool(value) => typed(value.to_string(), BOOLEAN),
        HeaderValue::Int(value) => typed(value.to_string(), INTEGER),
        HeaderValue::Long(value) => typed(value.to_string(), LONG),
        // JSON has no word for what isn't finite; such a value is not sent, as on the JVM.
        HeaderValue::Double(value) if !value.is_finite() => None,
        HeaderValue::Double(value) => typed(Value::from(*value).to_string(), DOUBLE),
        HeaderValue::Timestamp(millis) => typed(format!("\"{}\"", time::format(*millis)), DATE),
        HeaderValue::List(_) => typed(value.to_json().to_string(), LIST),
        HeaderValue::Map(_) => typed(value.to_json().to_string(), MAP),
        HeaderValue::Json { class, text } => Some((Cow::Borrowed(text.as_bytes()), Some(class))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_of_a_content_type_alone_are_what_they_would_be_made_to() {
        assert_eq!(CONTENT_TYPE_ONLY, object(&[(CONTENT_TYPE, STRING)]));
    }
}
