//! Messages as they come in: AMQP properties and header tables as headers.

use std::io::Read;
use std::sync::{Arc, LazyLock};

use bindery_core::{CONTENT_TYPE, HeaderValue, MESSAGE_KEY, Origin, RawMessage, UNREADABLE_HEADERS};
use bytes::Bytes;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use crate::options::Patterns;
use crate::screen::SUBSTITUTE;

/// How deeply tables and lists in headers may be nested; deeper headers are left out, and the message is marked.
pub(crate) const MAX_DEPTH: usize = 32;

/// The names of headers that stand for AMQP properties, shared by all messages.
pub(crate) struct Names {
    pub(crate) content_type: Arc<str>,
    pub(crate) message_id: Arc<str>,
    pub(crate) correlation_id: Arc<str>,
    pub(crate) expiration: Arc<str>,
    pub(crate) priority: Arc<str>,
    pub(crate) kind: Arc<str>,
    pub(crate) app_id: Arc<str>,
    pub(crate) reply_to: Arc<str>,
    pub(crate) content_encoding: Arc<str>,
    pub(crate) timestamp: Arc<str>,
    received_user_id: Arc<str>,
    received_exchange: Arc<str>,
    received_routing_key: Arc<str>,
    received_delivery_mode: Arc<str>,
    consumer_queue: Arc<str>,
    persistent: Arc<str>,
    non_persistent: Arc<str>,
}

/// Names as Spring spells them.
pub(crate) static NAMES: LazyLock<Names> = LazyLock::new(|| Names {
    content_type: CONTENT_TYPE.into(),
    message_id: "amqp_messageId".into(),
    correlation_id: "amqp_correlationId".into(),
    expiration: "amqp_expiration".into(),
    priority: "amqp_priority".into(),
    kind: "amqp_type".into(),
    app_id: "amqp_appId".into(),
    reply_to: "amqp_replyTo".into(),
    content_encoding: "amqp_contentEncoding".into(),
    timestamp: "amqp_timestamp".into(),
    received_user_id: "amqp_receivedUserId".into(),
    received_exchange: "amqp_receivedExchange".into(),
    received_routing_key: "amqp_receivedRoutingKey".into(),
    received_delivery_mode: "amqp_receivedDeliveryMode".into(),
    consumer_queue: "amqp_consumerQueue".into(),
    persistent: "PERSISTENT".into(),
    non_persistent: "NON_PERSISTENT".into(),
});

/// Tells the receiver to undo the compression, as Spring's compressing senders set it.
pub(crate) const AUTO_DECOMPRESS: &str = "springAutoDecompress";
const GZIP: &str = "gzip";

/// What all deliveries of one consumer have in common.
#[derive(Debug)]
pub(crate) struct Inbound {
    pub(crate) queue: Arc<str>,
    pub(crate) exchange: Arc<str>,
    pub(crate) partition: Option<i32>,
    pub(crate) patterns: Patterns,
    pub(crate) max_decompressed_bytes: usize,
}

impl Inbound {
    /// Makes a message of a delivery. A compressed body is decompressed; one that can't be stays as it came, and its
    /// content encoding says so.
    pub(crate) fn message(&self, delivery: Delivery) -> RawMessage {
        let Delivery {
            delivery_tag,
            exchange,
            routing_key,
            redelivered,
            properties,
            data,
            ..
        } = delivery;
        let routing_key: Arc<str> = routing_key.as_str().into();
        let exchange: Arc<str> = if exchange.as_str() == &*self.exchange {
            self.exchange.clone()
        } else {
            exchange.as_str().into()
        };
        let mut payload = Bytes::from(data);
        let mut encoding = properties.content_encoding().as_ref().map(ShortString::as_str);
        let mut decompressed = false;
        if let Some(rest) = encoding.and_then(without_gzip)
            && let Some(plain) = decompress(&payload, self.max_decompressed_bytes)
        {
            payload = plain;
            encoding = (!rest.is_empty()).then_some(rest);
            decompressed = true;
        }

        let mut pairs: Vec<(Arc<str>, HeaderValue)> = Vec::with_capacity(10);
        let mut key = None;
        let mut unreadable = false;
        let has_content_type = properties.content_type().is_some();
        for (name, value) in properties.headers().iter().flat_map(FieldTable::inner) {
            let name = name.as_str();
            if is_ours(name) {
                continue;
            }
            let hidden =
                (has_content_type && name == CONTENT_TYPE) || (decompressed && name == AUTO_DECOMPRESS);
            if hidden {
                continue;
            }
            let readable = header_value(value, 0).filter(|_| !name.contains(char::from(SUBSTITUTE)));
            let Some(value) = readable else {
                unreadable = true;
                continue;
            };
            if name == MESSAGE_KEY {
                key = key_bytes(&value);
            } else if self.patterns.include(name) {
                pairs.push((name.into(), value));
            }
        }
        if unreadable {
            pairs.push((UNREADABLE_HEADERS.into(), HeaderValue::Bool(true)));
        }
        let mut property = |name: &Arc<str>, value: Option<HeaderValue>| {
            if let Some(value) = value
                && self.patterns.include(name)
            {
                pairs.push((name.clone(), value));
            }
        };
        let names = &*NAMES;
        property(&names.content_type, text(properties.content_type()));
        property(&names.received_exchange, Some(exchange.clone().into()));
        property(&names.received_routing_key, Some(routing_key.clone().into()));
        property(
            &names.received_delivery_mode,
            properties.delivery_mode().map(|mode| match mode {
                2 => names.persistent.clone().into(),
                _ => names.non_persistent.clone().into(),
            }),
        );
        property(&names.consumer_queue, Some(self.queue.clone().into()));
        property(&names.message_id, text(properties.message_id()));
        property(&names.correlation_id, text(properties.correlation_id()));
        property(&names.content_encoding, encoding.map(HeaderValue::from));
        property(&names.expiration, text(properties.expiration()));
        property(
            &names.priority,
            properties
                .priority()
                .map(|priority| HeaderValue::Int(priority.into())),
        );
        let timestamp = properties.timestamp().and_then(millis);
        property(&names.timestamp, timestamp.map(HeaderValue::Timestamp));
        property(&names.kind, text(properties.kind()));
        property(&names.app_id, text(properties.app_id()));
        property(&names.reply_to, text(properties.reply_to()));
        property(&names.received_user_id, text(properties.user_id()));

        RawMessage {
            payload: Some(payload),
            key,
            headers: pairs.into_iter().collect(),
            origin: Origin {
                destination: exchange,
                routing_key: Some(routing_key),
                partition: self.partition,
                position: delivery_tag,
                timestamp,
                redelivered,
            },
        }
    }
}

fn text(value: &Option<ShortString>) -> Option<HeaderValue> {
    value.as_ref().map(|value| HeaderValue::from(value.as_str()))
}

fn millis(seconds: u64) -> Option<i64> {
    i64::try_from(seconds).ok()?.checked_mul(1000)
}

fn key_bytes(value: &HeaderValue) -> Option<Bytes> {
    match value {
        HeaderValue::Bytes(bytes) => Some(bytes.clone()),
        HeaderValue::Null => None,
        HeaderValue::Text(text) => Some(Bytes::copy_from_slice(text.as_bytes())),
        other => Some(other.to_json().to_string().into()),
    }
}

/// A value of a header table; `None` when it is nested too deeply.
pub(crate) fn header_value(value: &AMQPValue, depth: usize) -> Option<HeaderValue> {
    if depth > MAX_DEPTH {
        return None;
    }
    Some(match value {
        AMQPValue::Boolean(value) => HeaderValue::Bool(*value),
        AMQPValue::ShortShortInt(value) => HeaderValue::Int(i32::from(*value)),
        AMQPValue::ShortShortUInt(value) => HeaderValue::Int(i32::from(*value)),
        AMQPValue::ShortInt(value) => HeaderValue::Int(i32::from(*value)),
        AMQPValue::ShortUInt(value) => HeaderValue::Int(i32::from(*value)),
        AMQPValue::LongInt(value) => HeaderValue::Int(*value),
        AMQPValue::LongUInt(value) => HeaderValue::Long(i64::from(*value)),
        AMQPValue::LongLongInt(value) => HeaderValue::Long(*value),
        AMQPValue::Float(value) => HeaderValue::Double(f64::from(*value)),
        AMQPValue::Double(value) => HeaderValue::Double(*value),
        AMQPValue::DecimalValue(value) => HeaderValue::Json {
            class: "java.math.BigDecimal".into(),
            text: decimal_text(value.value, value.scale).into(),
        },
        AMQPValue::ShortString(value) => HeaderValue::from(value.as_str()),
        AMQPValue::LongString(value) => match std::str::from_utf8(value.as_bytes()) {
            Ok(text) => HeaderValue::from(text),
            Err(_) => HeaderValue::Bytes(Bytes::copy_from_slice(value.as_bytes())),
        },
        AMQPValue::ByteArray(value) => HeaderValue::Bytes(Bytes::copy_from_slice(value.as_slice())),
        AMQPValue::Timestamp(seconds) => HeaderValue::Timestamp(millis(*seconds)?),
        AMQPValue::Void => HeaderValue::Null,
        AMQPValue::FieldArray(values) => HeaderValue::List(
            values
                .as_slice()
                .iter()
                .map(|value| header_value(value, depth + 1))
                .collect::<Option<_>>()?,
        ),
        AMQPValue::FieldTable(table) => HeaderValue::Map(
            table
                .into_iter()
                .map(|(name, value)| Some((name.as_str().into(), header_value(value, depth + 1)?)))
                .collect::<Option<_>>()?,
        ),
    })
}

/// The decimal number `value / 10^scale`. Other clients take the value's 32 bits for a signed number, whatever the
/// protocol says.
fn decimal_text(value: u32, scale: u8) -> String {
    let value = value.cast_signed();
    let sign = if value < 0 { "-" } else { "" };
    let digits = format!(
        "{:0>width$}",
        value.unsigned_abs(),
        width = usize::from(scale) + 1
    );
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let point = digits.len() - usize::from(scale);
    format!("{sign}{}.{}", &digits[..point], &digits[point..])
}

/// What is left of a content encoding when gzip, the outermost, is undone.
fn without_gzip(encoding: &str) -> Option<&str> {
    let rest = encoding.strip_prefix(GZIP)?;
    match rest.strip_prefix([',', ':']) {
        Some(rest) => Some(rest.trim_start()),
        None => rest.is_empty().then_some(""),
    }
}

/// The decompressed body, if it is valid and no larger than `limit` bytes.
fn decompress(body: &[u8], limit: usize) -> Option<Bytes> {
    let mut plain = Vec::new();
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    flate2::read::GzDecoder::new(body)
        .take(bound)
        .read_to_end(&mut plain)
        .ok()?;
    (plain.len() <= limit).then(|| plain.into())
}

/// Whether a header is ours to give: a sender that puts it into the table would speak for the broker, for example
/// about the user that it checked.
fn is_ours(name: &str) -> bool {
    is_amqp_name(name) || name == UNREADABLE_HEADERS
}

/// Whether the header stands for an AMQP property or tells where a message came from.
pub(crate) fn is_amqp_name(name: &str) -> bool {
    name.starts_with("amqp_")
}

/// Compresses a body.
pub(crate) fn compress(body: &[u8], level: u32) -> std::io::Result<Bytes> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(body)?;
    encoder.finish().map(Bytes::from)
}

/// The content encoding after compressing what had `previous`.
pub(crate) fn gzip_over(previous: Option<&str>) -> String {
    match previous {
        Some(previous) if !previous.is_empty() => format!("{GZIP},{previous}"),
        _ => GZIP.to_owned(),
    }
}

#[cfg(test)]
#[path = "headers_properties.rs"]
mod properties;
