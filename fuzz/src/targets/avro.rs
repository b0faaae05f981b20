//! Avro payloads from strangers, under a schema of ours or one that is made up as well.

use std::sync::LazyLock;

use bindery_codec::AvroCodec;
use bindery_core::{ErrorKind, ExternalCodec};

use super::Target;
use crate::pieces::{split, text};

/// Parts: a schema, or the number of one of ours; the payload.
pub const TARGET: Target = Target {
    name: "avro",
    words: &[
        "0\x1e",
        "1\x1e",
        "2\x1e",
        "3\x1e",
        "{\"type\":\"array\",\"items\":",
        "{\"type\":\"map\",\"values\":",
        "{\"type\":\"fixed\",\"name\":\"F\",\"size\":4}",
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[",
        "{\"name\":\"f\",\"type\":",
        "\"null\"",
        "\"long\"",
        "\"double\"",
        "\"string\"",
        "\"bytes\"",
        ",\"logicalType\":\"decimal\",\"precision\":4,\"scale\":2",
        ",\"default\":null",
        "\"namespace\":\"a.b\"",
        "\"size\":999999999",
        "}",
        "]",
    ],
    run,
};

static OURS: LazyLock<Vec<AvroCodec>> = LazyLock::new(|| {
    SCHEMAS
        .iter()
        .map(|schema| AvroCodec::from_schema_str(schema).expect("these are schemas"))
        .collect()
});

const SCHEMAS: [&str; 4] = [
    r#"{"type": "record", "name": "Order", "fields": [
        {"name": "id", "type": "long"}, {"name": "customer", "type": "string"}, {"name": "price", "type": "double"},
        {"name": "note", "type": ["null", "string"], "default": null},
        {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
            {"name": "sku", "type": "string"}, {"name": "count", "type": "int"}]}}}]}"#,
    r#"{"type": "record", "name": "Node", "fields": [
        {"name": "next", "type": ["null", "Node"]}, {"name": "all", "type": {"type": "array", "items": "Node"}}]}"#,
    r#"{"type": "record", "name": "Everything", "fields": [
        {"name": "union", "type": ["null", "boolean", "string", "Everything"]},
        {"name": "map", "type": {"type": "map", "values": ["int", "bytes"]}},
        {"name": "lists", "type": {"type": "array", "items": {"type": "array", "items": "float"}}},
        {"name": "enum", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}},
        {"name": "fixed", "type": {"type": "fixed", "name": "F", "size": 3}},
        {"name": "time", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "uuid", "type": {"type": "string", "logicalType": "uuid"}}]}"#,
    r#"{"type": "array", "items": {"type": "record", "name": "Empty", "fields": []}}"#,
];

fn run(input: &[u8]) {
    let [schema, payload] = split(input);
    match schema {
        [digit @ b'0'..=b'3'] => read(&OURS[usize::from(digit - b'0')], payload),
        schema => match AvroCodec::from_schema_str(&text(schema)) {
            Ok(codec) => read(&codec, payload),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Configuration),
        },
    }
}

/// What was read can be written, unless it has a number that JSON doesn't know, and reads the same again.
fn read(codec: &AvroCodec, payload: &[u8]) {
    let value = match codec.decode(payload) {
        Ok(value) => value,
        Err(error) => return assert_eq!(error.kind(), ErrorKind::Payload),
    };
    if let Ok(written) = codec.encode(&value) {
        let again = codec.decode(&written).expect("what was written can be read");
        let rewritten = codec.encode(&again).expect("what was read again can be written");
        assert_eq!(codec.decode(&rewritten).ok(), Some(again), "{codec:?}");
    }
}
