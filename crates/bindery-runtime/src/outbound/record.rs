//! From an encoded value to a record: headers, key, routing key and partition.

use bindery_core::{
    EncodedPayload, Error, ErrorKind, HeaderValue, Headers, MESSAGE_KEY, OutboundRecord, Output, PARTITION,
    PayloadForm, RawMessage, Result,
};
use bytes::Bytes;
use serde_json::Value;

use super::Copied;
use crate::config::OutputSpec;
use crate::expression::{Expression, java_hash};

/// Makes the record of an output.
///
/// Headers that the listener gave are used as they are; otherwise the input's are copied, as Spring Cloud Stream does.
/// Expressions see the payload as it was before encoding, and the headers of the record.
///
/// # Errors
/// A permanent error when an expression fails or a partition key is null: the same message would fail again.
pub(crate) fn record(
    spec: &OutputSpec,
    output: Output,
    input: Option<&RawMessage>,
    copied: &mut Copied,
    partition_count: Option<u32>,
) -> Result<Box<OutboundRecord>> {
    let Output {
        payload,
        content_type,
        headers,
        key,
        ..
    } = output;
    let headers = match headers {
        Some(given) => copied.given(given, content_type),
        None => copied.headers(input, content_type),
    };
    let mut record = Box::new(OutboundRecord {
        payload: None,
        key,
        headers,
        partition: None,
        routing_key: None,
    });
    if let Some(expression) = &spec.key {
        apply_key(&mut record, expression, &payload)?;
    }
    if let Some(expression) = &spec.routing_key {
        let value = evaluate(expression, "routing key", &payload, &record.headers)?;
        record.routing_key = Some(text(&value).into());
    }
    if let Some(expression) = &spec.partition_key {
        let key = evaluate(expression, "partition key", &payload, &record.headers)?;
        let partition = partition(spec, &key, partition_count, &record.headers)?;
        record.headers.insert(PARTITION, HeaderValue::Int(partition));
        record.partition = Some(partition);
    }
    record.payload = payload.bytes;
    Ok(record)
}

fn apply_key(record: &mut OutboundRecord, expression: &Expression, payload: &EncodedPayload) -> Result<()> {
    let value = evaluate(expression, "message key", payload, &record.headers)?;
    if value.is_null() {
        return Ok(());
    }
    let key = Bytes::from(text(&value));
    if expression.reads_payload() {
        // Keys are bytes to the JVM as well, so its type isn't named on the wire.
        record
            .headers
            .insert(MESSAGE_KEY, HeaderValue::Bytes(key.clone()));
    }
    record.key = Some(key);
    Ok(())
}

fn evaluate(
    expression: &Expression,
    what: &str,
    payload: &EncodedPayload,
    headers: &Headers,
) -> Result<Value> {
    let evaluated = match (&payload.form, &payload.bytes) {
        (PayloadForm::Json, Some(json)) => expression.evaluate_json(json, headers),
        _ => expression.evaluate(|| payload.to_json(), headers),
    };
    evaluated.map_err(|error| {
        Error::new(
            ErrorKind::Payload,
            format!("the {what} expression `{expression}` fails: {}", error.report()),
        )
    })
}

fn partition(spec: &OutputSpec, key: &Value, known: Option<u32>, headers: &Headers) -> Result<i32> {
    if key.is_null() {
        return Err(Error::new(
            ErrorKind::Payload,
            "the partition key is null: the message has nothing that `partition-key-expression` asks for",
        ));
    }
    let configured = spec.producer.partition_count.unwrap_or(1);
    let count = known.map_or(configured, |known| known.max(configured)).max(1);
    let Some(selector) = &spec.partition_selector else {
        return Ok(java_hash::partition(key, count));
    };
    let selected = selector.evaluate(|| key.clone(), headers)?;
    let number = selected.as_i64().ok_or_else(|| {
        Error::new(
            ErrorKind::Payload,
            format!("the partition selector gives `{selected}`, which is no number"),
        )
    })?;
    Ok(i32::try_from((number % i64::from(count)).abs()).unwrap_or_default())
}

/// A value as text: strings as they are, others as JSON.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
