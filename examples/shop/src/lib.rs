//! The shop: the order, inventory and payment services in one process, a generator that places orders, and an audit
//! that checks what became of them.

pub mod options;
pub mod remote;

mod audit;
mod load;
mod progress;
mod run;
mod services;

pub use audit::{Audit, Books};
pub use load::place_all;
pub use progress::{Progress, Snapshot};
pub use run::{Summary, run};
pub use services::Shop;
