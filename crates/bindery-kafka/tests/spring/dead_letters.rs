//! Messages that can't be handled: dead letters with Spring's headers, and what happens where there are none.

use bindery::Status;

use crate::raw::{self, TIMESTAMP};
use crate::record::Record;
use crate::scene::Scene;

const DEFAULTS: &str = include_str!("data/k03_upper_dlq.json");
const OPTIONS: &str = include_str!("data/k06_dlq_options.json");
const NONE: &str = include_str!("data/k07_nodlq.json");

/// Compares dead letters: texts of exceptions are our own but tell the cause, the original's time is checked here.
fn assert_dead_letter(mut ours: Record, mut captured: Record, cause: &str) {
    let exception = ours.take("x-exception-");
    let names: Vec<_> = captured.take("x-exception-").into_keys().collect();
    assert!(exception.keys().eq(&names), "{exception:#?}");
    assert!(exception["x-exception-message"].contains(cause), "{exception:#?}");
    assert!(
        exception["x-exception-stacktrace"].contains(cause),
        "{exception:#?}"
    );
    assert!(!exception["x-exception-fqcn"].is_empty(), "{exception:#?}");
    let own = ours.take("x-bindery-");
    assert_eq!(own["x-bindery-binding"], "boom-in-0");
    captured
        .headers
        .insert("x-original-timestamp".to_owned(), format!("0x{TIMESTAMP:016x}"));
    assert_eq!(ours, captured);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_letter_is_the_original_with_springs_headers() {
    let scene = Scene::open("k03", DEFAULTS).await;
    let headers: &[(&str, &[u8])] = &[("h1", b"v1"), ("contentType", b"text/plain")];
    scene.publish("k03boom", Some("key1"), "bad1", headers).await;
    let dead_letters = format!("error.{}.{}", scene.name("k03boom"), scene.name("g2"));
    let ours = raw::read(&dead_letters, 1).remove(0);
    assert_dead_letter(ours, scene.captured("dlq").remove(0), "boom é bad1");
    assert_eq!(scene.calls.of("bad1"), 2, "`max-attempts` deliveries");
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_go_where_the_options_say() {
    let scene = Scene::open("k06", OPTIONS).await;
    scene.publish("k06", None, "bad", &[]).await;
    let ours = scene.read("k06-parked", 1).remove(0);
    assert_dead_letter(ours, scene.captured("dlq").remove(0), "boom é bad");
    assert_eq!(scene.calls.of("bad"), 1);
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_dead_letter_a_message_is_held() {
    let scene = Scene::open("k07", NONE).await;
    scene.publish("k07", None, "one", &[]).await;
    scene.publish("k07", None, "two", &[]).await;
    let attempts = scene.number("deliveries");
    scene
        .eventually("every attempt fails and the binding says so", || {
            let (status, reason) = scene.health("boom-in-0");
            status == Status::Degraded && reason.contains("is held after 3 attempts")
        })
        .await;
    assert!(scene.calls.of("one") >= attempts);
    assert_eq!(scene.calls.of("two"), 0, "nothing of the partition overtakes it");
    let committed = scene.close_and_committed("k07").await;
    assert!(matches!(committed, None | Some(0)), "{committed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_dead_letter_a_message_is_skipped_as_on_the_jvm_when_asked_for() {
    let skip = "--spring.cloud.stream.bindings.boom-in-0.consumer.on-exhausted=skip";
    let scene = Scene::open_with("k07", NONE, &[skip]).await;
    scene.publish("k07", None, "one", &[]).await;
    scene.publish("k07", None, "two", &[]).await;
    let (first, second) = (scene.number("deliveries"), scene.number("deliveries2"));
    scene
        .eventually("every attempt", || scene.calls.of("two") == second)
        .await;
    assert_eq!(scene.calls.of("one"), first);
    scene.close().await;
}
