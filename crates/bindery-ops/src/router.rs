//! The routes, and what every request has in common.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bindery_core::Operations;
use serde_json::{Value, json};

use crate::problem::Problem;
use crate::{Endpoint, Exposure, bindings, health};

/// The media type of Spring Boot's endpoints.
const MEDIA_TYPE: &str = "application/vnd.spring-boot.actuator.v3+json";
/// The largest body.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// How long a request may take: longer than a binding takes to finish what it has started.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A JSON answer.
pub(crate) struct Json(pub(crate) StatusCode, pub(crate) Value);

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        (self.0, [(CONTENT_TYPE, MEDIA_TYPE)], self.1.to_string()).into_response()
    }
}

/// The endpoints as a router, for a service that serves them with its own routes. [`OpsServer`](crate::OpsServer)
/// serves them alone.
pub fn router(exposure: &Exposure, operations: Arc<dyn Operations>) -> Router {
    let index = Index {
        bindings: exposure.has(Endpoint::Bindings),
        prometheus: exposure.has(Endpoint::Prometheus),
    };
    let overall = if exposure.shows_details() {
        get(health::health)
    } else {
        get(health::health_without_details)
    };
    let mut router = Router::new()
        .route(
            "/actuator",
            get(move |headers: HeaderMap| async move { index.links(&headers) }),
        )
        .route("/actuator/health", overall)
        .route("/actuator/health/liveness", get(health::liveness))
        .route("/actuator/health/readiness", get(health::readiness));
    if index.bindings {
        router = router.route("/actuator/bindings", get(bindings::all)).route(
            "/actuator/bindings/{name}",
            get(bindings::named).post(bindings::change),
        );
    }
    if index.prometheus {
        router = router.route("/actuator/prometheus", get(prometheus));
    }
    router
        .fallback(|| async {
            Problem::new(
                StatusCode::NOT_FOUND,
                "there is no such endpoint, or it is not exposed",
            )
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(common))
        .with_state(operations)
}

async fn prometheus(State(operations): State<Arc<dyn Operations>>) -> Response {
    let media_type = "text/plain;version=0.0.4;charset=utf-8";
    ([(CONTENT_TYPE, media_type)], operations.metrics()).into_response()
}

/// A request ends in time, and its answer isn't kept.
async fn common(request: Request, next: Next) -> Response {
    let mut response = match tokio::time::timeout(TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => Problem::new(
            StatusCode::GATEWAY_TIMEOUT,
            "this takes longer than 30 s; what was begun goes on",
        )
        .into_response(),
    };
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}

/// What is exposed beside health.
#[derive(Clone, Copy)]
struct Index {
    bindings: bool,
    prometheus: bool,
}

impl Index {
    fn links(self, headers: &HeaderMap) -> Json {
        let host = headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or("localhost");
        let link = |path: &str| json!({ "href": format!("http://{host}/actuator{path}"), "templated": path.contains('{') });
        let mut links =
            json!({ "self": link(""), "health": link("/health"), "health-path": link("/health/{*path}") });
        if self.bindings {
            links["bindings"] = link("/bindings");
            links["bindings-name"] = link("/bindings/{name}");
        }
        if self.prometheus {
            links["prometheus"] = link("/prometheus");
        }
        Json(StatusCode::OK, json!({ "_links": links }))
    }
}
