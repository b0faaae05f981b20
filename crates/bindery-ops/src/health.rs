//! Health as JSON: `/actuator/health` and its groups.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use bindery_core::{BindingInfo, Health, Operations, Status, iso_8601};
use serde_json::{Map, Value, json};

use crate::router::Json;

/// What is up and what isn't, each with its reason.
pub(crate) async fn health(State(operations): State<Arc<dyn Operations>>) -> Json {
    report(&*operations, true)
}

/// Whether everything is up.
pub(crate) async fn health_without_details(State(operations): State<Arc<dyn Operations>>) -> Json {
    report(&*operations, false)
}

fn report(operations: &dyn Operations, with_details: bool) -> Json {
    let health = operations.health();
    let mut body = json!({ "status": word(health.status), "groups": ["liveness", "readiness"] });
    if with_details {
        let binders: Map<_, _> = health
            .binders
            .iter()
            .map(|binder| (binder.name.to_string(), Value::Object(details(&binder.health))))
            .collect();
        body["components"] = json!({ "binders": binders, "bindings": of_bindings(&health.bindings) });
    }
    Json(code(health.status == Status::Down), body)
}

/// Up as long as the process answers. What a restart doesn't cure has no influence.
pub(crate) async fn liveness() -> Json {
    Json(StatusCode::OK, json!({ "status": "UP" }))
}

/// Up when no binder and no binding is down and no binding is still starting.
pub(crate) async fn readiness(State(operations): State<Arc<dyn Operations>>) -> Json {
    let refusing = !operations.health().is_ready();
    let status = if refusing { "OUT_OF_SERVICE" } else { "UP" };
    Json(code(refusing), json!({ "status": status }))
}

/// The bindings by name. An input with several destinations is the worst of them.
fn of_bindings(bindings: &[BindingInfo]) -> Map<String, Value> {
    let mut shown: Map<String, Value> = Map::new();
    let mut worst_first: Vec<&BindingInfo> = bindings.iter().collect();
    worst_first.sort_by_key(|binding| std::cmp::Reverse(rank(binding.health.status)));
    for binding in bindings {
        let worst = worst_first
            .iter()
            .find(|other| other.name == binding.name)
            .unwrap_or(&binding);
        if !shown.contains_key(&binding.name) {
            shown.insert(binding.name.clone(), of_binding(worst));
        }
    }
    shown
}

fn of_binding(binding: &BindingInfo) -> Value {
    let mut shown = Map::new();
    let mut details = details(&binding.health);
    shown.insert(
        "status".to_owned(),
        details.shift_remove("status").unwrap_or_default(),
    );
    shown.insert("state".to_owned(), binding.state.into());
    if binding.input {
        if let Some(lag) = binding.lag {
            shown.insert("lag".to_owned(), lag.into());
        }
        shown.insert("in-flight".to_owned(), binding.in_flight.into());
    }
    shown.extend(details);
    Value::Object(shown)
}

/// Status, since when, and the reason where there is one.
fn details(health: &Health) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("status".to_owned(), word(health.status).into());
    shown.insert("since".to_owned(), iso_8601(health.since).into());
    if let Some(reason) = &health.reason {
        shown.insert("reason".to_owned(), reason.as_str().into());
    }
    shown
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Up => "UP",
        Status::Unknown => "UNKNOWN",
        Status::Degraded => "DEGRADED",
        Status::Down => "DOWN",
    }
}

fn rank(status: Status) -> u8 {
    match status {
        Status::Unknown => 0,
        Status::Up => 1,
        Status::Degraded => 2,
        Status::Down => 3,
    }
}

fn code(is_down: bool) -> StatusCode {
    if is_down {
        StatusCode::SERVICE_UNAVAILABLE
    } else {
        StatusCode::OK
    }
}
