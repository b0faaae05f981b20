//! Record headers of Kafka: read as a stranger sent them, written for the next service, and read there.

use bindery_core::{HeaderValue, Headers, UNREADABLE_HEADERS};
use bindery_kafka::fuzzing::{encode, read, render};
use bytes::Bytes;

use super::Target;
use crate::pieces::{pairs, split, text};

/// Parts: `header-patterns`, comma-separated; names and values of a record's headers.
pub const TARGET: Target = Target {
    name: "kafka_headers",
    words: &[
        "spring_json_header_types",
        "java.lang.String",
        "java.lang.Integer",
        "java.lang.Long",
        "java.lang.Boolean",
        "java.lang.Double",
        "java.util.Date",
        "java.util.ArrayList",
        "java.util.LinkedHashMap",
        "java.math.BigDecimal",
        "{\"h\":\"",
        "\":\"",
        "\",\"",
        "\"}",
        "contentType",
        "application/json",
        "\x1e",
        "\x1eh\x1e",
        "traceparent",
        "b3",
        "deliveryAttempt",
        "kafka_partitionId",
        "scst_partition",
        "x-bindery-unreadable-headers",
        "x-retry-count",
        "1969-12-31T23:59:59.999+00:00",
        "!",
        "*",
    ],
    run,
};

fn run(input: &[u8]) {
    // What the poll thread made can't be this wrong; reading it must still be harmless.
    read(Bytes::copy_from_slice(input)).len();

    let [patterns, record] = split(input);
    let patterns: Vec<String> = match patterns {
        [] => Vec::new(),
        given => text(given).split(',').map(str::to_owned).collect(),
    };
    let received = read(encode(&pairs(record)));
    let unreadable = pairs(record)
        .iter()
        .any(|(name, _)| std::str::from_utf8(name).is_err());
    if unreadable {
        assert!(
            received.get(UNREADABLE_HEADERS).is_some(),
            "a header is gone and nobody is told"
        );
    }
    render(&received, &patterns);

    let sent = render(&received, &[]);
    let next = passed_on(&sent);
    for (name, value) in next.iter() {
        let original = received.get(name).expect("no header is made up");
        assert!(
            same(value, original),
            "`{name}` was {original:?} and becomes {value:?}"
        );
    }
    let again = render(&passed_on(&render(&next, &[])), &[]);
    assert_eq!(again, render(&next, &[]), "it changes at each hop");
}

/// Equal; but text in quotes is text without, as on the JVM, and so are bytes where a name always means text.
fn same(value: &HeaderValue, original: &HeaderValue) -> bool {
    let quoted = original.as_text().is_some_and(|text| text.starts_with('"'));
    value == original
        || quoted
        || matches!(original, HeaderValue::Bytes(_)) && value.as_text() == original.as_text()
}

fn passed_on(sent: &[(String, Vec<u8>)]) -> Headers {
    let pairs: Vec<(&[u8], Option<&[u8]>)> = sent
        .iter()
        .map(|(name, value)| (name.as_bytes(), Some(value.as_slice())))
        .collect();
    read(encode(&pairs))
}
