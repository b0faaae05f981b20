//! A capture and an application that runs its configuration, with names of its own on the broker.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bindery::prelude::*;
use bindery::{Error, Running, Status};
use serde_json::Value;

use crate::listeners::{self, Calls};
use crate::raw::{self, DEADLINE};
use crate::record::Record;

/// A running application, and what the JVM did with the same configuration.
pub(crate) struct Scene {
    /// Before the captured names of topics and groups.
    run: String,
    capture: Value,
    running: Running,
    pub(crate) calls: Arc<Calls>,
}

impl Scene {
    /// Runs a capture's configuration as it is; only topics and groups get a prefix. `stem` begins all topics' names.
    pub(crate) async fn open(stem: &str, capture: &str) -> Self {
        Self::open_with(stem, capture, &[]).await
    }

    /// The same, with arguments.
    pub(crate) async fn open_with(stem: &str, capture: &str, arguments: &[&str]) -> Self {
        let run = format!("spring-{}-", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        let capture = renamed(stem, capture, &run);
        let brokers = format!("--spring.cloud.stream.kafka.binder.brokers={}", raw::brokers());
        let arguments = arguments.iter().map(|argument| (*argument).to_owned());
        let calls = Arc::new(Calls::default());
        let running = Application::new()
            .environment(Vec::<(String, String)>::new())
            .arguments(arguments.chain([brokers]))
            .config_directory("no-files")
            .yaml(
                "application.yaml",
                serde_json::to_string_pretty(&capture["yaml"]).unwrap(),
            )
            .state(calls.clone())
            .listeners(listeners::all())
            .quiet()
            .start()
            .await
            .unwrap();
        running.wait_ready(DEADLINE).await.unwrap();
        Self {
            run,
            capture,
            running,
            calls,
        }
    }

    /// A captured name as it is here.
    pub(crate) fn name(&self, captured: &str) -> String {
        format!("{}{captured}", self.run)
    }

    pub(crate) async fn publish(
        &self,
        topic: &str,
        key: Option<&str>,
        value: &str,
        headers: &[(&str, &[u8])],
    ) {
        raw::publish(&self.name(topic), key, value, headers).await;
    }

    /// Sends through the stream bridge and waits for the confirmation.
    pub(crate) async fn send<T: bindery::Element>(&self, binding: &str, value: T) {
        self.running
            .stream_bridge()
            .send(binding, value)
            .await
            .map_err(|error: Error| error.report())
            .unwrap();
    }

    /// One list of captured records, sorted by value.
    pub(crate) fn captured(&self, list: &str) -> Vec<Record> {
        let mut records = Record::all(&self.capture[list]);
        records.sort();
        records
    }

    /// How often the JVM did something.
    pub(crate) fn number(&self, name: &str) -> usize {
        usize::try_from(self.capture[name].as_u64().unwrap()).unwrap()
    }

    /// Every record of a topic, sorted by value, once there are as many as expected.
    pub(crate) fn read(&self, topic: &str, expected: usize) -> Vec<Record> {
        raw::read(&self.name(topic), expected)
    }

    pub(crate) async fn eventually(&self, what: &str, mut reached: impl FnMut() -> bool) {
        let waiting = async {
            while !reached() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = tokio::time::timeout(DEADLINE, waiting).await;
        assert!(waited.is_ok(), "{what}: it takes too long");
    }

    /// How a binding is, and why.
    pub(crate) fn health(&self, binding: &str) -> (Status, String) {
        let health = self.running.bindings().named(binding)[0].health();
        (health.status, health.reason.unwrap_or_default())
    }

    /// Shuts the application down; topics and committed offsets must be those of the capture.
    pub(crate) async fn close(self) {
        let Self {
            run,
            capture,
            running,
            ..
        } = self;
        running.shutdown().await.unwrap();
        if let Some(topics) = capture.get("topics") {
            let expected: BTreeMap<String, usize> = serde_json::from_value(topics.clone()).unwrap();
            assert_eq!(raw::topics(&run), expected, "topics");
        }
        for place in capture["offsets"].as_array().into_iter().flatten() {
            let topic = place[0].as_str().unwrap();
            let partition = i32::try_from(place[1].as_i64().unwrap()).unwrap();
            let group = group_of(&capture, topic);
            let committed = raw::committed(topic, &group, partition);
            assert_eq!(committed, place[2].as_i64(), "committed for {topic}");
        }
    }

    /// Shuts the application down and says what a group has committed.
    pub(crate) async fn close_and_committed(self, topic: &str) -> Option<i64> {
        let topic = self.name(topic);
        self.running.shutdown().await.unwrap();
        raw::committed(&topic, &group_of(&self.capture, &topic), 0)
    }
}

fn bindings(capture: &Value) -> impl Iterator<Item = &Value> {
    let bindings = &capture["yaml"]["spring.cloud"]["stream"]["bindings"];
    bindings.as_object().unwrap().values()
}

/// The group that consumes a topic.
fn group_of(capture: &Value, topic: &str) -> String {
    let consuming =
        bindings(capture).find(|binding| binding["destination"] == topic && binding.get("group").is_some());
    consuming.unwrap()["group"].as_str().unwrap().to_owned()
}

/// The capture with other names of topics and groups; dead letter topics are named after both.
fn renamed(stem: &str, capture: &str, run: &str) -> Value {
    let capture: Value = serde_json::from_str(capture).unwrap();
    let mut text = capture.to_string().replace(stem, &format!("{run}{stem}"));
    for group in bindings(&capture).filter_map(|binding| binding["group"].as_str()) {
        text = text
            .replace(
                &format!(r#""group":"{group}""#),
                &format!(r#""group":"{run}{group}""#),
            )
            .replace(&format!(r#".{group}""#), &format!(r#".{run}{group}""#));
    }
    serde_json::from_str(&text).unwrap()
}
