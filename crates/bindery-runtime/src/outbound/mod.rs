//! Outbound: encoded values become records, records go to producers, confirmations come back.

mod binding;
mod bridge;
mod copied;
mod record;
mod supplier;

pub(crate) use binding::OutputBinding;
pub(crate) use bridge::Directory;
pub use bridge::StreamBridge;
pub(crate) use copied::Copied;
pub(crate) use supplier::run_supplier;
