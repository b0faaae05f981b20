//! Message-driven microservices in Rust: annotated async functions and one `application.yaml`.
//!
//! ```
//! use bindery::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Order { id: u64, quantity: u32 }
//!
//! #[derive(Serialize)]
//! struct Reserved { order: u64 }
//!
//! #[derive(Default)]
//! struct Warehouse;
//!
//! /// Bound to `reserve_stock-in-0` and `reserve_stock-out-0`.
//! #[stream_listener]
//! async fn reserve_stock(order: Order, warehouse: State<Warehouse>) -> Result<Reserved, HandlerError> {
//!     if order.quantity == 0 {
//!         return Err(HandlerError::permanent("nothing is ordered"));
//!     }
//!     Ok(Reserved { order: order.id })
//! }
//!
//! let registered = listeners![reserve_stock];
//! assert_eq!(registered[0].outputs[0].as_str(), "reserve_stock-out-0");
//! ```

mod environment;
mod macros;
mod run_main;

#[doc(hidden)]
pub mod __private;
pub mod prelude;

pub use bindery_core::*;
pub use bindery_runtime::config;
pub use bindery_runtime::{
    BindingHandle, BindingState, Bindings, Environment, Running, StreamBridge, Totals, terminated,
};
pub use environment::Batteries;
pub use macros::{main, stream_listener, stream_supplier};

#[cfg(feature = "kafka")]
pub use bindery_kafka as kafka;
#[cfg(feature = "memory")]
pub use bindery_memory as memory;
#[cfg(feature = "rabbit")]
pub use bindery_rabbit as rabbit;

/// A message-driven service, with the binders of the cargo features. See [`bindery_runtime::Application`].
pub type Application = bindery_runtime::Application<Batteries>;

/// What `main` returns, and everything of the framework that can fail.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// The fail points of each crate, for a fault bench to go through; they do something with the feature `failpoints`.
#[doc(hidden)]
pub mod fail_point_names {
    #[cfg(feature = "kafka")]
    pub use bindery_kafka::FAIL_POINTS as KAFKA;
    #[cfg(feature = "rabbit")]
    pub use bindery_rabbit::FAIL_POINTS as RABBIT;
    pub use bindery_runtime::FAIL_POINTS as RUNTIME;
}

/// The code of the README is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct ReadmeDoctests;

/// So is that of the guarantees.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guarantees.md")]
struct GuaranteesDoctests;
