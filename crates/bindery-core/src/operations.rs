//! Operations: what a running application tells and lets itself be told, by whatever protocol.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Health, Result};

/// The health of one binder.
#[derive(Clone, Debug)]
pub struct BinderHealth {
    /// The configured name.
    pub name: Arc<str>,
    /// The kind.
    pub kind: Arc<str>,
    /// How it is.
    pub health: Health,
}

/// One binding, as operators see it.
#[derive(Clone, Debug)]
pub struct BindingInfo {
    /// The binding's name.
    pub name: String,
    /// The destination.
    pub destination: String,
    /// The consumer group of an input.
    pub group: Option<String>,
    /// The configured name of its binder.
    pub binder: String,
    /// The kind of its binder.
    pub binder_kind: String,
    /// Whether it is an input.
    pub input: bool,
    /// Whether it can be paused: inputs can.
    pub pausable: bool,
    /// `stopped`, `starting`, `running`, `paused` or `failed`.
    pub state: &'static str,
    /// How it is.
    pub health: Health,
    /// Messages that are delivered and not settled.
    pub in_flight: u64,
    /// Messages of the group that wait at the broker, if it is known.
    pub lag: Option<u64>,
}

/// A change of state that an operator asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateChange {
    /// Bind and consume.
    Started,
    /// Finish what is started and unbind.
    Stopped,
    /// Stay bound and take no messages.
    Paused,
    /// Take messages again.
    Resumed,
}

/// What operators can see and do.
#[async_trait]
pub trait Operations: Send + Sync {
    /// The health of every binder.
    fn binders(&self) -> Vec<BinderHealth>;

    /// Every binding, outputs first; one entry for each destination of an input.
    fn bindings(&self) -> Vec<BindingInfo>;

    /// Changes the state of every binding of a name, and returns when that is done. A name that nobody knows changes
    /// nothing.
    ///
    /// # Errors
    /// When a binding can't change its state so.
    ///
    /// # Cancel safety
    /// A dropped call leaves the change under way.
    async fn change_state(&self, binding: &str, change: StateChange) -> Result<()>;

    /// The metrics as Prometheus text.
    fn metrics(&self) -> String;
}
