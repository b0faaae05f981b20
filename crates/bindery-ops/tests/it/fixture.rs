//! An application as data, a server for it, and a client that writes requests by hand.

use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use bindery_core::{
    BinderHealth, BindingInfo, Error, ErrorKind, Health, Operations, Result, StateChange, Status,
};
use bindery_ops::{Exposure, OpsServer};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What operators see of an application, to be set by a test.
#[derive(Default)]
pub(crate) struct Application {
    pub(crate) binders: Mutex<Vec<BinderHealth>>,
    pub(crate) bindings: Mutex<Vec<BindingInfo>>,
    pub(crate) changes: Mutex<Vec<(String, StateChange)>>,
}

#[async_trait]
impl Operations for Application {
    fn binders(&self) -> Vec<BinderHealth> {
        self.binders.lock().unwrap().clone()
    }

    fn bindings(&self) -> Vec<BindingInfo> {
        self.bindings.lock().unwrap().clone()
    }

    async fn change_state(&self, binding: &str, change: StateChange) -> Result<()> {
        self.changes.lock().unwrap().push((binding.to_owned(), change));
        match binding {
            "place-out-0" if change == StateChange::Paused => {
                Err(Error::new(ErrorKind::Unsupported, "an output can't be paused"))
            }
            _ => Ok(()),
        }
    }

    fn metrics(&self) -> String {
        "# TYPE stream_received_total counter\nstream_received_total 7\n".to_owned()
    }
}

/// Kafka up, RabbitMQ down, an output and two inputs.
pub(crate) fn application() -> Arc<Application> {
    let binder = |name: &str, health| BinderHealth {
        name: name.into(),
        kind: name.into(),
        health,
    };
    let down = Health {
        since: UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        ..Health::down("connection refused")
    };
    let up = Health {
        since: UNIX_EPOCH + Duration::from_secs(1_799_996_400),
        ..Health::up()
    };
    let binding = |name: &str, destination: &str, binder: &str, state, health: &Health| BindingInfo {
        name: name.to_owned(),
        destination: destination.to_owned(),
        group: name.contains("-in-").then(|| "inventory".to_owned()),
        binder: binder.to_owned(),
        binder_kind: binder.to_owned(),
        input: name.contains("-in-"),
        pausable: name.contains("-in-"),
        state,
        health: health.clone(),
        in_flight: 3,
        lag: (binder == "kafka").then_some(18_233),
    };
    let waiting = Health {
        reason: Some("waiting for rabbit".to_owned()),
        ..down.clone()
    };
    let bindings = vec![
        binding("place-out-0", "orders", "kafka", "running", &up),
        binding("reserve_stock-in-0", "orders", "kafka", "running", &up),
        binding("charge-in-0", "reservations", "rabbit", "starting", &waiting),
    ];
    Arc::new(Application {
        binders: Mutex::new(vec![binder("kafka", up), binder("rabbit", down)]),
        bindings: Mutex::new(bindings),
        ..Application::default()
    })
}

impl Application {
    /// Lets everything recover.
    pub(crate) fn recover(&self) {
        self.binders
            .lock()
            .unwrap()
            .iter_mut()
            .for_each(|binder| binder.health = Health::up());
        for binding in self.bindings.lock().unwrap().iter_mut() {
            binding.health = Health {
                status: Status::Up,
                ..Health::up()
            };
            binding.state = "running";
        }
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) server: OpsServer,
}

/// A response, taken apart.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

impl Server {
    pub(crate) async fn start(include: &str, application: &Arc<Application>) -> Self {
        Self::start_with(&Exposure::parse(include).unwrap(), application).await
    }

    pub(crate) async fn start_with(exposure: &Exposure, application: &Arc<Application>) -> Self {
        let address = "127.0.0.1:0".parse().unwrap();
        let server = OpsServer::bind(address, exposure, application.clone())
            .await
            .unwrap();
        Self { server }
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.server.local_addr()).await.unwrap()
    }

    pub(crate) async fn send(&self, request: &str) -> Response {
        let mut stream = self.connect().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Response {
            status,
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        ))
        .await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Response {
        self.post_with(path, "Host: localhost\r\nContent-Type: application/json", body)
            .await
    }

    pub(crate) async fn post_with(&self, path: &str, headers: &str, body: &str) -> Response {
        let length = body.len();
        self.send(&format!(
            "POST {path} HTTP/1.1\r\n{headers}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ))
        .await
    }
}
