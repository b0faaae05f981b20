//! Messages on their way out: headers as AMQP properties and header tables.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use bindery_core::{CONTENT_TYPE, Error, ErrorKind, HeaderValue, Headers, MESSAGE_KEY, PARTITION, Result};
use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, DecimalValue, FieldArray, FieldTable, LongString, ShortString};
use rand::RngCore;

use crate::convert::{AUTO_DECOMPRESS, MAX_DEPTH, NAMES, gzip_over, is_amqp_name};
use crate::options::Patterns;

/// Headers that Spring never lets out.
const INTERNAL: [&str; 4] = [
    PARTITION,
    "sourceData",
    "deliveryAttempt",
    "rabbitmq_streamContext",
];
/// Headers that mean further routing keys to the broker, which closes the channel when they are something else.
const COPIES: [&str; 2] = ["CC", "BCC"];
const UNTYPED: &str = "application/octet-stream";

/// How headers of one output are rendered.
#[derive(Clone, Debug)]
pub(crate) struct Rendering<'a> {
    pub(crate) patterns: &'a Patterns,
    pub(crate) delivery_mode: u8,
    pub(crate) compressed: bool,
}

/// Renders the headers of a new publication: Spring's defaults fill what no header says.
///
/// # Errors
/// A permanent payload error when a header can't be said in AMQP.
pub(crate) fn publication(
    headers: &Headers,
    key: Option<&Bytes>,
    rendering: &Rendering<'_>,
) -> Result<BasicProperties> {
    let mut parts = Parts::read(headers, Some(rendering.patterns))?;
    if let Some(key) = key {
        let value = match std::str::from_utf8(key) {
            Ok(text) => AMQPValue::LongString(text.into()),
            Err(_) => AMQPValue::ByteArray(key.to_vec().into()),
        };
        parts.table.insert(MESSAGE_KEY.into(), value);
    }
    if rendering.compressed {
        let encoding = gzip_over(parts.content_encoding.as_ref().map(ShortString::as_str));
        parts.content_encoding = Some(short(&encoding, "content encoding")?);
        parts
            .table
            .insert(AUTO_DECOMPRESS.into(), AMQPValue::Boolean(true));
    }
    let content_type = parts.content_type.take().unwrap_or_else(|| UNTYPED.into());
    let message_id = parts.message_id.take().unwrap_or_else(new_message_id);
    let timestamp = parts.timestamp.take().unwrap_or_else(now_seconds);
    let priority = parts.priority.take().unwrap_or(0);
    Ok(parts
        .properties()
        .with_content_type(content_type)
        .with_message_id(message_id)
        .with_timestamp(timestamp)
        .with_priority(priority)
        .with_delivery_mode(rendering.delivery_mode))
}

/// Renders the copy of a received message: properties as they came, but always with a message id.
pub(crate) fn copy(headers: &Headers, key: Option<&Bytes>, delivery_mode: u8) -> BasicProperties {
    let mut parts = Parts::read_what_fits(headers);
    if let Some(key) = key {
        let value = match std::str::from_utf8(key) {
            Ok(text) => AMQPValue::LongString(text.into()),
            Err(_) => AMQPValue::ByteArray(key.to_vec().into()),
        };
        parts.table.insert(MESSAGE_KEY.into(), value);
    }
    let content_type = parts.content_type.take();
    let message_id = parts.message_id.take().unwrap_or_else(new_message_id);
    let timestamp = parts.timestamp.take();
    let priority = parts.priority.take();
    let mut properties = parts
        .properties()
        .with_message_id(message_id)
        .with_delivery_mode(delivery_mode);
    if let Some(content_type) = content_type {
        properties = properties.with_content_type(content_type);
    }
    if let Some(timestamp) = timestamp {
        properties = properties.with_timestamp(timestamp);
    }
    if let Some(priority) = priority {
        properties = properties.with_priority(priority);
    }
    properties
}

#[derive(Default)]
struct Parts {
    content_type: Option<ShortString>,
    content_encoding: Option<ShortString>,
    message_id: Option<ShortString>,
    correlation_id: Option<ShortString>,
    expiration: Option<ShortString>,
    reply_to: Option<ShortString>,
    kind: Option<ShortString>,
    app_id: Option<ShortString>,
    priority: Option<u8>,
    timestamp: Option<u64>,
    table: BTreeMap<ShortString, AMQPValue>,
}

impl Parts {
    fn read(headers: &Headers, patterns: Option<&Patterns>) -> Result<Self> {
        let mut parts = Self::default();
        for (name, value) in headers.iter() {
            let included = patterns.is_none_or(|patterns| patterns.include(name));
            if included && !INTERNAL.contains(&name) {
                parts.add(name, value)?;
            }
        }
        Ok(parts)
    }

    /// Like `read`, but what can't be said is left out: a dead letter is published whatever its headers are.
    fn read_what_fits(headers: &Headers) -> Self {
        let mut parts = Self::default();
        for (name, value) in headers.iter() {
            if parts.add(name, value).is_err() {
                tracing::debug!(
                    header = name,
                    "header left out of a dead letter: it can't be said in AMQP"
                );
            }
        }
        parts
    }

    fn add(&mut self, name: &str, value: &HeaderValue) -> Result<()> {
        if name == CONTENT_TYPE {
            // Some JVM senders put quotes around it; a table or number is no content type.
            let text = value.as_text().unwrap_or_default().trim_matches('"');
            self.content_type = (!text.is_empty())
                .then(|| short(text, "content type"))
                .transpose()?;
            return Ok(());
        }
        if is_amqp_name(name) {
            return self.add_property(name, value);
        }
        if COPIES.contains(&name) && !is_list_of_texts(value) {
            return Err(unsayable(format!(
                "header `{name}` means further routing keys to RabbitMQ and must be a list of texts"
            )));
        }
        let name = ShortString::try_new(name).map_err(|_| {
            unsayable(format!(
                "header name `{name:.40}…` has {} bytes; at most 255 fit",
                name.len()
            ))
        })?;
        let value = amqp_value(value, 0).ok_or_else(|| {
            unsayable(format!(
                "header `{name}` is nested deeper than {MAX_DEPTH} levels, or a name within it has more than 255 bytes"
            ))
        })?;
        self.table.insert(name, value);
        Ok(())
    }

    fn add_property(&mut self, name: &str, value: &HeaderValue) -> Result<()> {
        let names = &*NAMES;
        let slot = match name {
            _ if name == &*names.message_id => &mut self.message_id,
            _ if name == &*names.correlation_id => &mut self.correlation_id,
            _ if name == &*names.content_encoding => &mut self.content_encoding,
            _ if name == &*names.expiration => &mut self.expiration,
            _ if name == &*names.kind => &mut self.kind,
            _ if name == &*names.app_id => &mut self.app_id,
            _ if name == &*names.reply_to => &mut self.reply_to,
            _ if name == &*names.priority => {
                self.priority = value.as_i64().and_then(|value| u8::try_from(value).ok());
                return Ok(());
            }
            _ if name == &*names.timestamp => {
                self.timestamp = value.as_i64().and_then(|value| u64::try_from(value / 1000).ok());
                return Ok(());
            }
            // The others tell where a message came from: they never go out.
            _ => return Ok(()),
        };
        let text = match value {
            HeaderValue::Null => None,
            _ => Some(short(&plain_text(value), name)?),
        };
        // The broker closes the channel of a message whose expiration is no number.
        let is_number = |text: &ShortString| {
            !text.as_str().is_empty() && text.as_str().bytes().all(|c| c.is_ascii_digit())
        };
        if name == &*names.expiration && !text.as_ref().is_none_or(is_number) {
            return Err(unsayable(format!(
                "header `{name}` must be a number of milliseconds"
            )));
        }
        *slot = text;
        Ok(())
    }

    fn properties(self) -> BasicProperties {
        let mut properties = BasicProperties::default();
        if !self.table.is_empty() {
            properties = properties.with_headers(FieldTable::from(self.table));
        }
        type Setter = fn(BasicProperties, ShortString) -> BasicProperties;
        let texts: [(Option<ShortString>, Setter); 6] = [
            (self.content_encoding, BasicProperties::with_content_encoding),
            (self.correlation_id, BasicProperties::with_correlation_id),
            (self.expiration, BasicProperties::with_expiration),
            (self.reply_to, BasicProperties::with_reply_to),
            (self.kind, BasicProperties::with_type),
            (self.app_id, BasicProperties::with_app_id),
        ];
        for (value, set) in texts {
            if let Some(value) = value {
                properties = set(properties, value);
            }
        }
        properties
    }
}

/// A header's value for the wire; `None` when it is nested too deeply.
pub(crate) fn amqp_value(value: &HeaderValue, depth: usize) -> Option<AMQPValue> {
    if depth > MAX_DEPTH {
        return None;
    }
    Some(match value {
        HeaderValue::Null => AMQPValue::Void,
        HeaderValue::Bool(value) => AMQPValue::Boolean(*value),
        HeaderValue::Int(value) => AMQPValue::LongInt(*value),
        HeaderValue::Long(value) => AMQPValue::LongLongInt(*value),
        HeaderValue::Double(value) => AMQPValue::Double(*value),
        // A short string as a value makes the broker close the connection.
        HeaderValue::Text(text) => AMQPValue::LongString(LongString::from(&**text)),
        HeaderValue::Bytes(bytes) => AMQPValue::ByteArray(bytes.to_vec().into()),
        HeaderValue::Timestamp(millis) => AMQPValue::Timestamp(u64::try_from(millis / 1000).unwrap_or(0)),
        HeaderValue::List(values) => {
            let mut array = FieldArray::default();
            for value in values {
                array.push(amqp_value(value, depth + 1)?);
            }
            AMQPValue::FieldArray(array)
        }
        HeaderValue::Map(entries) => {
            let mut table = FieldTable::default();
            for (name, value) in entries {
                table.insert(ShortString::try_new(&**name).ok()?, amqp_value(value, depth + 1)?);
            }
            AMQPValue::FieldTable(table)
        }
        HeaderValue::Json { class, text } => json_value(class, text),
    })
}

/// A value of a type that AMQP doesn't have: decimals where they fit, else Java's `toString`, which for a JSON string
/// is its content.
fn json_value(class: &str, text: &str) -> AMQPValue {
    if class == "java.math.BigDecimal"
        && let Some(value) = decimal(text)
    {
        return AMQPValue::DecimalValue(value);
    }
    match serde_json::from_str(text) {
        Ok(serde_json::Value::String(content)) => AMQPValue::LongString(content.into()),
        _ => AMQPValue::LongString(text.into()),
    }
}

fn decimal(text: &str) -> Option<DecimalValue> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let value: i32 = format!("{sign}{whole}{fraction}").parse().ok()?;
    Some(DecimalValue {
        scale: u8::try_from(fraction.len()).ok()?,
        value: value.cast_unsigned(),
    })
}

fn is_list_of_texts(value: &HeaderValue) -> bool {
    match value {
        HeaderValue::List(values) => values.iter().all(|value| matches!(value, HeaderValue::Text(_))),
        _ => false,
    }
}

fn plain_text(value: &HeaderValue) -> String {
    match value.as_text() {
        Some(text) => text.to_owned(),
        None => value.to_json().to_string(),
    }
}

fn short(text: &str, what: &str) -> Result<ShortString> {
    ShortString::try_new(text).map_err(|_| {
        unsayable(format!(
            "{what} `{text:.40}…` has {} bytes; at most 255 fit",
            text.len()
        ))
    })
}

fn unsayable(message: String) -> Error {
    Error::new(ErrorKind::Payload, message)
}

/// A random UUID as a message id.
pub(crate) fn new_message_id() -> ShortString {
    let mut bytes = [0_u8; 16];
    rand::rng().fill_bytes(&mut bytes);
    let id = uuid::Builder::from_random_bytes(bytes).into_uuid();
    ShortString::from(id.hyphenated().to_string())
}

fn now_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// About how many bytes a table takes on the wire: it must fit into one frame with the other properties.
pub(crate) fn size_bytes(properties: &BasicProperties) -> usize {
    const OTHER_PROPERTIES: usize = 1024;
    let table = properties.headers().as_ref().map_or(0, table_bytes);
    OTHER_PROPERTIES + table
}

fn table_bytes(table: &FieldTable) -> usize {
    table
        .into_iter()
        .map(|(name, value)| name.as_str().len() + 2 + value_bytes(value))
        .sum()
}

fn value_bytes(value: &AMQPValue) -> usize {
    // The nesting was bounded where the values were made.
    4 + match value {
        AMQPValue::LongString(text) => text.as_bytes().len(),
        AMQPValue::ByteArray(bytes) => bytes.len(),
        AMQPValue::ShortString(text) => text.as_str().len(),
        AMQPValue::FieldArray(values) => values.as_slice().iter().map(value_bytes).sum(),
        AMQPValue::FieldTable(table) => table_bytes(table),
        _ => 8,
    }
}
