//! Inbound: batches of deliveries are spread over ordered lanes, processed there and settled.

mod attempt;
mod blocked;
mod call;
mod dispatch;
mod failure;
mod frontier;
mod give_up;
mod handled;
mod lane;
mod load;
mod outstanding;
mod pace;
mod publish;
mod queue;
mod records;
mod settle;
mod unsent;
mod watch;
mod window;
mod work;

use std::sync::Arc;
use std::time::Duration;

use bindery_core::{BindingName, DeadLetterRoute, Listener, ListenerContext, Settler, Signal};

pub(crate) use call::run as call_listener;
pub(crate) use dispatch::{Lanes, Spread};
pub(crate) use failure::Decision;
pub(crate) use load::Limits;
pub(crate) use pace::Pace;
pub(crate) use watch::{WATCH_INTERVAL, Watch};

use crate::binding::BindingStatus;
use crate::config::{OnExhausted, RetryPolicy};
use crate::metrics::InputMetrics;
use crate::outbound::OutputBinding;

/// The fail points of the runtime, in the order in which a message passes them.
#[doc(hidden)]
pub const FAIL_POINTS: [&str; 7] = [
    "after-receive",
    "before-handler",
    "after-handler",
    "after-output-enqueued",
    "after-output-confirmed",
    "after-dead-letter-before-settle",
    "after-settle",
];

/// What all lanes of one bound input share.
pub(crate) struct Shared {
    pub(crate) binding: BindingName,
    pub(crate) group: Arc<str>,
    pub(crate) listener: Arc<dyn Listener>,
    pub(crate) context: Arc<ListenerContext>,
    pub(crate) outputs: Vec<Arc<OutputBinding>>,
    pub(crate) settler: Arc<dyn Settler>,
    pub(crate) dead_letter: DeadLetterRoute,
    pub(crate) settings: Settings,
    pub(crate) metrics: InputMetrics,
    pub(crate) status: Arc<BindingStatus>,
    /// How fast dead letters are published again after a refusal.
    pub(crate) pace: Pace,
    /// The same for those that were refused for what they are, too large for example.
    pub(crate) unfit_pace: Pace,
    /// Which handlers are running, and since when.
    pub(crate) watch: Arc<Watch>,
    /// Cancelled when the binding stops: what isn't started goes back to the broker.
    pub(crate) draining: Signal,
}

/// How messages of an input are processed.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) retry: RetryPolicy,
    pub(crate) handler_timeout: Option<Duration>,
    pub(crate) on_exhausted: OnExhausted,
    /// How many messages one call takes at most, in batch mode.
    pub(crate) batch: Option<usize>,
    /// Whether the handler acknowledges by hand.
    pub(crate) manual: bool,
    /// How many messages of a lane may wait for confirmations.
    pub(crate) window: usize,
    /// The pause before records are published again to a broker that was away.
    pub(crate) republish_delay: Duration,
}
