//! Operations: what a running application tells and lets itself be told, by whatever protocol.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Health, Result, Status};

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

/// How an application is: every binder and every binding with its reason and since when.
#[derive(Clone, Debug)]
pub struct ApplicationHealth {
    /// The worst status of any binder or binding. As in Spring Boot, what is unknown doesn't outweigh what is up.
    pub status: Status,
    /// The binders, by name.
    pub binders: Vec<BinderHealth>,
    /// The bindings, outputs first.
    pub bindings: Vec<BindingInfo>,
}

impl ApplicationHealth {
    /// The health of what consists of these binders and bindings.
    pub fn new(binders: Vec<BinderHealth>, bindings: Vec<BindingInfo>) -> Self {
        let of_binders = binders.iter().map(|binder| &binder.health);
        let parts = of_binders.chain(bindings.iter().map(|binding| &binding.health));
        let status = Health::of_parts(parts.cloned()).map_or(Status::Up, |whole| whole.status);
        Self {
            status,
            binders,
            bindings,
        }
    }

    /// Whether messages can flow: no binder and no binding is down, and no binding is still starting.
    pub fn is_ready(&self) -> bool {
        let is_down = |health: &Health| health.status == Status::Down;
        !self.binders.iter().any(|binder| is_down(&binder.health))
            && !self
                .bindings
                .iter()
                .any(|binding| is_down(&binding.health) || matches!(binding.state, "starting" | "failed"))
    }
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

    /// How binders and bindings are now.
    fn health(&self) -> ApplicationHealth {
        ApplicationHealth::new(self.binders(), self.bindings())
    }

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
