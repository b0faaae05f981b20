//! Suppliers: functions that are polled, or whose stream is published, without a message to start from.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bindery_core::{
    Call, Input, Invocation, Listener, ListenerContext, ListenerKind, Outcome, Outputs, StreamFactory,
};
use futures_util::{FutureExt, StreamExt};
use tokio_util::sync::CancellationToken;

use super::{Copied, OutputBinding};
use crate::config::Poller;
use crate::inbound::call_listener;

/// The pause after a failed call or publication of a supplier, so that trouble is no hot loop.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs a supplier until it ends or is stopped. What it has supplied is published before it ends, for `drain` at most.
pub(crate) async fn run_supplier(
    kind: ListenerKind,
    context: Arc<ListenerContext>,
    outputs: Vec<Arc<OutputBinding>>,
    poller: Poller,
    stopped: CancellationToken,
    drain: Duration,
) {
    for output in &outputs {
        tokio::select! {
            () = output.bound() => {}
            () = stopped.cancelled() => return,
        }
    }
    let binding = context.binding.clone();
    let supplier = Supplier {
        context,
        outputs,
        stopped: stopped.clone(),
    };
    let running = async {
        match kind {
            ListenerKind::Supplier(listener) | ListenerKind::Listener(listener) => {
                supplier.poll(&*listener, poller).await;
            }
            ListenerKind::Stream(start) => supplier.stream(&start).await,
        }
    };
    let too_late = async {
        stopped.cancelled().await;
        tokio::time::sleep(drain).await;
    };
    tokio::select! {
        ended = AssertUnwindSafe(running).catch_unwind() => if ended.is_err() {
            tracing::error!(binding.name = %binding, "the supplier panicked and supplies nothing more");
        },
        () = too_late => {
            tracing::error!(binding.name = %binding, "the supplier did not stop in time; what it supplied last may be lost");
        }
    }
}

/// A supplier at work. It stops between two values, never within one.
struct Supplier {
    context: Arc<ListenerContext>,
    outputs: Vec<Arc<OutputBinding>>,
    stopped: CancellationToken,
}

impl Supplier {
    fn invocation(&self) -> Invocation {
        Invocation {
            input: Input::Nothing,
            attempt: 1,
            acknowledgment: None,
            context: self.context.clone(),
        }
    }

    /// The result of `waiting`, unless the supplier is stopped before.
    async fn unless_stopped<T>(&self, waiting: impl Future<Output = T>) -> Option<T> {
        self.stopped.run_until_cancelled(waiting).await
    }

    async fn poll(&self, listener: &dyn Listener, poller: Poller) {
        let mut call = Call::new(std::future::pending());
        let mut pause = poller.initial_delay;
        while self.unless_stopped(tokio::time::sleep(pause)).await.is_some() {
            for _ in 0..poller.max_messages_per_poll {
                let invocation = self.invocation();
                let calling = call_listener(listener, &invocation, &mut call, None);
                let Some(outcome) = self.unless_stopped(calling).await else {
                    return;
                };
                self.publish(outcome).await;
            }
            pause = poller.fixed_delay;
        }
    }

    async fn stream(&self, start: &StreamFactory) {
        let mut results = match start(&self.invocation()) {
            Ok(results) => results,
            Err(error) => {
                tracing::error!(binding.name = %self.context.binding, %error, "the supplier could not start");
                return;
            }
        };
        while let Some(next) = self.unless_stopped(results.next()).await {
            let Some(outcome) = next else {
                tracing::info!(binding.name = %self.context.binding, "the supplier's stream ended");
                return;
            };
            self.publish(outcome).await;
        }
    }

    async fn publish(&self, outcome: Outcome) {
        let values = match outcome {
            Outcome::Done(values) => values,
            Outcome::Failed(error) => {
                tracing::error!(binding.name = %self.context.binding, %error, "the supplier failed");
                self.unless_stopped(tokio::time::sleep(PAUSE)).await;
                Outputs::None
            }
        };
        for value in values {
            let Some(output) = self.outputs.get(value.index) else {
                continue;
            };
            match output.record(value, None, &mut Copied::default()) {
                Ok(record) => publish_record(output, record, &self.stopped).await,
                Err(error) => {
                    tracing::error!(binding.name = %output.name, error = %error.report(), "a supplied value can't be published");
                }
            }
        }
    }
}

/// Publishes a supplied value until it is confirmed, refused for good, or the supplier stops.
async fn publish_record(
    output: &OutputBinding,
    record: Box<bindery_core::OutboundRecord>,
    stopped: &CancellationToken,
) {
    while let Err(error) = output.publish(record.clone()).await {
        if !error.is_temporary() || stopped.is_cancelled() {
            tracing::error!(binding.name = %output.name, error = %error.report(), "a supplied value is lost");
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
