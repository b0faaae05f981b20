//! Dead letters against what the JVM wrote.

use bindery_core::{EncodedHeaders, FailureReason, Headers, Origin};
use serde_json::Value;

use super::*;
use crate::headers::encoded::{put, put_flags};

fn failure() -> Failure {
    Failure {
        reason: FailureReason::Exhausted,
        error_type: "shop::Boom".to_owned(),
        message: "boom é bad1".to_owned(),
        trace: "shop::Boom: boom é bad1\nCaused by: nothing".to_owned(),
        attempts: 2,
        first_failure: SystemTime::UNIX_EPOCH,
        binding: "boom-in-0".into(),
        group: "g2".into(),
    }
}

fn message(headers: &[(&str, &str)], origin: Origin) -> RawMessage {
    let mut bytes = Vec::new();
    let flags = Flags {
        timestamp: TimestampType::Create,
        unreadable: false,
    };
    put_flags(&mut bytes, flags);
    for (name, value) in headers {
        put(&mut bytes, name, Some(value.as_bytes()));
    }
    RawMessage {
        payload: Some("bad1".into()),
        key: Some("key1".into()),
        headers: Headers::from_encoded(EncodedHeaders {
            bytes: bytes.into(),
            encoding: &crate::headers::ENCODING,
        }),
        origin,
    }
}

fn origin() -> Origin {
    Origin {
        destination: "k03boom".into(),
        partition: Some(0),
        position: 0,
        timestamp: Some(0x01a2_00ad_dfdf),
        ..Origin::default()
    }
}

/// Names and values of the first captured dead letter.
fn captured() -> Vec<(String, Vec<u8>)> {
    let records: Vec<Value> = serde_json::from_str(include_str!("../tests/data/dead-letters.json")).unwrap();
    let bytes = |value: &Value| match value["text"].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => {
            let hex = value["hex"].as_str().unwrap();
            (0..hex.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
                .collect()
        }
    };
    records[0]["headers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| (pair[0].as_str().unwrap().to_owned(), bytes(&pair[1])))
        .collect()
}

#[test]
fn a_dead_letter_has_the_jvms_headers_in_its_order_and_encoding() {
    let message = message(&[("h1", "v1"), ("contentType", "text/plain")], origin());
    let ours = headers(&message, &failure(), None);
    let theirs = captured();
    for ((name, value), (expected_name, expected)) in ours.iter().zip(&theirs) {
        assert_eq!(name, expected_name);
        if !name.starts_with("x-exception") {
            assert_eq!(value.as_deref(), Some(expected.as_slice()), "{name}");
        }
    }
    let own: Vec<_> = ours[theirs.len()..]
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(
        own,
        [
            "x-bindery-reason",
            "x-bindery-attempts",
            "x-bindery-binding",
            "x-bindery-group",
            "x-bindery-first-failure"
        ]
    );
}

#[test]
fn a_dead_letter_of_a_dead_letter_keeps_the_first_ones_headers() {
    let message = message(&[("x-original-topic", "first")], origin());
    let topics: Vec<_> = headers(&message, &failure(), None)
        .into_iter()
        .filter(|(name, _)| name == "x-original-topic")
        .map(|(_, value)| value.unwrap())
        .collect();
    assert_eq!(topics, ["first", "k03boom"]);
}

#[test]
fn a_shortened_dead_letter_has_no_trace_and_a_short_message() {
    let mut failure = failure();
    failure.message = "é".repeat(1000);
    let pairs = headers(&message(&[], origin()), &failure, Some(11));
    let find = |wanted: &str| {
        pairs
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.clone().unwrap())
    };
    assert_eq!(
        find("x-exception-message").as_deref(),
        Some("é".repeat(5).as_bytes())
    );
    assert_eq!(find("x-exception-stacktrace"), None);
}

#[test]
fn a_dead_letter_says_that_a_header_could_not_be_read() {
    let mut bytes = Vec::new();
    let flags = Flags {
        timestamp: TimestampType::LogAppend,
        unreadable: true,
    };
    put_flags(&mut bytes, flags);
    let mut message = message(&[], origin());
    message.headers = Headers::from_encoded(EncodedHeaders {
        bytes: bytes.into(),
        encoding: &crate::headers::ENCODING,
    });
    let value = |message: &RawMessage, wanted: &str| {
        let pairs = headers(message, &failure(), None);
        pairs
            .into_iter()
            .find(|(name, _)| name == wanted)
            .and_then(|(_, value)| value)
    };
    assert_eq!(
        value(&message, UNREADABLE_HEADERS).as_deref(),
        Some(b"true".as_slice())
    );
    assert_eq!(
        value(&message, "x-original-timestamp-type").as_deref(),
        Some(b"LogAppendTime".as_slice())
    );
    message.headers.insert("added", 1);
    assert_eq!(
        value(&message, UNREADABLE_HEADERS).as_deref(),
        Some(b"true".as_slice())
    );
}
