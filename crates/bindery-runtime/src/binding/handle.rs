//! Handles: what the program, the actuator and tests hold of bindings.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bindery_core::{BindingName, Error, ErrorKind, Health, Result, Status};
use tokio::sync::{mpsc, oneshot};

use super::{BindingState, BindingStatus};
use crate::metrics::InputMetrics;

/// A change of state that somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Start,
    Stop,
    Pause,
    Resume,
}

/// A command, and where its completion is told.
pub(crate) struct Request {
    pub(crate) command: Command,
    pub(crate) done: oneshot::Sender<Result<()>>,
}

/// One binding of a running application. Cloning is cheap.
#[derive(Clone)]
pub struct BindingHandle {
    pub(crate) name: BindingName,
    pub(crate) destination: Arc<str>,
    pub(crate) group: Option<Arc<str>>,
    pub(crate) binder: Arc<str>,
    pub(crate) binder_kind: Arc<str>,
    pub(crate) input: bool,
    pub(crate) auto_startup: bool,
    pub(crate) metrics: Option<InputMetrics>,
    pub(crate) status: Arc<BindingStatus>,
    pub(crate) requests: mpsc::Sender<Request>,
    pub(crate) gauge: Gauge,
}

/// Reads what only the binding's task knows.
#[derive(Clone, Default)]
pub(crate) struct Gauge(pub(crate) Arc<std::sync::RwLock<Option<Arc<dyn Probe>>>>);

/// What can be read of a bound input.
pub(crate) trait Probe: Send + Sync {
    /// How many messages are delivered and not settled.
    fn in_flight(&self) -> u64;
    /// How many messages wait at the broker.
    fn lag(&self) -> Option<u64>;
    /// How the consumer or producer is.
    fn health(&self) -> Health;
    /// The group's name at the broker.
    fn group(&self) -> Option<Arc<str>> {
        None
    }
}

impl Gauge {
    pub(crate) fn set(&self, probe: Option<Arc<dyn Probe>>) {
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = probe;
    }

    fn get(&self) -> Option<Arc<dyn Probe>> {
        self.0
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }
}

impl BindingHandle {
    /// The binding's name.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Its destination.
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// Its consumer group; the generated one of an anonymous group once it is bound.
    pub fn group(&self) -> Option<Arc<str>> {
        self.group.clone().or_else(|| self.gauge.get()?.group())
    }

    /// The configured name of its binder.
    pub fn binder(&self) -> &str {
        &self.binder
    }

    /// The kind of its binder.
    pub fn binder_kind(&self) -> &str {
        &self.binder_kind
    }

    /// Whether it is an input.
    pub fn is_input(&self) -> bool {
        self.input
    }

    /// Its state.
    pub fn state(&self) -> BindingState {
        self.status.state()
    }

    /// Its health: its own, or that of its consumer or producer when that is worse.
    pub fn health(&self) -> Health {
        let own = self.status.health();
        match self.gauge.get().map(|probe| probe.health()) {
            Some(inner) if inner.status > own.status && self.state() != BindingState::Stopped => inner,
            // It is up since its broker came back, or since it was bound, whichever was later.
            Some(inner) if inner.status == own.status && own.status == Status::Up => Health {
                since: own.since.max(inner.since),
                ..own
            },
            _ => own,
        }
    }

    /// How many messages are delivered and not settled; 0 for an output.
    pub fn in_flight(&self) -> u64 {
        self.gauge.get().map_or(0, |probe| probe.in_flight())
    }

    /// How many messages of the group wait at the broker, if it is known.
    pub fn lag(&self) -> Option<u64> {
        self.gauge.get()?.lag()
    }

    async fn request(&self, command: Command) -> Result<()> {
        let (done, answer) = oneshot::channel();
        let gone = || Error::new(ErrorKind::Closed, "the application has ended").with("binding", &self.name);
        self.requests
            .send(Request { command, done })
            .await
            .map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Starts the binding in the background: [`BindingHandle::wait_for`] tells when it runs. An anonymous group begins anew.
    ///
    /// # Errors
    /// When the application has ended.
    pub async fn start(&self) -> Result<()> {
        self.request(Command::Start).await
    }

    /// Stops the binding: work that is started is finished, the rest goes back to the broker.
    ///
    /// # Errors
    /// When the application has ended.
    pub async fn stop(&self) -> Result<()> {
        self.request(Command::Stop).await
    }

    /// Pauses an input: it stays bound and takes no messages. One that is stopped is paused when it is started.
    ///
    /// # Errors
    /// When the application has ended, or the binding is an output.
    pub async fn pause(&self) -> Result<()> {
        self.request(Command::Pause).await
    }

    /// Resumes a paused input.
    ///
    /// # Errors
    /// When the application has ended, or the binding is an output.
    pub async fn resume(&self) -> Result<()> {
        self.request(Command::Resume).await
    }

    /// Waits until the binding is in one of the given states.
    ///
    /// # Errors
    /// A timeout that says in which state it is, and why.
    pub async fn wait_for(&self, states: &[BindingState], deadline: Duration) -> Result<BindingState> {
        let mut watch = self.status.watch();
        let reached = tokio::time::timeout(deadline, watch.wait_for(|state| states.contains(state))).await;
        match reached {
            Ok(Ok(state)) => Ok(*state),
            _ => {
                let reason = self
                    .health()
                    .reason
                    .map(|reason| format!(": {reason}"))
                    .unwrap_or_default();
                let text = format!("the binding is {} after {deadline:?}{reason}", self.state());
                Err(Error::temporary(ErrorKind::Timeout, text).with("binding", &self.name))
            }
        }
    }
}

impl fmt::Debug for BindingHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BindingHandle")
            .field("name", &self.name)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// The bindings of a running application.
#[derive(Clone, Debug)]
pub struct Bindings {
    pub(crate) handles: Arc<std::sync::RwLock<Vec<BindingHandle>>>,
}

impl Bindings {
    pub(crate) fn new() -> Self {
        Self {
            handles: Arc::default(),
        }
    }

    pub(crate) fn add(&self, handle: BindingHandle) {
        self.handles
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .push(handle);
    }

    /// Every binding, outputs first.
    pub fn all(&self) -> Vec<BindingHandle> {
        self.handles
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// The bindings of a name: several when an input has several destinations, none when nobody knows it.
    pub fn named(&self, name: &str) -> Vec<BindingHandle> {
        let name = BindingName::new(name);
        self.all()
            .into_iter()
            .filter(|handle| handle.name == name)
            .collect()
    }
}
