//! What values look like, what doesn't fit, and what is read from files.

use bindery_codec::AvroCodec;
use bindery_core::{Codec, ErrorKind, ExternalCodec};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

const ORDER: &str = r#"{
  "type": "record", "name": "Order", "namespace": "shop.events",
  "fields": [
    {"name": "id", "type": "long"},
    {"name": "placed", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    {"name": "total", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 2}, "default": "\u0000\u00ff"},
    {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["NEW", "CHANGED"]}, "default": "NEW"},
    {"name": "note", "type": ["null", "string"], "default": null},
    {"name": "lines", "type": {"type": "array", "items": {"type": "record", "name": "Line", "fields": [
      {"name": "part", "type": "string"},
      {"name": "quantity", "type": "int", "default": 1},
      {"name": "price", "type": ["double", "long"]}
    ]}}},
    {"name": "first", "type": ["null", "Line"]},
    {"name": "sum", "type": {"type": "fixed", "name": "Sum", "size": 2}},
    {"name": "labels", "type": {"type": "map", "values": "boolean"}, "default": {}}
  ]
}"#;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Order {
    id: i64,
    placed: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    total: Vec<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    lines: Vec<Line>,
    first: Option<Line>,
    sum: [u8; 2],
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Line {
    part: String,
    quantity: i32,
    price: f64,
}

fn codec(schema: &str) -> AvroCodec {
    AvroCodec::from_schema_str(schema).unwrap()
}

fn round_trip(schema: &str, value: &Value) -> Value {
    let codec = codec(schema);
    codec.decode(&codec.encode(value).unwrap()).unwrap()
}

fn refusal(schema: &str, value: &Value) -> String {
    let error = codec(schema).encode(value).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Payload);
    error.report()
}

#[test]
fn a_type_of_the_program_comes_back() {
    let line = |quantity| Line {
        part: "bolt".into(),
        quantity,
        price: 1.5,
    };
    let order = Order {
        id: 7,
        placed: 1_700_000_000_000,
        total: vec![1, 200],
        note: Some("soon".into()),
        lines: vec![line(1), line(2)],
        first: Some(line(1)),
        sum: [1, 255],
    };
    let codec = Codec::External(Arc::new(codec(ORDER)));
    let encoded = codec.encode(&order).unwrap();
    assert_eq!(codec.decode::<Order>(encoded.bytes.as_ref()).unwrap(), order);
}

#[test]
fn what_is_left_out_has_the_default() {
    let order = json!({"id": 1, "placed": 2, "lines": [{"part": "nut", "price": 3}], "sum": [0, 1]});
    let expected = json!({
        "id": 1, "placed": 2, "total": [0, 255], "kind": "NEW", "note": null,
        "lines": [{"part": "nut", "quantity": 1, "price": 3}], "first": null, "sum": [0, 1], "labels": {}
    });
    assert_eq!(round_trip(ORDER, &order), expected);
}

#[test]
fn a_union_takes_the_branch_that_fits_best() {
    let schema = r#"["null", "double", "long", "bytes", "string", {"type": "array", "items": "string"}]"#;
    for value in [
        json!(null),
        json!(1.5),
        json!(2),
        json!("text"),
        json!(["a"]),
        json!([1, 2]),
    ] {
        assert_eq!(round_trip(schema, &value), value);
    }
    assert_eq!(round_trip(r#"["null", "double"]"#, &json!(2)), json!(2.0));
}

#[test]
fn what_does_not_fit_is_named_with_its_place() {
    let order = |lines: Value| json!({"id": 1, "placed": 2, "lines": lines, "sum": [0, 1]});
    let text = refusal(
        ORDER,
        &order(json!([{"part": "nut", "price": 1}, {"part": 5, "price": 1}])),
    );
    assert_eq!(
        text,
        "the value doesn't fit the Avro schema `shop.events.Order`: at `lines.1.part` text is expected, the number 5 was found"
    );
    let text = refusal(ORDER, &order(json!([{"price": 1}])));
    assert!(text.contains("at `lines.0.part` a value is missing"), "{text}");
    let text = refusal(
        ORDER,
        &order(json!([{"part": "nut", "price": 1, "colour": "red"}])),
    );
    assert!(
        text.contains("at `lines.0.colour` this field is not in the schema"),
        "{text}"
    );
    let text = refusal(r#"["null", "int"]"#, &json!(3_000_000_000_u64));
    assert!(
        text.contains("`null` or an `int` (32 bits) is expected, the number 3000000000 was found"),
        "{text}"
    );
    let text = refusal(
        r#"{"type": "enum", "name": "Kind", "symbols": ["A", "B"]}"#,
        &json!("C"),
    );
    assert!(text.contains("one of A, B is expected"), "{text}");
    assert!(refusal(r#""float""#, &json!(1e300)).contains("a `float` is expected"));
    assert!(refusal(r#""long""#, &json!(u64::MAX)).contains("a `long` (64 bits) is expected"));
}

#[test]
fn a_schema_that_refers_to_itself_works() {
    let schema = r#"{"type": "record", "name": "Node", "namespace": "a.b", "fields": [
        {"name": "value", "type": "int"},
        {"name": "inner", "type": {"type": "record", "name": "Inner", "namespace": "c", "fields": [
            {"name": "next", "type": ["null", "a.b.Node"]}, {"name": "again", "type": ["null", "Inner"]}]}}
    ]}"#;
    let leaf = json!({"value": 2, "inner": {"next": null, "again": {"next": null, "again": null}}});
    let value = json!({"value": 1, "inner": {"next": leaf, "again": null}});
    assert_eq!(round_trip(schema, &value), value);
}

#[test]
fn a_misfit_deep_inside_is_found_in_one_pass() {
    let schema =
        r#"{"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}"#;
    let deep = (0..90).fold(json!(5), |next, _| json!({"next": next}));
    let text = refusal(schema, &deep);
    assert!(
        text.contains(&format!("at `{}next` ", "next.".repeat(89))),
        "{text}"
    );
}

#[test]
fn a_schema_is_read_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("order.avsc");
    let missing = AvroCodec::from_schema_file(&path).unwrap_err();
    assert!(missing.report().contains("order.avsc"), "{missing:?}");
    std::fs::write(&path, ORDER).unwrap();
    assert_eq!(
        AvroCodec::from_schema_file(&path).unwrap().name(),
        "shop.events.Order"
    );
    std::fs::write(&path, r#"{"type": "recrod"}"#).unwrap();
    let wrong = AvroCodec::from_schema_file(&path).unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::Configuration);
    assert!(wrong.report().contains("order.avsc"), "{wrong:?}");
}
