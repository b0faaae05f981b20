//! From Avro values to JSON.

use apache_avro::types::Value as Avro;
use serde_json::Value;

/// Converts a value. Its depth is bounded by the check before it was read.
pub(super) fn convert(value: Avro) -> Value {
    match value {
        Avro::Boolean(value) => value.into(),
        Avro::Int(value) | Avro::Date(value) | Avro::TimeMillis(value) => value.into(),
        Avro::Long(value)
        | Avro::TimeMicros(value)
        | Avro::TimestampMillis(value)
        | Avro::TimestampMicros(value)
        | Avro::TimestampNanos(value)
        | Avro::LocalTimestampMillis(value)
        | Avro::LocalTimestampMicros(value)
        | Avro::LocalTimestampNanos(value) => value.into(),
        Avro::Float(value) => value.into(),
        Avro::Double(value) => value.into(),
        Avro::Bytes(bytes) | Avro::Fixed(_, bytes) => bytes.into_iter().map(Value::from).collect(),
        Avro::String(text) | Avro::Enum(_, text) => text.into(),
        Avro::Union(_, value) => convert(*value),
        Avro::Array(items) => items.into_iter().map(convert).collect(),
        Avro::Map(entries) => entries
            .into_iter()
            .map(|(key, value)| (key, convert(value)))
            .collect(),
        Avro::Record(fields) => fields
            .into_iter()
            .map(|(name, value)| (name, convert(value)))
            .collect(),
        Avro::Uuid(value) => value.to_string().into(),
        // The schema is parsed without logical types, so that these don't occur.
        Avro::Null | Avro::Decimal(_) | Avro::BigDecimal(_) | Avro::Duration(_) => Value::Null,
    }
}
