//! Headers arrive with the types and content they were sent with.

use std::sync::Arc;

use bindery_core::{CONTENT_TYPE, HeaderValue, Headers, OutboundRecord};
use bytes::Bytes;

use super::numbered;
use crate::Suite;
use crate::suite::record;

fn with_headers(headers: Headers) -> OutboundRecord {
    OutboundRecord {
        headers,
        ..record("payload")
    }
}

/// Sends one message with the headers and returns those that arrive.
async fn round_trip(suite: &Suite, headers: Headers) -> Headers {
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    let publisher = suite.publisher(&destination).await;
    publisher.publish([with_headers(headers)]).await;
    let received = member.take(1).await;
    let headers = received[0].message.headers.clone();
    member.accept(received);
    member.close().await;
    headers
}

pub async fn values_keep_their_types(suite: &Suite) {
    let sent: Headers = [
        ("text", HeaderValue::from("a text")),
        ("empty", HeaderValue::from("")),
        ("quoted", HeaderValue::from("say \"hello\"\\")),
        ("digits", HeaderValue::from("42")),
        ("int", HeaderValue::Int(-7)),
        ("long", HeaderValue::Long(1 << 40)),
        ("double", HeaderValue::Double(2.5)),
        ("yes", HeaderValue::Bool(true)),
        ("no", HeaderValue::Bool(false)),
        (
            "bytes",
            HeaderValue::Bytes(Bytes::from_static(&[0, 159, 146, 150])),
        ),
    ]
    .into_iter()
    .collect();
    let received = round_trip(suite, sent.clone()).await;
    for (name, value) in sent.iter() {
        assert_eq!(received.get(name), Some(value), "header `{name}`");
    }
}

pub async fn nested_values_keep_their_content(suite: &Suite) {
    let text = |text: &str| HeaderValue::from(text);
    let map: Vec<(Arc<str>, HeaderValue)> = vec![
        ("city".into(), text("Gen\u{e8}ve")),
        ("zip".into(), HeaderValue::Int(1200)),
    ];
    let sent: Headers = [
        ("list", HeaderValue::List(vec![text("a"), HeaderValue::Int(2)])),
        ("map", HeaderValue::Map(map)),
        ("time", HeaderValue::Timestamp(1_700_000_000_000)),
    ]
    .into_iter()
    .collect();
    let received = round_trip(suite, sent.clone()).await;
    for (name, value) in sent.iter() {
        let came = received.get(name).map(HeaderValue::to_json);
        assert_eq!(came, Some(value.to_json()), "header `{name}`");
    }
}

pub async fn unicode_survives_in_names_and_values(suite: &Suite) {
    let sent: Headers = [
        ("gr\u{fc}\u{df}e", "sch\u{f6}n"),
        ("\u{6771}\u{4eac}", "\u{1f69a} \u{202e} \u{0301}"),
        ("with space and: colon", "line\nbreak\ttab"),
    ]
    .into_iter()
    .collect();
    let received = round_trip(suite, sent.clone()).await;
    for (name, value) in sent.iter() {
        assert_eq!(received.get(name), Some(value), "header `{name}`");
    }
}

pub async fn many_and_long_headers_arrive(suite: &Suite) {
    let mut sent: Headers = numbered("header-", 100)
        .into_iter()
        .map(|name| (name.clone(), name))
        .collect();
    sent.insert("long", "x".repeat(16 * 1024));
    let received = round_trip(suite, sent.clone()).await;
    for (name, value) in sent.iter() {
        assert_eq!(received.get(name), Some(value), "header `{name}`");
    }
}

pub async fn a_content_type_arrives_as_it_was_sent(suite: &Suite) {
    let content_type = "application/json;charset=UTF-8";
    let received = round_trip(suite, [(CONTENT_TYPE, content_type)].into_iter().collect()).await;
    assert_eq!(received.content_type().as_deref(), Some(content_type));
}

pub async fn a_redelivered_message_has_the_same_headers(suite: &Suite) {
    let destination = suite.destination("orders");
    let input = suite.input(&destination, "g");
    let mut member = suite.bind(&input).await;
    let publisher = suite.publisher(&destination).await;
    let sent: Headers = [("trace", HeaderValue::from("t-1")), ("try", HeaderValue::Int(1))]
        .into_iter()
        .collect();
    publisher.publish([with_headers(sent.clone())]).await;
    let mut received = member.take(1).await;
    received[0].message.headers.insert("try", 2);
    member.close().await;
    let mut again = suite.bind(&input).await;
    let received = again.take(1).await;
    for (name, value) in sent.iter() {
        assert_eq!(received[0].message.headers.get(name), Some(value));
    }
    again.accept(received);
    again.close().await;
}
