//! Bindings: their states, the tasks that keep them bound, and the handles that control them.

mod handle;
mod input;
mod output;
mod retry;
mod status;
mod trouble;

pub use handle::{BindingHandle, Bindings};
pub(crate) use handle::{Command, Gauge, Request};
pub(crate) use input::{InputBinding, InputParts};
pub(crate) use output::run_output;
pub use status::BindingState;
pub(crate) use status::{BindingStatus, Note};
pub(crate) use trouble::Cause;
