//! From a record's headers to values.

use std::sync::Arc;

use bindery_core::{CONTENT_TYPE, Glance, HeaderValue};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::outbound::NEVER;
use super::{
    BOOLEAN, DATE, DOUBLE, INTEGER, LIST, LONG, MAP, STRING, TYPES, UNREADABLE_HEADERS, encoded, is_raw,
};
use crate::time;

/// Reads encoded headers: what `spring_json_header_types` names has its type, the rest is bytes. Of a name that comes
/// more than once all values stay, the last one on top. What can't be read as its type stays bytes. Headers that are
/// never sent are left out: who sends them all the same would speak for this program, for example about the partition
/// of an output that copies its input's headers.
pub(crate) fn read(bytes: &Bytes) -> Vec<(Arc<str>, HeaderValue)> {
    let types = types(bytes);
    let mut headers: Vec<_> = encoded::pairs(bytes)
        .filter(|(name, _)| !is_ours(name))
        .map(|(name, value)| {
            let class = types.as_ref().and_then(|types| types.get(name)?.as_str());
            (name.into(), decode(name, class, value))
        })
        .collect();
    if encoded::flags(bytes).unreadable {
        headers.push((UNREADABLE_HEADERS.into(), HeaderValue::Bool(true)));
    }
    headers
}

/// The content type without reading the rest. It says the same as [`read`], or that it can't tell: whatever type
/// `spring_json_header_types` gives it, a text that is no JSON stays the text that it is, and no media type is JSON.
pub(crate) fn glance(bytes: &Bytes) -> Glance<'_> {
    if encoded::flags(bytes).unreadable {
        return Glance::Unusual;
    }
    let mut content_type = None;
    for (name, value) in encoded::raw_pairs(bytes) {
        if name == CONTENT_TYPE.as_bytes() {
            content_type = Some(value);
        } else if name == UNREADABLE_HEADERS.as_bytes() {
            return Glance::Unusual;
        }
    }
    match content_type {
        None => Glance::ContentType(None),
        Some(Some(text)) if is_bare_media_type(text) => Glance::ContentType(Some(text)),
        Some(_) => Glance::Unusual,
    }
}

/// Whether this is text with the slash of a media type, and without the quotes that some senders put around it.
fn is_bare_media_type(text: &[u8]) -> bool {
    // What most messages say is told at once.
    text == b"application/json" || text.is_ascii() && text.contains(&b'/') && !text.contains(&b'"')
}

/// Whether a header is ours to give. The mark of unreadable headers stays in dead letters, as bytes: it marks nothing
/// there.
fn is_ours(name: &str) -> bool {
    NEVER.contains(&name) && name != UNREADABLE_HEADERS
}

/// The types, if the record has them. The last such header wins, as with any other.
fn types(bytes: &Bytes) -> Option<Map<String, Value>> {
    let text = encoded::pairs(bytes)
        .filter(|(name, _)| *name == TYPES)
        .last()?
        .1?;
    serde_json::from_slice(&text).ok()
}

fn decode(name: &str, class: Option<&str>, value: Option<Bytes>) -> HeaderValue {
    let Some(value) = value else {
        return HeaderValue::Null;
    };
    let Ok(text) = std::str::from_utf8(&value) else {
        return HeaderValue::Bytes(value);
    };
    match class.filter(|_| name != UNREADABLE_HEADERS) {
        Some(class) => typed(class, text).unwrap_or(HeaderValue::Bytes(value)),
        None if is_raw(name) || name == CONTENT_TYPE => HeaderValue::Text(unquoted(text).as_str().into()),
        None => HeaderValue::Bytes(value),
    }
}

fn typed(class: &str, text: &str) -> Option<HeaderValue> {
    let json = || serde_json::from_str::<Value>(text).ok();
    Some(match class {
        STRING => HeaderValue::Text(unquoted(text).as_str().into()),
        INTEGER => HeaderValue::Int(i32::try_from(json()?.as_i64()?).ok()?),
        LONG => HeaderValue::Long(json()?.as_i64()?),
        BOOLEAN => HeaderValue::Bool(json()?.as_bool()?),
        DOUBLE => HeaderValue::Double(json()?.as_f64()?),
        DATE => HeaderValue::Timestamp(date(&json()?)?),
        LIST | MAP => from_json(&json()?),
        _ => {
            json()?;
            HeaderValue::Json {
                class: class.into(),
                text: text.into(),
            }
        }
    })
}

/// A text that some senders write as JSON, without its quotes.
fn unquoted(text: &str) -> String {
    if text.starts_with('"')
        && let Ok(inner) = serde_json::from_str::<String>(text)
    {
        return inner;
    }
    text.to_owned()
}

/// A point in time that can be written again.
fn date(value: &Value) -> Option<i64> {
    match value {
        Value::Number(millis) => millis.as_i64().filter(|millis| time::WRITABLE.contains(millis)),
        Value::String(text) => time::parse(text),
        _ => None,
    }
}

fn from_json(value: &Value) -> HeaderValue {
    match value {
        Value::Null => HeaderValue::Null,
        Value::Bool(value) => HeaderValue::Bool(*value),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => i32::try_from(integer).map_or(HeaderValue::Long(integer), HeaderValue::Int),
            None => HeaderValue::Double(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => HeaderValue::Text(text.as_str().into()),
        Value::Array(items) => HeaderValue::List(items.iter().map(from_json).collect()),
        Value::Object(entries) => HeaderValue::Map(
            entries
                .iter()
                .map(|(name, value)| (name.as_str().into(), from_json(value)))
                .collect(),
        ),
    }
}
