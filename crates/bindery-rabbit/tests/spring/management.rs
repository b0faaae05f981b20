//! The broker's management API: what is declared there.

use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::scene::{DEADLINE, variable};

/// One call; version 1.0 of HTTP, in which an answer ends with its connection.
async fn call(method: &str, path: &str) -> Value {
    let place = variable("RABBITMQ_MANAGEMENT");
    let place = place.trim_start_matches("http://").trim_end_matches('/');
    let request = format!("{method} /api/{path} HTTP/1.0\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n");
    let answer = tokio::time::timeout(DEADLINE, async {
        let mut stream = TcpStream::connect(place).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    });
    let answer = answer.await.expect("the management API takes too long");
    let (head, content) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap();
    assert!(status.starts_with('2'), "{method} {path}: {head}\n{content}");
    serde_json::from_str(content).unwrap_or_default()
}

async fn list(what: &str) -> Vec<Value> {
    match call("GET", &format!("{what}/%2F?disable_stats=true")).await {
        Value::Array(entries) => entries,
        other => panic!("{what}: {other}"),
    }
}

/// What is declared under names that contain `run`, in the form of a capture's `state`.
pub(crate) async fn state(run: &str) -> Value {
    let named = |entry: &Value, field: &str| entry[field].as_str().unwrap().contains(run);
    let mut queues = list("queues").await;
    queues.retain(|queue| named(queue, "name"));
    let mut bindings = list("bindings").await;
    bindings.retain(|binding| named(binding, "destination") && binding["source"] != "");
    let mut exchanges = list("exchanges").await;
    // Dead letter exchanges are everybody's: those that are bound here.
    let bound = |exchange: &Value| {
        bindings
            .iter()
            .any(|binding| binding["source"] == exchange["name"])
    };
    exchanges.retain(|exchange| named(exchange, "name") || bound(exchange));
    let bindings: Vec<Value> = bindings
        .iter()
        .map(|binding| {
            json!({
                "source_name": binding["source"], "destination_name": binding["destination"],
                "destination_kind": binding["destination_type"], "routing_key": binding["routing_key"],
                "arguments": binding["arguments"],
            })
        })
        .collect();
    compared(
        &json!({ "queues": queues, "exchanges": exchanges, "bindings": bindings }),
        run,
    )
}

/// A state without what says nothing: order, statistics, what the version of the broker adds or can't do.
pub(crate) fn compared(state: &Value, run: &str) -> Value {
    let kept = |list: &str, fields: &[&str]| {
        let entries = state[list].as_array().unwrap().iter();
        let mut entries: Vec<Value> = entries.map(|entry| entry_of(entry, fields, run)).collect();
        entries.sort_by_key(Value::to_string);
        entries
    };
    json!({
        "queues": kept("queues", &["name", "durable", "auto_delete", "exclusive", "type"]),
        "exchanges": kept("exchanges", &["name", "type", "durable", "auto_delete"]),
        "bindings": kept("bindings", &["source_name", "destination_name", "destination_kind", "routing_key"]),
    })
}

fn entry_of(entry: &Value, fields: &[&str], run: &str) -> Value {
    let mut kept = Map::new();
    for field in fields {
        let value = match (*field, &entry[*field]) {
            // What the broker's own tool says of a quorum queue.
            ("exclusive", Value::String(text)) if text.is_empty() => json!(false),
            (_, Value::String(text)) => json!(anonymous(text, run)),
            (_, value) => value.clone(),
        };
        kept.insert((*field).to_owned(), value);
    }
    let mut arguments = match &entry["arguments"] {
        Value::Array(triples) => triples
            .iter()
            .map(|triple| (triple[0].as_str().unwrap().to_owned(), triple[2].clone()))
            .collect(),
        Value::Object(arguments) => arguments.clone(),
        other => panic!("{other}"),
    };
    if arguments.get("x-queue-type") == Some(&json!("classic")) {
        arguments.remove("x-queue-type");
    }
    arguments.remove("x-queue-leader-locator");
    arguments.sort_keys();
    kept.insert("arguments".to_owned(), arguments.into());
    kept.into()
}

/// The random part of an anonymous queue's name, checked and replaced.
fn anonymous(name: &str, run: &str) -> String {
    let Some((start, random)) = name.split_once(".anonymous.").filter(|_| name.contains(run)) else {
        return name.to_owned();
    };
    let safe = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    assert!(random.len() == 22 && random.chars().all(safe), "{name}");
    format!("{start}.anonymous.…")
}

/// Waits until the state is as expected; the difference is shown when it doesn't become so.
pub(crate) async fn assert_state(run: &str, expected: &Value) {
    let deadline = tokio::time::Instant::now() + DEADLINE / 3;
    while state(run).await != *expected && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let ours = state(run).await;
    for list in ["queues", "exchanges", "bindings"] {
        let (ours, expected) = (&ours[list], &expected[list]);
        assert_eq!(ours, expected, "\nours: {ours:#}\nexpected: {expected:#}");
    }
}

/// Deletes what is declared under names that contain `run`.
pub(crate) async fn delete(run: &str) {
    for kind in ["queues", "exchanges"] {
        for entry in list(kind).await {
            let name = entry["name"].as_str().unwrap();
            if name.contains(run) {
                call("DELETE", &format!("{kind}/%2F/{name}")).await;
            }
        }
    }
}
