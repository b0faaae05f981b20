//! Headers against what the JVM wrote.

use std::sync::Arc;

use bindery_core::{CONTENT_TYPE, EncodedHeaders, HeaderValue, Headers};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::Value;

use super::encoded::{Flags, TimestampType, put, put_flags};
use super::patterns::Patterns;
use super::*;

/// The headers of one captured record, encoded as the poll thread does.
fn captured(record: &Value) -> Headers {
    let mut bytes = Vec::new();
    put_flags(&mut bytes, Flags::default());
    for pair in record["headers"].as_array().unwrap() {
        put(
            &mut bytes,
            pair[0].as_str().unwrap(),
            value_bytes(&pair[1]).as_deref(),
        );
    }
    encoded_headers(bytes)
}

fn encoded_headers(bytes: Vec<u8>) -> Headers {
    Headers::from_encoded(EncodedHeaders {
        bytes: bytes.into(),
        encoding: &ENCODING,
    })
}

fn value_bytes(value: &Value) -> Option<Vec<u8>> {
    if let Some(text) = value["text"].as_str() {
        return Some(text.as_bytes().to_vec());
    }
    let hex = value["hex"].as_str()?;
    Some(
        (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
            .collect(),
    )
}

fn records(file: &str) -> Vec<Value> {
    serde_json::from_str(file).unwrap()
}

/// The pairs of a captured record; the types as JSON, because their order says nothing.
fn wire(record: &Value) -> Vec<(String, Result<Value, Vec<u8>>)> {
    let pairs = record["headers"].as_array().unwrap();
    let mut wire: Vec<_> = pairs
        .iter()
        .map(|pair| comparable(pair[0].as_str().unwrap(), value_bytes(&pair[1]).unwrap()))
        .collect();
    wire.sort_by(|a, b| a.0.cmp(&b.0));
    wire
}

fn comparable(name: &str, bytes: Vec<u8>) -> (String, Result<Value, Vec<u8>>) {
    let value = if name == TYPES {
        Ok(serde_json::from_slice(&bytes).unwrap())
    } else {
        Err(bytes)
    };
    (name.to_owned(), value)
}

fn rendered(headers: &Headers) -> Vec<(String, Result<Value, Vec<u8>>)> {
    let pairs = render(headers, &Patterns::new(&[])).pairs;
    let mut wire: Vec<_> = pairs
        .into_iter()
        .map(|(name, bytes)| comparable(name, bytes.into_owned()))
        .collect();
    wire.sort_by(|a, b| a.0.cmp(&b.0));
    wire
}

const TYPED: &str = include_str!("../../tests/data/typed-headers.json");
const PASSED: &str = include_str!("../../tests/data/pass-through.json");
const KEYS: &str = include_str!("../../tests/data/partition-keys.json");
const MESSAGE_KEYS: &str = include_str!("../../tests/data/message-keys.json");

#[test]
fn the_jvms_typed_headers_are_read_with_their_types() {
    let headers = captured(&records(TYPED)[0]);
    let json = |class: &str, text: &str| HeaderValue::Json {
        class: class.into(),
        text: text.into(),
    };
    for (name, value) in [
        ("s", HeaderValue::from("str é")),
        ("i", 5.into()),
        ("l", 5_000_000_000_i64.into()),
        ("b", true.into()),
        ("d", 1.5.into()),
        ("date", HeaderValue::Timestamp(0)),
        ("raw", HeaderValue::Bytes(Bytes::from_static(&[1, 2, 255]))),
        ("big", json("java.math.BigDecimal", "1.10")),
        ("charz", json("java.lang.Character", "\"c\"")),
        ("list", json("java.util.ImmutableCollections$List12", "[1,2]")),
        ("contentType", "application/json".into()),
    ] {
        assert_eq!(headers.get(name), Some(&value), "{name}");
    }
    assert_eq!(headers.get(TYPES), None);
}

#[test]
fn every_captured_record_goes_out_as_it_came() {
    for file in [TYPED, PASSED, KEYS, MESSAGE_KEYS] {
        for record in records(file) {
            let mut headers = captured(&record);
            // A copy that was changed and changed back has lost the bytes it came as.
            headers.insert("x", 1);
            headers.remove("x");
            assert_eq!(rendered(&headers), wire(&record));
        }
    }
}

#[test]
fn values_made_here_go_out_as_the_jvms() {
    let headers: Headers = [
        ("traceId", HeaderValue::from("t1")),
        ("n", 5.into()),
        ("flag", true.into()),
        ("raw", HeaderValue::Bytes(Bytes::from_static(&[1, 2]))),
        ("when", HeaderValue::Timestamp(0)),
        ("list", HeaderValue::List(vec![1.into(), "a".into()])),
        ("map", HeaderValue::Map(vec![("k".into(), 1.5.into())])),
        ("nothing", HeaderValue::Null),
        ("nan", f64::NAN.into()),
        ("traceparent", "00-1-2-01".into()),
        (CONTENT_TYPE, "application/json".into()),
    ]
    .into_iter()
    .collect();
    let pairs = render(&headers, &Patterns::new(&[])).pairs;
    let text = |name: &str| {
        let (_, bytes) = pairs.iter().find(|(known, _)| *known == name).unwrap();
        String::from_utf8_lossy(bytes).into_owned()
    };
    assert_eq!(
        (
            text("traceId").as_str(),
            text("n").as_str(),
            text("flag").as_str()
        ),
        ("t1", "5", "true")
    );
    assert_eq!(text("when"), "\"1970-01-01T00:00:00.000Z\"");
    assert_eq!(
        (text("list").as_str(), text("map").as_str()),
        ("[1,\"a\"]", "{\"k\":1.5}")
    );
    let types: Value = serde_json::from_str(&text(TYPES)).unwrap();
    assert_eq!(
        types,
        serde_json::json!({
            "traceId": "java.lang.String", "n": "java.lang.Integer", "flag": "java.lang.Boolean",
            "when": "java.util.Date", "list": "java.util.ArrayList", "map": "java.util.LinkedHashMap",
            "contentType": "java.lang.String",
        })
    );
    assert!(!pairs.iter().any(|(name, _)| ["nothing", "nan"].contains(name)));
}

#[test]
fn headers_about_a_place_or_this_process_stay_behind() {
    let headers: Headers = [
        ("id", HeaderValue::from("x")),
        ("deliveryAttempt", 2.into()),
        ("scst_nativeHeadersPresent", true.into()),
        ("kafka_offset", 4.into()),
        ("kafka_receivedTopic", "t".into()),
        (TYPES, "{}".into()),
        ("scst_partition", 3.into()),
    ]
    .into_iter()
    .collect();
    let names: Vec<_> = render(&headers, &Patterns::new(&[]))
        .pairs
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["scst_partition", TYPES]);
}

#[test]
fn some_headers_direct_the_record() {
    let headers: Headers = [
        ("kafka_topic", HeaderValue::from("t")),
        ("kafka_partitionId", 3.into()),
        ("kafka_timestamp", 99_i64.into()),
        ("kafka_messageKey", HeaderValue::Bytes(Bytes::from_static(b"k"))),
    ]
    .into_iter()
    .collect();
    let directions = render(&headers, &Patterns::new(&[])).directions;
    assert_eq!(
        (directions.topic.as_deref(), directions.partition),
        (Some("t"), Some(3))
    );
    assert_eq!(
        (directions.timestamp, directions.key.as_deref()),
        (Some(99), Some(b"k".as_slice()))
    );
}

#[test]
fn a_foreign_senders_headers_are_bytes_except_where_text_is_agreed() {
    let mut bytes = Vec::new();
    put_flags(&mut bytes, Flags::default());
    put(&mut bytes, "foreign", Some(b"text"));
    put(&mut bytes, CONTENT_TYPE, Some(b"\"text/plain\""));
    put(&mut bytes, "traceparent", Some(b"00-1"));
    put(&mut bytes, "none", None);
    put(&mut bytes, "twice", Some(b"1"));
    put(&mut bytes, "twice", Some(b"2"));
    let headers = encoded_headers(bytes);
    assert_eq!(
        headers.get("foreign"),
        Some(&HeaderValue::Bytes(Bytes::from_static(b"text")))
    );
    assert_eq!(headers.get(CONTENT_TYPE), Some(&"text/plain".into()));
    assert_eq!(headers.get("traceparent"), Some(&"00-1".into()));
    assert_eq!(headers.get("none"), Some(&HeaderValue::Null));
    assert_eq!(headers.text("twice"), Some("2"));
}

#[test]
fn what_does_not_fit_its_type_stays_bytes() {
    let mut bytes = Vec::new();
    put_flags(&mut bytes, Flags::default());
    put(&mut bytes, "n", Some(b"five"));
    put(&mut bytes, "big", Some(b"5000000000"));
    put(&mut bytes, "s", Some(b"\"quoted\""));
    let types = br#"{"n":"java.lang.Integer","big":"java.lang.Integer","s":"java.lang.String"}"#;
    put(&mut bytes, TYPES, Some(types));
    let headers = encoded_headers(bytes);
    assert_eq!(
        headers.get("n"),
        Some(&HeaderValue::Bytes(Bytes::from_static(b"five")))
    );
    assert!(matches!(headers.get("big"), Some(HeaderValue::Bytes(_))));
    assert_eq!(headers.get("s"), Some(&"quoted".into()));
}

#[test]
fn a_date_that_cannot_be_written_again_stays_bytes() {
    let mut bytes = Vec::new();
    put_flags(&mut bytes, Flags::default());
    put(&mut bytes, "far", Some(b"-25768036550400000"));
    put(&mut bytes, "last", Some(b"253402300799999"));
    put(
        &mut bytes,
        TYPES,
        Some(br#"{"far":"java.util.Date","last":"java.util.Date"}"#),
    );
    let headers = encoded_headers(bytes);
    assert!(matches!(headers.get("far"), Some(HeaderValue::Bytes(_))));
    assert_eq!(
        headers.get("last"),
        Some(&HeaderValue::Timestamp(253_402_300_799_999))
    );
    assert_eq!(
        crate::time::format(253_402_300_799_999),
        "9999-12-31T23:59:59.999Z"
    );
    assert_eq!(
        crate::time::format(-62_167_219_200_000),
        "0000-01-01T00:00:00.000Z"
    );
}

#[test]
fn a_repeated_header_whose_last_value_is_not_sent_is_not_sent() {
    let mut bytes = Vec::new();
    put_flags(&mut bytes, Flags::default());
    put(&mut bytes, "n", Some(b"2"));
    put(&mut bytes, "n", None);
    let headers = encoded_headers(bytes);
    assert_eq!(render(&headers, &Patterns::new(&[])).pairs, []);
}

#[test]
fn a_text_that_begins_with_a_quote_keeps_it() {
    for text in ["\"quoted\"", "\"open", "\""] {
        let sent: Headers = [("s", HeaderValue::from(text))].into_iter().collect();
        let mut bytes = Vec::new();
        put_flags(&mut bytes, Flags::default());
        for (name, value) in render(&sent, &Patterns::new(&[])).pairs {
            put(&mut bytes, name, Some(&value));
        }
        assert_eq!(encoded_headers(bytes), sent);
    }
}

#[test]
fn a_number_comes_back_to_the_last_bit() {
    let sent: Headers = [("d", HeaderValue::Double(8.293102762215497e-187))]
        .into_iter()
        .collect();
    let mut bytes = Vec::new();
    put_flags(&mut bytes, Flags::default());
    for (name, value) in render(&sent, &Patterns::new(&[])).pairs {
        put(&mut bytes, name, Some(&value));
    }
    assert_eq!(encoded_headers(bytes), sent);
}

#[test]
fn a_sender_does_not_say_where_a_copy_of_its_headers_goes() {
    let mut bytes = Vec::new();
    put_flags(&mut bytes, Flags::default());
    put(&mut bytes, "kafka_topic", Some(b"elsewhere"));
    put(&mut bytes, "kafka_partitionId", Some(b"7"));
    put(&mut bytes, UNREADABLE_HEADERS, Some(b"true"));
    let types =
        br#"{"kafka_partitionId":"java.lang.Integer","x-bindery-unreadable-headers":"java.lang.Boolean"}"#;
    put(&mut bytes, TYPES, Some(types));
    let headers = encoded_headers(bytes);
    assert_eq!(
        (headers.get("kafka_topic"), headers.get("kafka_partitionId")),
        (None, None)
    );
    assert_ne!(headers.get(UNREADABLE_HEADERS), Some(&HeaderValue::Bool(true)));
}

#[test]
fn flags_survive_and_mark_unreadable_headers() {
    let flags = Flags {
        timestamp: TimestampType::LogAppend,
        unreadable: true,
    };
    let mut bytes = Vec::new();
    put_flags(&mut bytes, flags);
    assert_eq!(encoded::flags(&Bytes::from(bytes.clone())), flags);
    let headers = encoded_headers(bytes);
    assert_eq!(headers.get(UNREADABLE_HEADERS), Some(&HeaderValue::Bool(true)));
}

proptest! {
    #[test]
    fn encoded_pairs_are_read_back(
        pairs in prop::collection::vec(("\\PC{0,20}", prop::option::of(prop::collection::vec(any::<u8>(), 0..30))), 0..8)
    ) {
        let mut bytes = Vec::new();
        put_flags(&mut bytes, Flags::default());
        for (name, value) in &pairs {
            put(&mut bytes, name, value.as_deref());
        }
        let bytes = Bytes::from(bytes);
        let read: Vec<_> = encoded::pairs(&bytes)
            .map(|(name, value)| (name.to_owned(), value.map(|value| value.to_vec())))
            .collect();
        prop_assert_eq!(read, pairs);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&Bytes::from(bytes));
    }

    #[test]
    fn no_value_under_any_type_makes_the_reader_panic(class in "\\PC{0,20}", value in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut bytes = Vec::new();
        put_flags(&mut bytes, Flags::default());
        put(&mut bytes, "n", Some(&value));
        let types = serde_json::json!({"n": class}).to_string();
        put(&mut bytes, TYPES, Some(types.as_bytes()));
        let read: Vec<(Arc<str>, HeaderValue)> = read(&Bytes::from(bytes));
        prop_assert_eq!(read.len(), 1);
    }
}
