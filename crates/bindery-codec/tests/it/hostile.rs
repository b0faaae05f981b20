//! Bytes that nobody should send: an error each, no panic, no deep recursion, no large allocation.

use bindery_codec::AvroCodec;
use bindery_core::{ErrorKind, ExternalCodec};
use proptest::prelude::*;

const LIST: &str =
    r#"{"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}"#;
const EVERYTHING: &str = r#"{"type": "record", "name": "Everything", "fields": [
    {"name": "union", "type": ["null", "string", "Everything"]},
    {"name": "map", "type": {"type": "map", "values": "bytes"}},
    {"name": "array", "type": {"type": "array", "items": {"type": "array", "items": "double"}}},
    {"name": "enum", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}},
    {"name": "fixed", "type": {"type": "fixed", "name": "F", "size": 3}},
    {"name": "uuid", "type": {"type": "string", "logicalType": "uuid"}},
    {"name": "duration", "type": {"type": "fixed", "name": "D", "size": 12, "logicalType": "duration"}}
]}"#;

fn reason(schema: &str, bytes: &[u8]) -> String {
    let error = AvroCodec::from_schema_str(schema)
        .unwrap()
        .decode(bytes)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Payload);
    error.report()
}

/// The bytes of a number.
fn number(value: i64) -> Vec<u8> {
    let mut rest = (value << 1 ^ value >> 63).cast_unsigned();
    let mut bytes = Vec::new();
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

#[test]
fn a_deep_value_is_refused() {
    let deep = vec![2; 1_000_000];
    assert!(reason(LIST, &deep).contains("nested deeper than 100 levels"));
}

#[test]
fn lengths_and_counts_beyond_the_payload_are_refused() {
    for length in [i64::MAX, i64::MIN, -1, 1 << 40, 5] {
        let text = reason(r#""bytes""#, &number(length));
        assert!(
            text.contains("is impossible") || text.contains("bytes are expected where 0 are left"),
            "{text}"
        );
    }
    for count in [i64::MAX, i64::MIN, -1, 1 << 40] {
        let bytes = [number(count), number(1)].concat();
        reason(r#"{"type": "array", "items": "long"}"#, &bytes);
        reason(r#"{"type": "map", "values": "long"}"#, &bytes);
    }
}

#[test]
fn lists_of_nothing_are_bounded() {
    let bytes = [number(1 << 50), number(0)].concat();
    assert!(reason(r#"{"type": "array", "items": "null"}"#, &bytes).contains("empty items"));
    let empty = r#"{"type": "array", "items": {"type": "record", "name": "Empty", "fields": []}}"#;
    assert!(reason(empty, &bytes).contains("empty items"));
}

#[test]
fn what_is_left_over_or_missing_is_refused() {
    assert!(reason(r#""int""#, &[2, 0]).contains("1 bytes are left over"));
    assert!(reason(r#""int""#, &[]).contains("ends within a number"));
    assert!(reason(r#""long""#, &[0xff; 11]).contains("longer than ten bytes"));
    assert!(reason(r#"["null", "int"]"#, &number(2)).contains("no choice number 2 of 2"));
    reason(r#""string""#, &[2, 0xff]);
    reason(r#""int""#, &number(1 << 40));
    reason(r#""boolean""#, &[7]);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for schema in [LIST, EVERYTHING, r#""string""#, r#"{"type": "map", "values": ["null", "float"]}"#] {
            let _ = AvroCodec::from_schema_str(schema).unwrap().decode(&bytes);
        }
    }

    #[test]
    fn small_bytes_that_look_right_do_not_panic(bytes in proptest::collection::vec(0_u8..6, 0..200)) {
        let _ = AvroCodec::from_schema_str(EVERYTHING).unwrap().decode(&bytes);
    }
}
