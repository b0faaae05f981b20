//! The shop: the order, inventory and payment services in one process, a generator that places orders, and an audit
//! that checks what became of them.

mod audit;
mod load;
mod progress;

pub use audit::{Audit, Books, audit};
pub use load::place_all;
pub use progress::{Progress, Snapshot};
