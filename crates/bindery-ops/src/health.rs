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
    let (binders, bindings) = (operations.binders(), operations.bindings());
    let statuses = binders.iter().map(|binder| binder.health.status);
    let overall = worst(statuses.chain(bindings.iter().map(|binding| binding.health.status)));
    let mut body = json!({ "status": word(overall), "groups": ["liveness", "readiness"] });
    if with_details {
        let binders: Map<_, _> = binders
            .iter()
            .map(|binder| (binder.name.to_string(), Value::Object(details(&binder.health))))
            .collect();
        body["components"] = json!({ "binders": binders, "bindings": of_bindings(&bindings) });
    }
    Json(code(overall == Status::Down), body)
}

/// Up as long as the process answers. What a restart doesn't cure has no influence.
pub(crate) async fn liveness() -> Json {
    Json(StatusCode::OK, json!({ "status": "UP" }))
}

/// Up when no binder and no binding is down and no binding is still starting.
pub(crate) async fn readiness(State(operations): State<Arc<dyn Operations>>) -> Json {
    let is_down = |health: &Health| health.status == Status::Down;
    let refusing = operations.binders().iter().any(|binder| is_down(&binder.health))
        || operations
            .bindings()
            .iter()
            .any(|binding| is_down(&binding.health) || matches!(binding.state, "starting" | "failed"));
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

/// Status and reason. Since when is said where somebody will ask.
fn details(health: &Health) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("status".to_owned(), word(health.status).into());
    if health.status != Status::Up {
        shown.insert("since".to_owned(), iso_8601(health.since).into());
    }
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

/// The most serious status. As in Spring Boot, what is unknown doesn't outweigh what is up.
fn worst(statuses: impl Iterator<Item = Status>) -> Status {
    statuses.max_by_key(|status| rank(*status)).unwrap_or(Status::Up)
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
