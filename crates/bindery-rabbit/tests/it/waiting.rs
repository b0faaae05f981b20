//! Dead letters that their queue doesn't take: the originals stay, health says why, and all goes on with the queue.

use std::sync::{Arc, Mutex};

use bindery::prelude::*;
use bindery::{Application, BindingHandle, Running, Status, listeners};
use bindery_conformance::{Answers, LogWatch, Relay};
use bindery_core::{BinderSpec, Options};
use serde_json::json;

use crate::support::{address, get, manage, publish_raw, queue, soon, unique, until};

type Seen = Arc<Mutex<Vec<String>>>;

#[stream_listener]
async fn refuse(text: String, seen: State<Seen>) -> Result<(), HandlerError> {
    seen.lock().unwrap().push(text.clone());
    match text.strip_prefix("bad") {
        Some(_) => Err(HandlerError::permanent("it is bad")),
        None => Ok(()),
    }
}

/// A service with a dead letter queue, and what its handler saw.
async fn service(destination: &str, settings: &[(&str, &str)]) -> (Running, Seen) {
    let seen = Seen::default();
    let own = |key: &str| format!("stream.rabbit.bindings.refuse-in-0.consumer.{key}");
    let mut application = Application::new()
        .arguments(Vec::<String>::new())
        .environment(Vec::<(String, String)>::new())
        .config_directory("no-files")
        .property("spring.rabbitmq.addresses", address())
        .property("stream.bindings.refuse-in-0.destination", destination)
        .property("stream.bindings.refuse-in-0.group", "g")
        .property("stream.bindings.refuse-in-0.content-type", "text/plain")
        .property(own("auto-bind-dlq"), "true")
        .state(seen.clone())
        .listeners(listeners![refuse])
        .quiet();
    for (key, value) in settings {
        application = application.property(own(key), *value);
    }
    let running = application.start().await.unwrap();
    running.wait_ready(crate::support::DEADLINE).await.unwrap();
    (running, seen)
}

async fn send(destination: &str, text: &str) {
    publish_raw(destination, "k", json!({"content_type": "text/plain"}), text).await;
}

fn reason(input: &BindingHandle) -> String {
    input.health().reason.unwrap_or_default()
}

async fn waits_for(input: &BindingHandle, why: &str) {
    until(why, async || {
        input.health().status == Status::Degraded && reason(input).contains(why)
    })
    .await;
}

async fn unsettled(queue_name: &str) -> Option<i64> {
    queue(queue_name).await?["messages"].as_i64()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_dead_letter_queue_leaves_the_original_until_it_has_room() {
    let destination = unique("full-dlq");
    let settings = [
        ("dlq-max-length", "1"),
        ("dlq-overflow-behavior", "reject-publish"),
    ];
    let (running, seen) = service(&destination, &settings).await;
    let input = running.bindings().named("refuse-in-0").remove(0);
    let dlq = format!("{destination}.g.dlq");
    for text in ["bad1", "bad2", "good"] {
        send(&destination, text).await;
    }
    waits_for(
        &input,
        &format!("1 message waits for the dead letter `{dlq}`: the broker refused"),
    )
    .await;
    until("two are unsettled", async || {
        unsettled(&format!("{destination}.g")).await == Some(2)
    })
    .await;
    assert_eq!(
        *seen.lock().unwrap(),
        ["bad1", "bad2"],
        "one delivery each, and the next waits"
    );
    assert_eq!(get(&dlq).await.unwrap()["payload"], json!("bad1"));
    until("all is up", async || running.health().status == Status::Up).await;
    assert_eq!(get(&dlq).await.unwrap()["payload"], json!("bad2"));
    until("all are settled", async || {
        unsettled(&format!("{destination}.g")).await == Some(0)
    })
    .await;
    assert_eq!(*seen.lock().unwrap(), ["bad1", "bad2", "good"]);
    running.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_dead_letter_queue_leaves_the_original_until_it_is_there_again() {
    let destination = unique("missing-dlq");
    let (running, _) = service(&destination, &[]).await;
    let input = running.bindings().named("refuse-in-0").remove(0);
    let dlq = format!("{destination}.g.dlq");
    // The first one shows that the publisher has declared the queue, which it does once for each connection.
    send(&destination, "bad0").await;
    until("it is parked", async || get(&dlq).await.is_some()).await;
    manage("DELETE", &format!("queues/%2F/{dlq}"), None).await;
    send(&destination, "bad1").await;
    waits_for(&input, "no queue is bound to exchange `DLX`").await;
    let since = input.health().since;
    until("it is tried again", async || reason(&input).contains("attempt 3")).await;
    assert_eq!(input.health().since, since);
    manage(
        "PUT",
        &format!("queues/%2F/{dlq}"),
        Some(json!({"durable": true})),
    )
    .await;
    let binding = json!({"routing_key": format!("{destination}.g")});
    manage("POST", &format!("bindings/%2F/e/DLX/q/{dlq}"), Some(binding)).await;
    let parked = soon("the dead letter", async {
        loop {
            if let Some(parked) = get(&dlq).await {
                return parked;
            }
        }
    })
    .await;
    assert_eq!(parked["payload"], json!("bad1"));
    until("all is up", async || running.health().status == Status::Up).await;
    assert!(input.health().since > since);
    running.shutdown().await.unwrap();
}

#[stream_listener]
async fn forward_logged(text: String) -> Result<String, HandlerError> {
    Ok(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_one_line_for_each_connection_and_its_return_one_more() {
    let (name, destination) = (unique("away").replace('.', "-"), unique("logged"));
    let watch = LogWatch::begin(&[]);
    let relay = Relay::start(&address(), Answers::Plain);
    let own = format!("stream.binders.{name}");
    let host = relay.address();
    let application = Application::new()
        .arguments(Vec::<String>::new())
        .environment(Vec::<(String, String)>::new())
        .config_directory("no-files")
        .property(format!("{own}.type"), "rabbit")
        .property(format!("{own}.environment.spring.rabbitmq.addresses"), host)
        .property(
            "stream.bindings.forward_logged-in-0.destination",
            destination.as_str(),
        )
        .property("stream.bindings.forward_logged-in-0.group", "g")
        .property(
            "stream.bindings.forward_logged-out-0.destination",
            format!("{destination}.out"),
        )
        .listeners(listeners![forward_logged])
        .quiet();
    let outage = relay.outage(BinderSpec {
        name: name.as_str().into(),
        kind: "rabbit".into(),
        options: Options::default(),
        connection: Options::default(),
        consumers: 1,
    });
    let running = application.start().await.unwrap();
    running.wait_ready(crate::support::DEADLINE).await.unwrap();
    let (before, up) = (running.health(), Status::Up);
    assert_eq!(before.status, up);
    (outage.cut)();
    let reasons = || {
        let health = running.health();
        let all = health.binders.into_iter().map(|binder| binder.health);
        all.filter_map(|health| health.reason).collect::<String>()
    };
    until("several attempts", async || {
        reasons().contains("attempt 4, next in ")
    })
    .await;
    assert!(!running.health().is_ready());
    (outage.restore)();
    until("all is up", async || running.health().status == up).await;
    for purpose in ["consumers", "producers"] {
        let lines = watch.lines(&format!("connection `{name}` ({purpose})"));
        let is = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
        assert_eq!(
            (is("WARN"), is("is up again after"), lines.len()),
            (1, 1, 3),
            "{lines:#?}"
        );
    }
    let of_the_library = watch.lines("lapin::channels: Connection error");
    assert!(of_the_library.is_empty(), "{of_the_library:#?}");
    for binding in [
        "consumer `forward_logged-in-0`",
        "producer `forward_logged-out-0`",
    ] {
        let lines = watch.lines(binding);
        assert_eq!(
            lines.len(),
            1,
            "up at the start, and then its connection tells: {lines:#?}"
        );
    }
    running.shutdown().await.unwrap();
}
