//! RabbitMQ's management API.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use http_body_util::BodyExt;
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(30);
/// Every RabbitMQ knows `guest` with the password `guest`, and lets it in from its own machine only.
const GUEST: &str = "Basic Z3Vlc3Q6Z3Vlc3Q=";

/// One call of the API: `path` is what follows `/api/`. `None` when there is no such thing.
pub(super) async fn call(base: &str, method: &str, path: &str, body: Option<Value>) -> Result<Option<Value>> {
    let what = format!("{method} {path}");
    let request = Request::builder()
        .method(method)
        .uri(format!("{}/api/{path}", base.trim_end_matches('/')))
        .header("Authorization", GUEST)
        .header("Content-Type", "application/json")
        .body(body.map(|body| body.to_string()).unwrap_or_default())
        .with_context(|| what.clone())?;
    let client = Client::builder(TokioExecutor::new()).build_http();
    let asking = async {
        let answer = client.request(request).await?;
        let status = answer.status();
        anyhow::Ok((status, answer.into_body().collect().await?.to_bytes()))
    };
    let (status, content) = tokio::time::timeout(PATIENCE, asking)
        .await
        .with_context(|| format!("{what}: no answer within {PATIENCE:?}"))?
        .with_context(|| what.clone())?;
    if status.as_u16() == 404 {
        return Ok(None);
    }
    if !status.is_success() {
        bail!("{what}: {status}: {}", String::from_utf8_lossy(&content));
    }
    Ok(Some(serde_json::from_slice(&content).unwrap_or(Value::Null)))
}

/// A name as it stands in a path.
pub(super) fn encoded(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
