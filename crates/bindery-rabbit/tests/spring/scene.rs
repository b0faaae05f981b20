//! A capture and an application that runs its configuration, with names of its own on the broker.

use std::sync::Arc;
use std::time::Duration;

use bindery::prelude::*;
use bindery::{Error, Running, Status};
use lapin::BasicProperties;
use serde_json::Value;

use crate::listeners::{self, Calls};
use crate::management;
use crate::messages;
use crate::raw::Raw;

/// How long anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "{name} is not set: run `cargo xtask test`, or `cargo xtask brokers up` and set what it prints"
        )
    })
}

/// A running application, and what the JVM did with the same configuration.
pub(crate) struct Scene {
    /// Before the captured names of destinations.
    pub(crate) run: String,
    pub(crate) capture: Value,
    running: Running,
    pub(crate) calls: Arc<Calls>,
    pub(crate) broker: Raw,
}

/// A capture and its application, before it is started.
pub(crate) struct Prepared {
    pub(crate) run: String,
    pub(crate) application: Application,
    capture: Value,
    calls: Arc<Calls>,
}

/// Runs a capture's configuration as it is; only destinations get a prefix. `stem` begins all their names.
pub(crate) fn prepare(stem: &str, capture: &str, arguments: &[&str]) -> Prepared {
    let run = format!("spring-{}-", &uuid::Uuid::new_v4().simple().to_string()[..12]);
    let capture: Value = serde_json::from_str(&capture.replace(stem, &format!("{run}{stem}"))).unwrap();
    let addresses = format!("--spring.rabbitmq.addresses={}", variable("RABBITMQ_ADDRESSES"));
    let arguments = arguments.iter().map(|argument| (*argument).to_owned());
    let calls = Arc::new(Calls::default());
    let application = Application::new()
        .environment(Vec::<(String, String)>::new())
        .arguments(arguments.chain([addresses]))
        .config_directory("no-files")
        .yaml(
            "application.yaml",
            serde_json::to_string_pretty(&capture["yaml"]).unwrap(),
        )
        .state(calls.clone())
        .listeners(listeners::all())
        .quiet();
    Prepared {
        run,
        application,
        capture,
        calls,
    }
}

impl Scene {
    pub(crate) async fn open(stem: &str, capture: &str) -> Self {
        Self::open_with(stem, capture, &[]).await
    }

    /// The same, with arguments.
    pub(crate) async fn open_with(stem: &str, capture: &str, arguments: &[&str]) -> Self {
        let Prepared {
            run,
            application,
            capture,
            calls,
        } = prepare(stem, capture, arguments);
        let running = application.start().await.unwrap();
        running.wait_ready(DEADLINE).await.unwrap();
        Self {
            run,
            capture,
            running,
            calls,
            broker: Raw::connect().await,
        }
    }

    /// A captured name as it is here.
    pub(crate) fn name(&self, captured: &str) -> String {
        format!("{}{captured}", self.run)
    }

    /// Publishes as a stranger would, with the destination as routing key.
    pub(crate) async fn publish(&self, destination: &str, body: &str, properties: BasicProperties) {
        self.broker
            .publish(&self.name(destination), body, properties)
            .await;
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

    /// Takes the next message from a queue for good.
    pub(crate) async fn take(&self, queue: &str) -> Value {
        messages::delivered(&self.broker.take(&self.name(queue)).await)
    }

    pub(crate) async fn assert_empty(&self, queue: &str) {
        let more = self.broker.get(&self.name(queue)).await;
        assert!(more.is_none(), "{more:?}");
    }

    /// What is declared must be what the JVM declared.
    pub(crate) async fn assert_state(&self) {
        let expected = management::compared(&self.capture["state"], &self.run);
        management::assert_state(&self.run, &expected).await;
    }

    /// Waits until every attempt has failed and the binding says that it holds the message.
    pub(crate) async fn await_held(&self, binding: &str) {
        let held = async {
            loop {
                let health = self.running.bindings().named(binding)[0].health();
                let reason = health.reason.unwrap_or_default();
                if health.status == Status::Degraded && reason.contains("is held after 3 attempts") {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(DEADLINE, held)
            .await
            .expect("the message isn't held");
    }

    /// Shuts the application down.
    pub(crate) async fn shutdown(self) -> Stopped {
        self.running.shutdown().await.unwrap();
        Stopped {
            run: self.run,
            broker: self.broker,
        }
    }

    /// Shuts the application down and deletes what was declared.
    pub(crate) async fn close(self) {
        self.shutdown().await.close().await;
    }
}

/// What is left of a scene.
pub(crate) struct Stopped {
    pub(crate) run: String,
    pub(crate) broker: Raw,
}

impl Stopped {
    pub(crate) async fn close(self) {
        management::delete(&self.run).await;
    }
}
