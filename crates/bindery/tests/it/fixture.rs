//! An application on a broker of its own, and waiting on conditions.

use std::sync::Arc;
use std::time::Duration;

use bindery::memory::{MemoryBinderFactory, MemoryBroker};
use bindery::{Application, ListenerDefinition, OutboundRecord, RawMessage, Running};
use serde::{Deserialize, Serialize};

/// How long a test waits for what must happen.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub(crate) struct Order {
    pub(crate) id: u32,
}

/// An application that reads `yaml` and nothing else, on `broker`.
pub(crate) fn application(
    broker: &MemoryBroker,
    yaml: &str,
    listeners: Vec<ListenerDefinition>,
) -> Application {
    Application::new()
        .arguments(Vec::<String>::new())
        .environment(Vec::<(String, String)>::new())
        .config_directory("tests/it/no-configuration")
        .binder(Arc::new(MemoryBinderFactory::new(broker.clone())))
        .yaml("test.yaml", yaml)
        .listeners(listeners)
        .quiet()
}

/// Starts it and waits until every binding runs.
pub(crate) async fn started(application: Application) -> Running {
    let running = application.start().await.unwrap();
    running.wait_ready(DEADLINE).await.unwrap();
    running
}

pub(crate) fn order(id: u32) -> OutboundRecord {
    record(&format!(r#"{{"id":{id}}}"#), None)
}

pub(crate) fn record(payload: &str, key: Option<&str>) -> OutboundRecord {
    OutboundRecord {
        payload: Some(payload.to_owned().into()),
        key: key.map(|key| key.to_owned().into()),
        headers: [("contentType", "application/json")].into_iter().collect(),
        partition: None,
        routing_key: None,
    }
}

pub(crate) fn text(message: &RawMessage) -> String {
    String::from_utf8_lossy(message.bytes()).into_owned()
}

/// Waits until `condition` holds; the test fails with `what` when it doesn't in time.
pub(crate) async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(
        tokio::time::timeout(DEADLINE, waiting).await.is_ok(),
        "not within {DEADLINE:?}: {what}"
    );
}
