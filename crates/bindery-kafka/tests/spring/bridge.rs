//! What a stream bridge sends: payloads, headers of every type, partitions and keys.

use bindery::prelude::*;
use serde::Serialize;
use serde_json::json;

use crate::scene::Scene;

const TYPES: &str = include_str!("data/k01_types.json");
const KEYS: &str = include_str!("data/k02_keys.json");
const KEY_EXPRESSION: &str = include_str!("data/k12_key_expr.json");
const OUTPUT_BINDINGS: &str = include_str!("data/k14_output_bindings.json");

#[derive(Serialize)]
struct Order {
    id: u32,
    customer: &'static str,
    total: f64,
}

/// A value of a Java type that has no counterpart here.
fn java(class: &str, text: &str) -> HeaderValue {
    HeaderValue::Json {
        class: class.into(),
        text: text.into(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payloads_and_headers_of_every_type_are_written_as_the_jvm_writes_them() {
    let scene = Scene::open("k01", TYPES).await;
    let typed = Message::new("text")
        .header("date", HeaderValue::Timestamp(0))
        .header("big", java("java.math.BigDecimal", "1.10"))
        .header("b", true)
        .header("d", 1.5)
        .header("charz", java("java.lang.Character", r#""c""#))
        .header("i", 5)
        .header("raw", vec![1, 2, 0xff])
        .header("l", 5_000_000_000_i64)
        .header("list", java("java.util.ImmutableCollections$List12", "[1,2]"))
        .header(
            "uuid",
            java("java.util.UUID", r#""00000000-0000-0001-0000-000000000002""#),
        )
        .header("s", "str é")
        .header("map", java("java.util.ImmutableCollections$Map1", r#"{"a":1}"#));
    scene.send("probe-out-0", typed).await;
    let order = Order {
        id: 7,
        customer: "anné",
        total: 1.5,
    };
    scene.send("probe-out-0", order).await;
    scene.send("probe-out-0", vec![1_u8, 2, 3]).await;
    scene.send("probe-out-0", r#""quoted""#).await;
    scene.send("probe-out-0", json!({"k": 1})).await;
    let overridden = Message::new("x").header("contentType", "text/plain");
    scene.send("probe-out-0", overridden).await;
    let expected = scene.captured("records");
    assert_eq!(scene.read("k01", expected.len()), expected);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_and_tables_of_our_own_are_named_by_the_usual_java_classes() {
    let scene = Scene::open("k01", TYPES).await;
    let message = Message::new("text")
        .header("list", HeaderValue::List(vec![1.into(), 2.into()]))
        .header("map", HeaderValue::Map(vec![("a".into(), 1.into())]));
    scene.send("probe-out-0", message).await;
    let record = scene.read("k01", 1).remove(0);
    let header = |name: &str| record.headers[name].as_str();
    assert_eq!((header("list"), header("map")), ("[1,2]", r#"{"a":1}"#));
    let types: serde_json::Value = serde_json::from_str(header("spring_json_header_types")).unwrap();
    let expected = json!({
        "contentType": "java.lang.String", "list": "java.util.ArrayList", "map": "java.util.LinkedHashMap",
    });
    assert_eq!(types, expected);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn partition_keys_of_every_type_choose_the_jvms_partitions() {
    let scene = Scene::open("k02", KEYS).await;
    let expected = scene.captured("records");
    for record in &expected {
        let value = record.value.clone().unwrap();
        let (class, text) = value.split_once('|').unwrap();
        let key = match class {
            "String" => text.into(),
            "Integer" => text.parse::<i32>().unwrap().into(),
            "Long" => text.parse::<i64>().unwrap().into(),
            "Double" => text.parse::<f64>().unwrap().into(),
            "Boolean" => text.parse::<bool>().unwrap().into(),
            other => java(&format!("java.lang.{other}"), text),
        };
        scene
            .send("probe-out-0", Message::new(value.clone()).header("k", key))
            .await;
    }
    assert_eq!(scene.read("k02", expected.len()), expected);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_is_read_from_the_payload_also_leaves_its_header() {
    let scene = Scene::open("k12", KEY_EXPRESSION).await;
    for number in 0..3 {
        let payload = format!(r#"{{"id":{number}}}"#);
        scene
            .send("probe-out-0", Message::new(payload).header("n", number))
            .await;
    }
    let expected = scene.captured("records");
    assert_eq!(scene.read("k12", expected.len()), expected);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn named_output_bindings_are_bound_and_inputs_without_a_function_are_not() {
    let scene = Scene::open("k14", OUTPUT_BINDINGS).await;
    scene.send("alpha", "to alpha").await;
    scene.send("beta-out-0", "to beta").await;
    for (topic, value) in [("k14-alpha-plain", "to alpha"), ("k14-beta", "to beta")] {
        let record = scene.read(topic, 1).remove(0);
        assert_eq!(record.value.as_deref(), Some(value));
    }
    scene.publish("k14in", None, "sunk", &[]).await;
    scene
        .eventually("the sink is called", || scene.calls.of("sunk") == 1)
        .await;
    scene.close().await;
}
