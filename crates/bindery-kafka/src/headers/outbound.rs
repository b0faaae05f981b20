//! From values to a record's headers.

use bindery_core::{HeaderValue, Headers};
use serde_json::{Map, Value};

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
pub(crate) struct Rendered {
    /// Names and values in order, the types last.
    pub(crate) pairs: Vec<(String, Vec<u8>)>,
    /// What some of the headers direct.
    pub(crate) directions: Directions,
}

/// Renders headers as Spring's header mapper does. Of a repeated name the last value goes out.
pub(crate) fn render(headers: &Headers, patterns: &Patterns) -> Rendered {
    let mut rendered = Rendered::default();
    let mut types = Map::new();
    for (name, value) in headers.iter() {
        direct(&mut rendered.directions, name, value);
        if NEVER.contains(&name) || !patterns.allow(name) {
            continue;
        }
        rendered.pairs.retain(|(known, _)| known != name);
        types.remove(name);
        let encoded = match value {
            HeaderValue::Text(text) if is_raw(name) => Some((text.as_bytes().to_vec(), None)),
            value => encode(value),
        };
        let Some((bytes, class)) = encoded else {
            continue;
        };
        rendered.pairs.push((name.to_owned(), bytes));
        if let Some(class) = class {
            types.insert(name.to_owned(), Value::from(class));
        }
    }
    if !types.is_empty() {
        rendered
            .pairs
            .push((TYPES.to_owned(), Value::Object(types).to_string().into_bytes()));
    }
    rendered
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
fn encode(value: &HeaderValue) -> Option<(Vec<u8>, Option<&str>)> {
    let typed = |text: String, class| Some((text.into_bytes(), Some(class)));
    match value {
        HeaderValue::Null => None,
        HeaderValue::Bytes(bytes) => Some((bytes.to_vec(), None)),
        // Readers take a text that begins with a quote for JSON.
        HeaderValue::Text(text) if text.starts_with('"') => typed(Value::from(&**text).to_string(), STRING),
        HeaderValue::Text(text) => typed(text.to_string(), STRING),
        HeaderValue::Bool(value) => typed(value.to_string(), BOOLEAN),
        HeaderValue::Int(value) => typed(value.to_string(), INTEGER),
        HeaderValue::Long(value) => typed(value.to_string(), LONG),
        // JSON has no word for what isn't finite; such a value is not sent, as on the JVM.
        HeaderValue::Double(value) if !value.is_finite() => None,
        HeaderValue::Double(value) => typed(Value::from(*value).to_string(), DOUBLE),
        HeaderValue::Timestamp(millis) => typed(format!("\"{}\"", time::format(*millis)), DATE),
        HeaderValue::List(_) => typed(value.to_json().to_string(), LIST),
        HeaderValue::Map(_) => typed(value.to_json().to_string(), MAP),
        HeaderValue::Json { class, text } => Some((text.as_bytes().to_vec(), Some(class))),
    }
}
