//! Health, bindings and metrics of a running application over HTTP, as Spring Boot Actuator spells them.
//!
//! | request | answer | exposed |
//! | --- | --- | --- |
//! | `GET /actuator` | links to what is exposed | always |
//! | `GET /actuator/health` | each binder and binding with its reason; 503 when something is down | always |
//! | `GET /actuator/health/liveness` | whether the process works; brokers don't matter | always |
//! | `GET /actuator/health/readiness` | whether every binding that shall run does; 503 otherwise | always |
//! | `GET /actuator/bindings`, `/actuator/bindings/{name}` | the bindings, as a list | by inclusion |
//! | `POST /actuator/bindings/{name}` `{"state": "STOPPED"}` | 204; also `STARTED`, `PAUSED`, `RESUMED` | by inclusion |
//! | `GET /actuator/prometheus` | metrics as Prometheus text | by inclusion |
//!
//! Included is what `management.endpoints.web.exposure.include` names. Who can reach the port can do all this, so it
//! is bound to loopback unless somebody says otherwise; a browser can't be made to change anything (see `access`).

mod access;
mod bindings;
mod exposure;
mod health;
mod problem;
mod router;
mod server;

pub use exposure::{Endpoint, Exposure};
pub use router::router;
pub use server::OpsServer;
