//! `/actuator/bindings`: what the bindings are, and changes of their state.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use bindery_core::{BindingInfo, BindingName, Operations, StateChange, Status};
use serde_json::{Value, json};

use crate::access::check_change;
use crate::problem::Problem;
use crate::router::Json;

/// Every binding.
pub(crate) async fn all(State(operations): State<Arc<dyn Operations>>) -> Json {
    let shown = operations.bindings().iter().map(shown).collect();
    Json(StatusCode::OK, shown)
}

/// The bindings of one name: one for each destination, none for a name that nobody knows.
pub(crate) async fn named(State(operations): State<Arc<dyn Operations>>, Path(name): Path<String>) -> Json {
    let name = BindingName::new(name);
    let bindings = operations.bindings();
    let named = bindings
        .iter()
        .filter(|binding| BindingName::new(&binding.name) == name);
    Json(StatusCode::OK, named.map(shown).collect())
}

/// Changes the state of the bindings of one name.
pub(crate) async fn change(
    State(operations): State<Arc<dyn Operations>>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    check_change(&headers)?;
    let body = body.map_err(|refused| Problem::new(refused.status(), refused.body_text()))?;
    operations.change_state(&name, wanted(&body)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn wanted(body: &[u8]) -> Result<StateChange, Problem> {
    let body: Value = serde_json::from_slice(body)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, format!("the body is no JSON: {error}")))?;
    let state = body["state"].as_str().unwrap_or_default().to_ascii_uppercase();
    match state.as_str() {
        "STARTED" => Ok(StateChange::Started),
        "STOPPED" => Ok(StateChange::Stopped),
        "PAUSED" => Ok(StateChange::Paused),
        "RESUMED" => Ok(StateChange::Resumed),
        _ => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            r#"the body says the state: {"state": "STARTED"}, or `STOPPED`, `PAUSED`, `RESUMED`"#,
        )),
    }
}

/// A binding with Spring Cloud Stream's fields, in its order, and ours in `extendedInfo`.
fn shown(binding: &BindingInfo) -> Value {
    let mut shown = json!({
        "bindingName": binding.name,
        "name": binding.destination,
        "group": binding.group,
        "pausable": binding.pausable,
        "state": binding.state,
        "paused": binding.state == "paused",
        "input": binding.input,
        "binderName": binding.binder,
        "binderType": binding.binder_kind,
        "extendedInfo": { "bindingDestination": binding.destination, "in-flight": binding.in_flight, "lag": binding.lag },
    });
    if let (Status::Down | Status::Degraded, Some(reason)) = (binding.health.status, &binding.health.reason) {
        shown["error"] = reason.as_str().into();
    }
    shown
}
