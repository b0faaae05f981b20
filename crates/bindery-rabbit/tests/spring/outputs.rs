//! What is published: payloads, properties and headers of every type, through a bridge and by functions.

use std::io::Read;

use bindery::prelude::*;
use flate2::read::GzDecoder;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Value, json};

use crate::listeners::Order;
use crate::messages::without_generated;
use crate::scene::Scene;

const TYPES: &str = include_str!("../data/r01_types.json");
const FUNCTIONS: &str = include_str!("../data/r07_out.json");

/// A value of a Java type that has no counterpart here.
fn java(class: &str, text: &str) -> HeaderValue {
    HeaderValue::Json {
        class: class.into(),
        text: text.into(),
    }
}

#[tokio::test]
async fn payloads_and_headers_of_every_type_are_written_as_the_jvm_writes_them() {
    let scene = Scene::open("r01", TYPES).await;
    let map = HeaderValue::Map(vec![("a".into(), 1.into())]);
    let typed = Message::new("text")
        .header("date", HeaderValue::Timestamp(0))
        .header("big", java("java.math.BigDecimal", "1.10"))
        .header("b", true)
        .header("d", 1.5)
        .header("charz", java("java.lang.Character", r#""c""#))
        .header("i", 5)
        .header("raw", vec![1, 2, 0xff])
        .header("l", 5_000_000_000_i64)
        .header("list", HeaderValue::List(vec![1.into(), 2.into()]))
        .header(
            "uuid",
            java("java.util.UUID", r#""00000000-0000-0001-0000-000000000002""#),
        )
        .header("s", "str é")
        .header("map", map);
    scene.send("probe-out-0", typed).await;
    let order = Order {
        id: 7,
        customer: "anné".to_owned(),
        total: 1.5,
    };
    scene.send("probe-out-0", order).await;
    scene.send("probe-out-0", vec![1_u8, 2, 3]).await;
    scene.send("probe-out-0", r#""quoted""#).await;
    scene.send("probe-out-0", json!({"k": 1})).await;
    let overridden = Message::new("x").header("contentType", "text/plain");
    scene.send("probe-out-0", overridden).await;
    // An output that no function has is bound when the bridge first uses it, there as here.
    scene.assert_state().await;

    let mut expected = scene.capture["messages"].clone();
    let headers = &mut expected[0]["properties"]["headers"];
    // What the capturing client made of a double, a decimal and a time.
    headers["d"] = json!({"py": "double", "v": 1.5});
    headers["big"]["v"] = json!([110, 2]);
    headers["date"]["v"] = json!(0);
    for queue in ["r01.a", "r01.b"] {
        for message in expected.as_array().unwrap() {
            let ours = without_generated(scene.take(queue).await);
            assert_eq!(ours, without_generated(message.clone()));
        }
        scene.assert_empty(queue).await;
    }
    scene.close().await;
}

fn table<const N: usize>(entries: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(name.into(), value);
    }
    table
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

#[tokio::test]
async fn header_patterns_that_leave_the_content_type_out_make_it_bytes_and_the_delivery_mode_is_kept() {
    let scene = Scene::open("r07", FUNCTIONS).await;
    scene.assert_state().await;
    let properties = BasicProperties::default()
        .with_content_type("application/json".into())
        .with_headers(table([("h1", text("v")), ("other", AMQPValue::LongInt(1))]));
    let order = r#"{"id":1,"customer":"anné","total":2.5}"#;
    scene.publish("r07in", order, properties).await;
    let ours = without_generated(scene.take("r07out.a").await);
    assert_eq!(ours, without_generated(scene.capture["out"][0].clone()));
    scene.close().await;
}

#[tokio::test]
async fn a_pass_through_keeps_its_properties_is_routed_by_a_header_and_compressed() {
    let scene = Scene::open("r07", FUNCTIONS).await;
    let nested = AMQPValue::FieldTable(table([("a", AMQPValue::LongInt(1))]));
    let properties = BasicProperties::default()
        .with_content_type("text/plain".into())
        .with_correlation_id("c".into())
        .with_message_id("m".into())
        .with_expiration("60000".into())
        .with_headers(table([
            ("rk", text("a.b.c")),
            ("n", AMQPValue::LongInt(7)),
            ("t", AMQPValue::Boolean(true)),
            ("nested", nested),
        ]));
    let payload = "payload".repeat(50);
    scene.publish("r07pin", &payload, properties).await;
    let mut ours = without_generated(scene.take("r07pout.a").await);
    let mut expected = without_generated(scene.capture["pout"][0].clone());
    for message in [&mut ours, &mut expected] {
        // Two compressors needn't find the same bytes.
        message["body"] = json!(decompressed(&message["body"]["hex"]));
    }
    assert_eq!(ours["body"], json!(payload));
    assert_eq!(ours, expected);
    scene.close().await;
}

fn decompressed(hex: &Value) -> String {
    let hex = hex.as_str().unwrap();
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    let bytes: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
    let mut text = String::new();
    GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    text
}
