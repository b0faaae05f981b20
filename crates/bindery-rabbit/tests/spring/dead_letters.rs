//! Messages that can't be handled: dead letters with Spring's headers, and what happens where there are none.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use serde_json::{Value, json};

use crate::messages::{delivered, take};
use crate::scene::Scene;

const REPUBLISHED: &str = include_str!("../data/r04_dlq_republish.json");
const REJECTED: &str = include_str!("../data/r05_dlq_reject.json");
const NONE: &str = include_str!("../data/r06_nodlq.json");

fn plain_text(headers: FieldTable) -> BasicProperties {
    BasicProperties::default()
        .with_content_type("text/plain".into())
        .with_delivery_mode(2)
        .with_headers(headers)
}

fn headers() -> FieldTable {
    let mut headers = FieldTable::default();
    headers.insert("h".into(), AMQPValue::LongString("v".into()));
    headers
}

#[tokio::test]
async fn a_republished_dead_letter_is_the_original_with_springs_headers() {
    let scene = Scene::open("r04", REPUBLISHED).await;
    scene.assert_state().await;
    let mut headers = headers();
    headers.insert("n".into(), AMQPValue::LongInt(5));
    let properties = plain_text(headers).with_priority(3).with_message_id("m1".into());
    scene.publish("r04", "bad1", properties).await;
    let mut ours = scene.take("r04.g.dlq").await;
    let mut expected = scene.capture["dlq"][0].clone();
    let exception = take(&mut ours, "x-exception-");
    let names: Vec<String> = take(&mut expected, "x-exception-").keys().cloned().collect();
    assert_eq!(exception.len(), names.len());
    for name in names {
        assert_eq!(exception[&name]["py"], "str");
        let text = exception[&name]["v"].as_str().unwrap();
        assert!(text.contains("boom é bad1"), "{name}: {text}");
    }
    assert_eq!(
        take(&mut ours, "x-bindery-")["x-bindery-binding"]["v"],
        "boom-in-0"
    );
    assert_eq!(ours, expected);
    assert_eq!(scene.calls.of("bad1"), 2, "`max-attempts` deliveries");
    scene.assert_empty("r04.g.dlq").await;
    scene.close().await;
}

/// Takes out what the broker's version adds, and the time.
fn comparable(mut message: Value) -> Value {
    take(&mut message, "x-last-death-");
    let death = &mut message["properties"]["headers"]["x-death"]["v"][0];
    assert!(
        death
            .as_object_mut()
            .unwrap()
            .shift_remove("time")
            .is_some_and(|time| time != Value::Null)
    );
    message
}

#[tokio::test]
async fn a_rejected_dead_letter_is_moved_by_the_broker() {
    let scene = Scene::open("r05", REJECTED).await;
    scene.assert_state().await;
    scene.publish("r05", "bad1", plain_text(headers())).await;
    let ours = scene.take("r05.g.dlq").await;
    assert_eq!(comparable(ours), comparable(scene.capture["dlq"][0].clone()));
    assert_eq!(scene.calls.of("bad1"), 1);
    scene.close().await;
}

#[tokio::test]
async fn without_a_dead_letter_a_message_is_held_and_goes_back_to_its_queue() {
    let scene = Scene::open("r06", NONE).await;
    scene.assert_state().await;
    scene.publish("r06", "bad", plain_text(headers())).await;
    scene.await_held("boom-in-0").await;
    let queue = scene.name("r06.g");
    let stopped = scene.shutdown().await;
    let message = delivered(&stopped.broker.take(&queue).await);
    assert_eq!(message["body"], json!({ "text": "bad" }));
    assert_eq!(message["redelivered"], true);
    stopped.close().await;
}

#[tokio::test]
async fn without_a_dead_letter_a_message_is_skipped_as_on_the_jvm_when_asked_for() {
    let skip = "--spring.cloud.stream.bindings.boom-in-0.consumer.on-exhausted=skip";
    let scene = Scene::open_with("r06", NONE, &[skip]).await;
    scene.publish("r06", "bad", plain_text(headers())).await;
    let deliveries = usize::try_from(scene.capture["deliveries"].as_u64().unwrap()).unwrap();
    // The queue keeps its order, so the last attempt of the first is before the first of the second.
    scene.publish("r06", "next", plain_text(headers())).await;
    let waiting = async {
        while scene.calls.of("next") < deliveries {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(crate::scene::DEADLINE, waiting)
        .await
        .expect("the second message isn't delivered");
    assert_eq!(scene.calls.of("bad"), deliveries);
    let queue = scene.name("r06.g");
    let stopped = scene.shutdown().await;
    assert!(stopped.broker.get(&queue).await.is_none(), "both are gone");
    stopped.close().await;
}
