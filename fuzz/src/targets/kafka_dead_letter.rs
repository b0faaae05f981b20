//! Dead letters on Kafka: texts of any length and content behind headers that a stranger sent.

use std::collections::BTreeMap;

use bindery_core::{Origin, RawMessage};
use bindery_kafka::fuzzing::{dead_letter, encode, read};
use bytes::Bytes;

use super::{Target, failure};
use crate::pieces::{pairs, split};

/// Parts: the error's type, its message, its trace; names and values of the record's headers.
pub const TARGET: Target = Target {
    name: "kafka_dead_letter",
    words: &[
        "x-original-topic",
        "x-original-partition",
        "x-original-offset",
        "x-original-timestamp",
        "x-exception-message",
        "x-exception-stacktrace",
        "x-exception-fqcn",
        "x-bindery-reason",
        "x-bindery-attempts",
        "x-bindery-first-failure",
        "spring_json_header_types",
        "\x1e",
        "\n\tat ",
        "😀",
        "Caused by: ",
    ],
    run,
};

const SHORT: usize = 64;

fn run(input: &[u8]) {
    let [error_type, message, trace, record] = split(input);
    let failure = failure(error_type, message, trace);
    let given = pairs(record);
    let message = RawMessage {
        payload: None,
        key: None,
        headers: read(encode(&given)),
        origin: Origin {
            destination: "orders".into(),
            partition: Some(i32::MAX),
            position: u64::MAX,
            timestamp: Some(i64::MIN),
            ..Origin::default()
        },
    };
    for limit in [None, Some(SHORT), Some(0)] {
        let letter = dead_letter(&message, &failure, limit);
        original_comes_first(&given, &letter);
        // A dead letter may come back and fail again: what it says of itself must be readable.
        let last: BTreeMap<&str, Option<&Bytes>> = letter
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_ref()))
            .collect();
        let text = |name: &str| std::str::from_utf8(last[name].expect("it is set")).expect("it is text");
        assert_eq!(text("x-original-topic"), "orders");
        assert_eq!(text("x-bindery-attempts"), "3");
        match limit {
            Some(limit) => assert!(text("x-exception-message").len() <= limit),
            None => assert_eq!(text("x-exception-stacktrace"), failure.trace),
        }
        assert!(failure.message.starts_with(text("x-exception-message")));
    }
    // The headers were changed by somebody: they are rendered anew.
    let mut changed = message;
    changed.headers.insert("touched", true);
    dead_letter(&changed, &failure, None);
}

fn original_comes_first(given: &[(&[u8], Option<&[u8]>)], letter: &[(String, Option<Bytes>)]) {
    let readable = given.iter().filter(|(name, _)| std::str::from_utf8(name).is_ok());
    for ((name, value), (kept, kept_value)) in readable.zip(letter) {
        assert_eq!((*name, *value), (kept.as_bytes(), kept_value.as_deref()));
    }
}
