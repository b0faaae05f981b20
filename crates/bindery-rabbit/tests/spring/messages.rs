//! Messages in a form that compares and prints well, from captures and from the broker: that of the captures.

use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Map, Value, json};

/// A message as the broker delivered it.
pub(crate) fn delivered(delivery: &Delivery) -> Value {
    let properties = &delivery.properties;
    let body = match std::str::from_utf8(&delivery.data) {
        Ok(text) if !text.chars().any(char::is_control) => json!({ "text": text }),
        _ => json!({ "hex": hex(&delivery.data) }),
    };
    json!({
        "exchange": delivery.exchange.as_str(),
        "routing_key": delivery.routing_key.as_str(),
        "redelivered": delivery.redelivered,
        "properties": properties_of(properties),
        "body": body,
    })
}

fn properties_of(properties: &BasicProperties) -> Value {
    let texts = [
        ("content_type", properties.content_type()),
        ("content_encoding", properties.content_encoding()),
        ("correlation_id", properties.correlation_id()),
        ("expiration", properties.expiration()),
        ("message_id", properties.message_id()),
        ("reply_to", properties.reply_to()),
        ("type", properties.kind()),
        ("app_id", properties.app_id()),
        ("user_id", properties.user_id()),
    ];
    let mut map: Map<String, Value> = texts
        .into_iter()
        .filter_map(|(name, text)| Some((name.to_owned(), text.as_ref()?.as_str().into())))
        .collect();
    if let Some(mode) = properties.delivery_mode() {
        map.insert("delivery_mode".to_owned(), json!(mode));
    }
    if let Some(priority) = properties.priority() {
        map.insert("priority".to_owned(), json!(priority));
    }
    if let Some(timestamp) = properties.timestamp() {
        map.insert("timestamp".to_owned(), json!(timestamp));
    }
    let headers = properties.headers().clone().unwrap_or_default();
    let headers: Map<String, Value> = headers
        .into_iter()
        .map(|(name, value)| (name.to_string(), json!({ "py": kind(value), "v": plain(value) })))
        .collect();
    map.insert("headers".to_owned(), headers.into());
    map.into()
}

/// The type of a value, as the captures name it.
fn kind(value: &AMQPValue) -> &'static str {
    match value {
        AMQPValue::Boolean(_) => "bool",
        AMQPValue::LongInt(_) => "int",
        AMQPValue::LongLongInt(_) => "long",
        AMQPValue::Double(_) => "double",
        AMQPValue::LongString(_) => "str",
        AMQPValue::ByteArray(_) => "bytes",
        AMQPValue::DecimalValue(_) => "Decimal",
        AMQPValue::Timestamp(_) => "datetime",
        AMQPValue::FieldArray(_) => "list",
        AMQPValue::FieldTable(_) => "dict",
        other => panic!("no header of the captures is a {other:?}"),
    }
}

fn plain(value: &AMQPValue) -> Value {
    match value {
        AMQPValue::Boolean(value) => json!(value),
        AMQPValue::LongInt(value) => json!(value),
        AMQPValue::LongLongInt(value) => json!(value),
        AMQPValue::Double(value) => json!(value),
        AMQPValue::LongString(text) => json!(text.to_string()),
        AMQPValue::ByteArray(bytes) => json!({ "hex": hex(bytes.as_slice()) }),
        AMQPValue::DecimalValue(value) => json!([value.value, value.scale]),
        AMQPValue::Timestamp(seconds) => json!(seconds),
        AMQPValue::FieldArray(values) => values.as_slice().iter().map(plain).collect(),
        AMQPValue::FieldTable(table) => plain_table(table),
        other => panic!("no header of the captures is a {other:?}"),
    }
}

fn plain_table(table: &FieldTable) -> Value {
    table
        .into_iter()
        .map(|(name, value)| (name.to_string(), plain(value)))
        .collect::<Map<_, _>>()
        .into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Puts fixed values in place of a generated message id and timestamp, which are checked.
pub(crate) fn without_generated(mut message: Value) -> Value {
    let properties = message["properties"].as_object_mut().unwrap();
    if let Some(id) = properties
        .get_mut("message_id")
        .filter(|id| id.as_str().unwrap().len() == 36)
    {
        assert_eq!(id.as_str().unwrap().matches('-').count(), 4, "{id}");
        *id = json!("a UUID");
    }
    if let Some(timestamp) = properties.get_mut("timestamp") {
        let seconds = timestamp.as_u64().unwrap();
        assert!((1_700_000_000..17_000_000_000).contains(&seconds), "{seconds}");
        *timestamp = json!("seconds");
    }
    message
}

/// Takes headers out of a message.
pub(crate) fn take(message: &mut Value, prefix: &str) -> Map<String, Value> {
    let headers = message["properties"]["headers"].as_object_mut().unwrap();
    let names: Vec<String> = headers
        .keys()
        .filter(|name| name.starts_with(prefix))
        .cloned()
        .collect();
    names
        .into_iter()
        .map(|name| {
            let value = headers.shift_remove(&name).unwrap();
            (name, value)
        })
        .collect()
}
