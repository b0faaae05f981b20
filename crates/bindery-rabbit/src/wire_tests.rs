//! Messages compared with those that Spring Cloud Stream wrote on a real broker.

use std::time::SystemTime;

use bindery_core::{Failure, FailureReason, HeaderValue, RawMessage};
use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, DecimalValue, FieldArray, FieldTable, ShortString};
use serde_json::Value;

use crate::convert::{Inbound, compress, header_value};
use crate::dead_letter::dead_letter_properties;
use crate::options::Patterns;
use crate::render::{Rendering, amqp_value, publication};

const TYPES: &str = include_str!("../tests/data/r01_types.json");
const OUT: &str = include_str!("../tests/data/r07_out.json");
const REPUBLISHED: &str = include_str!("../tests/data/r04_dlq_republish.json");

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

/// A captured header as the wire has it.
fn captured(value: &Value) -> AMQPValue {
    let content = &value["v"];
    match value["py"].as_str().unwrap() {
        "bool" => AMQPValue::Boolean(content.as_bool().unwrap()),
        "int" => AMQPValue::LongInt(i32::try_from(content.as_i64().unwrap()).unwrap()),
        "long" => AMQPValue::LongLongInt(content.as_i64().unwrap()),
        "str" => AMQPValue::LongString(content.as_str().unwrap().into()),
        "bytes" => AMQPValue::ByteArray(bytes(content["hex"].as_str().unwrap()).into()),
        "Decimal" => AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 110 }),
        "datetime" => AMQPValue::Timestamp(0),
        "list" => {
            let mut array = FieldArray::default();
            for element in content.as_array().unwrap() {
                array.push(AMQPValue::LongInt(
                    i32::try_from(element.as_i64().unwrap()).unwrap(),
                ));
            }
            AMQPValue::FieldArray(array)
        }
        "dict" => {
            let mut table = FieldTable::default();
            for (name, element) in content.as_object().unwrap() {
                let element = i32::try_from(element.as_i64().unwrap()).unwrap();
                table.insert(name.as_str().into(), AMQPValue::LongInt(element));
            }
            AMQPValue::FieldTable(table)
        }
        other => unreachable!("the captures have no {other}"),
    }
}

fn table(headers: &Value) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in headers.as_object().unwrap() {
        table.insert(name.as_str().into(), captured(value));
    }
    table
}

fn properties(captured: &Value) -> BasicProperties {
    let short = |name: &str| captured[name].as_str().map(ShortString::from);
    let mut properties = BasicProperties::default().with_headers(table(&captured["headers"]));
    type Setter = fn(BasicProperties, ShortString) -> BasicProperties;
    let texts: [(&str, Setter); 5] = [
        ("content_type", BasicProperties::with_content_type),
        ("content_encoding", BasicProperties::with_content_encoding),
        ("correlation_id", BasicProperties::with_correlation_id),
        ("expiration", BasicProperties::with_expiration),
        ("message_id", BasicProperties::with_message_id),
    ];
    for (name, set) in texts {
        if let Some(value) = short(name) {
            properties = set(properties, value);
        }
    }
    if let Some(mode) = captured["delivery_mode"].as_u64() {
        properties = properties.with_delivery_mode(u8::try_from(mode).unwrap());
    }
    if let Some(priority) = captured["priority"].as_u64() {
        properties = properties.with_priority(u8::try_from(priority).unwrap());
    }
    match captured["timestamp"].as_u64() {
        Some(timestamp) => properties.with_timestamp(timestamp),
        None => properties,
    }
}

fn received(properties: BasicProperties, body: &[u8]) -> RawMessage {
    let mut delivery = Delivery::mock(1, "ex".into(), "rk".into(), false, body.to_vec());
    delivery.properties = properties;
    let inbound = Inbound {
        queue: "q".into(),
        exchange: "ex".into(),
        partition: None,
        patterns: Patterns::default(),
        max_decompressed_bytes: 1024 * 1024,
    };
    inbound.message(delivery)
}

fn passed_through(
    message: &RawMessage,
    patterns: &Patterns,
    delivery_mode: u8,
    compressed: bool,
) -> BasicProperties {
    let rendering = Rendering {
        patterns,
        delivery_mode,
        compressed,
    };
    publication(&message.headers, message.key.as_ref(), &rendering).unwrap()
}

#[test]
fn every_type_of_header_passes_through_unchanged() {
    let capture: Value = serde_json::from_str(TYPES).unwrap();
    let sent = properties(&capture["messages"][0]["properties"]);
    let message = received(sent.clone(), b"text");
    assert_eq!(message.headers.get("i"), Some(&HeaderValue::Int(5)));
    assert_eq!(message.headers.get("l"), Some(&HeaderValue::Long(5_000_000_000)));
    assert_eq!(message.headers.get("date"), Some(&HeaderValue::Timestamp(0)));
    assert_eq!(message.headers.text("big"), Some("1.10"));
    assert_eq!(
        message.headers.content_type().as_deref(),
        Some("application/json")
    );
    let again = passed_through(&message, &Patterns::default(), 2, false);
    assert_eq!(again, sent);
}

#[test]
fn a_decimal_is_signed_as_other_clients_take_it() {
    for (text, value) in [
        ("-1.10", (-110_i32).cast_unsigned()),
        ("1.10", 110),
        ("0.05", 5),
        ("-0.05", (-5_i32).cast_unsigned()),
    ] {
        let decimal = AMQPValue::DecimalValue(DecimalValue { scale: 2, value });
        let header = HeaderValue::Json {
            class: "java.math.BigDecimal".into(),
            text: text.into(),
        };
        assert_eq!(header_value(&decimal, 0), Some(header.clone()));
        assert_eq!(amqp_value(&header, 0), Some(decimal));
    }
    let too_large = HeaderValue::Json {
        class: "java.math.BigDecimal".into(),
        text: "3000000000".into(),
    };
    assert_eq!(
        amqp_value(&too_large, 0),
        Some(AMQPValue::LongString("3000000000".into()))
    );
}

#[test]
fn a_sender_does_not_speak_for_the_broker() {
    let mut table = FieldTable::default();
    for name in [
        "amqp_receivedUserId",
        "amqp_receivedRoutingKey",
        "x-bindery-unreadable-headers",
    ] {
        table.insert(name.into(), AMQPValue::Boolean(true));
    }
    let message = received(BasicProperties::default().with_headers(table), b"text");
    assert_eq!(message.headers.get("amqp_receivedUserId"), None);
    assert_eq!(
        message.headers.get("amqp_receivedRoutingKey"),
        Some(&HeaderValue::from("rk"))
    );
    assert_eq!(message.headers.get("x-bindery-unreadable-headers"), None);
}

#[test]
fn an_output_without_an_included_content_type_is_untyped() {
    let capture: Value = serde_json::from_str(OUT).unwrap();
    let expected = properties(&capture["out"][0]["properties"]);
    let mut headers = received(expected.clone(), b"").headers;
    headers.insert("contentType", "application/json");
    headers.insert("other", 1);
    let rendering = Rendering {
        patterns: &Patterns::new(["h*"]),
        delivery_mode: 1,
        compressed: false,
    };
    let rendered = publication(&headers, None, &rendering).unwrap();
    assert_eq!(rendered.content_type(), expected.content_type());
    assert_eq!(rendered.delivery_mode(), expected.delivery_mode());
    assert_eq!(rendered.priority(), expected.priority());
    assert_eq!(rendered.headers(), expected.headers());
    assert_eq!(
        rendered.message_id().as_ref().map(|id| id.as_str().len()),
        Some(36)
    );
    assert!(rendered.timestamp().is_some());
}

#[test]
fn a_compressed_pass_through_keeps_the_properties() {
    let capture: Value = serde_json::from_str(OUT).unwrap();
    let expected = properties(&capture["pout"][0]["properties"]);
    let body = bytes(capture["pout"][0]["body"]["hex"].as_str().unwrap());
    let message = received(expected.clone(), &body);
    assert!(
        std::str::from_utf8(message.bytes()).is_ok(),
        "the body is decompressed"
    );
    assert_eq!(message.headers.get("amqp_contentEncoding"), None);
    assert_eq!(message.headers.get("springAutoDecompress"), None);
    let again = passed_through(&message, &Patterns::default(), 2, true);
    assert_eq!(again, expected);
    let recompressed = compress(message.bytes(), 1).unwrap();
    assert_eq!(received(again, &recompressed).bytes(), message.bytes());
}

#[test]
fn a_republished_dead_letter_has_springs_headers_and_ours() {
    let capture: Value = serde_json::from_str(REPUBLISHED).unwrap();
    let expected = properties(&capture["dlq"][0]["properties"]);
    let mut original = Value::clone(&capture["dlq"][0]["properties"]);
    original["headers"]
        .as_object_mut()
        .unwrap()
        .retain(|name, _| name == "h" || name == "n");
    let mut message = received(properties(&original), b"bad1");
    message.origin.destination = "r04".into();
    message.origin.routing_key = Some("r04".into());
    let failure = Failure {
        reason: FailureReason::Exhausted,
        error_type: "shop::Error".to_owned(),
        message: "boom".to_owned(),
        trace: "shop::Error: boom\nCaused by: e".repeat(20_000),
        attempts: 2,
        first_failure: SystemTime::UNIX_EPOCH,
        binding: "boom-in-0".into(),
        group: "g".into(),
    };
    let rendered = dead_letter_properties(&message, &failure, 2, 20_000);
    assert_eq!(rendered.content_type(), expected.content_type());
    assert_eq!(rendered.message_id(), expected.message_id());
    assert_eq!(rendered.priority(), expected.priority());
    assert_eq!(rendered.delivery_mode(), expected.delivery_mode());
    let headers = rendered.headers().as_ref().unwrap().inner();
    for (name, value) in expected.headers().as_ref().unwrap() {
        let ours = headers.get(name).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(ours.get_type(), value.get_type(), "{name}");
        if !name.as_str().starts_with("x-exception") {
            assert_eq!(ours, value, "{name}");
        }
    }
    let text = |name: &str| match headers.get(name) {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        other => panic!("{name}: {other:?}"),
    };
    assert_eq!(text("x-exception-message"), "boom");
    assert_eq!(text("x-bindery-first-failure"), "1970-01-01T00:00:00.000Z");
    assert_eq!(text("x-exception-stacktrace").len(), 131_072 - 20_000);
    let others: Vec<_> = headers
        .keys()
        .filter(|name| !name.as_str().starts_with("x-bindery-"))
        .collect();
    assert_eq!(others.len(), expected.headers().as_ref().unwrap().inner().len());

    let again = received(rendered, b"bad1");
    let second = dead_letter_properties(&again, &failure, 2, 20_000);
    let count = second
        .headers()
        .as_ref()
        .unwrap()
        .inner()
        .get("retry-count")
        .cloned();
    assert_eq!(count, Some(AMQPValue::LongLongInt(2)));
}

#[test]
fn headers_nested_too_deeply_are_left_out_on_the_way_in_and_refused_on_the_way_out() {
    let nested = |depth: usize| {
        (0..depth).fold(AMQPValue::LongInt(1), |inner, _| {
            let mut table = FieldTable::default();
            table.insert("n".into(), inner);
            AMQPValue::FieldTable(table)
        })
    };
    assert!(header_value(&nested(32), 0).is_some());
    assert!(header_value(&nested(33), 0).is_none());
    let mut table = FieldTable::default();
    table.insert("deep".into(), nested(200));
    table.insert("flat".into(), AMQPValue::LongInt(1));
    let message = received(BasicProperties::default().with_headers(table), b"");
    assert_eq!(message.headers.get("deep"), None);
    assert_eq!(message.headers.get("flat"), Some(&HeaderValue::Int(1)));
    let too_deep = (0..40).fold(HeaderValue::Int(1), |inner, _| HeaderValue::List(vec![inner]));
    assert!(amqp_value(&too_deep, 0).is_none());
}

#[test]
fn a_body_that_inflates_beyond_the_limit_stays_compressed() {
    let bomb = compress(&vec![0; 4 * 1024 * 1024], 9).unwrap();
    let message = received(
        BasicProperties::default().with_content_encoding("gzip".into()),
        &bomb,
    );
    assert_eq!(message.bytes(), &bomb[..]);
    assert_eq!(message.headers.text("amqp_contentEncoding"), Some("gzip"));
}

#[test]
fn what_can_not_be_said_in_amqp_is_a_permanent_payload_error() {
    let rendering = Rendering {
        patterns: &Patterns::default(),
        delivery_mode: 2,
        compressed: false,
    };
    let long = "x".repeat(256);
    for headers in [
        [(long.clone(), HeaderValue::Null)],
        [("amqp_messageId".to_owned(), HeaderValue::from(long.as_str()))],
        [("contentType".to_owned(), HeaderValue::from(long.as_str()))],
    ] {
        let error = publication(&headers.into_iter().collect(), None, &rendering).unwrap_err();
        assert_eq!(error.kind(), bindery_core::ErrorKind::Payload);
        assert!(
            !error.is_temporary() && error.to_string().contains("256 bytes"),
            "{error}"
        );
    }
    for name in ["amqp_expiration", "CC", "BCC"] {
        let headers = [(name, "soon")].into_iter().collect();
        let error = publication(&headers, None, &rendering).unwrap_err();
        assert!(
            !error.is_temporary() && error.to_string().contains(name),
            "{error}"
        );
    }
}
