//! Answers to requests that can't be fulfilled.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use bindery_core::{Error, ErrorKind};
use serde_json::json;

use crate::router::Json;

/// What is wrong with a request: a status, and a sentence with the way out.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    message: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match error.kind() {
            ErrorKind::Unsupported => StatusCode::BAD_REQUEST,
            ErrorKind::Timeout => StatusCode::GATEWAY_TIMEOUT,
            _ if error.is_temporary() => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::CONFLICT,
        };
        Self::new(status, error.report())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = json!({
            "status": self.status.as_u16(),
            "error": self.status.canonical_reason(),
            "message": self.message,
        });
        Json(self.status, body).into_response()
    }
}
