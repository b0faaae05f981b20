//! Asks a service process how it is, over its own health endpoint.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// A frozen process accepts connections and never answers.
const PATIENCE: Duration = Duration::from_secs(1);

/// What health said.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// `UP`, `DEGRADED`, `DOWN`, `UNKNOWN`.
    pub status: String,
    /// Every reason given, each after the name of the binder or binding that gave it.
    pub reasons: Vec<String>,
}

/// Whether the service says that its bindings run.
pub async fn ready(port: u16) -> bool {
    let answer = get(port, "health/readiness").await;
    answer.is_some_and(|(up, _)| up)
}

/// The whole report; `None` when nobody answers.
pub async fn report(port: u16) -> Option<Report> {
    let (_, body) = get(port, "health").await?;
    let body: Value = serde_json::from_slice(&body).ok()?;
    let mut report = Report {
        status: body["status"].as_str()?.to_owned(),
        reasons: Vec::new(),
    };
    for kind in ["binders", "bindings"] {
        for (name, health) in body["components"][kind].as_object().into_iter().flatten() {
            if let Some(reason) = health["reason"].as_str() {
                report.reasons.push(format!("{name}: {reason}"));
            }
        }
    }
    Some(report)
}

/// Every metric as Prometheus text; `None` when nobody answers.
pub async fn metrics(port: u16) -> Option<String> {
    let (_, body) = get(port, "prometheus").await?;
    String::from_utf8(body).ok()
}

async fn get(port: u16, path: &str) -> Option<(bool, Vec<u8>)> {
    let uri = format!("http://127.0.0.1:{port}/actuator/{path}").parse().ok()?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<&[u8]>>();
    let asking = async {
        let answer = client.get(uri).await.ok()?;
        let up = answer.status().is_success();
        Some((up, answer.into_body().collect().await.ok()?.to_bytes().to_vec()))
    };
    tokio::time::timeout(PATIENCE, asking).await.ok()?
}
