//! Runs bindings: configuration, lifecycle, lanes, settlement, retry, dead letter, publication.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`config`] | text becomes the resolved model, once |
//! | [`expression`] | partition, key and routing-key expressions |
//! | `application`, `running` | the builder, and the handle of what it started |
//! | `binding` | states, tasks and handles of bindings |
//! | `inbound` | deliveries, lanes, retry, dead letter, settlement |
//! | `outbound` | records, producers, the stream bridge, suppliers |

mod application;
mod assembly;
mod binding;
pub mod config;
pub mod expression;
mod inbound;
mod metrics;
mod operations;
mod outbound;
mod running;
mod signals;

pub use application::{Application, Bare, Environment, Server};
pub use binding::{BindingHandle, BindingState, Bindings};
#[doc(hidden)]
pub use inbound::FAIL_POINTS;
pub use outbound::StreamBridge;
pub use running::{Running, Totals};
pub use signals::terminated;
