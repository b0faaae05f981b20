//! Suppliers: functions that are polled, or whose stream is published, without a message to start from.

use std::sync::Arc;
use std::time::Duration;

use bindery_core::{Call, Input, Invocation, ListenerContext, ListenerKind, Outcome, Outputs};
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use super::OutputBinding;
use crate::config::Poller;
use crate::inbound::call_listener;

/// The pause after a failed call or publication of a supplier, so that trouble is no hot loop.
const PAUSE: Duration = Duration::from_secs(1);

/// Runs a supplier until it ends or is stopped.
pub(crate) async fn run_supplier(
    kind: ListenerKind,
    context: Arc<ListenerContext>,
    outputs: Vec<Arc<OutputBinding>>,
    poller: Poller,
    stopped: CancellationToken,
) {
    for output in &outputs {
        tokio::select! {
            () = output.bound() => {}
            () = stopped.cancelled() => return,
        }
    }
    let invocation = Invocation {
        input: Input::Nothing,
        attempt: 1,
        acknowledgment: None,
        context: context.clone(),
    };
    let running = async {
        match kind {
            ListenerKind::Supplier(listener) | ListenerKind::Listener(listener) => {
                let mut call = Call::new(std::future::pending());
                tokio::time::sleep(poller.initial_delay).await;
                loop {
                    for _ in 0..poller.max_messages_per_poll {
                        let outcome = call_listener(&*listener, invocation.clone(), &mut call, None).await;
                        publish(&context, &outputs, outcome, &stopped).await;
                    }
                    tokio::time::sleep(poller.fixed_delay).await;
                }
            }
            ListenerKind::Stream(start) => match start(&invocation) {
                Ok(mut results) => {
                    while let Some(outcome) = results.next().await {
                        publish(&context, &outputs, outcome, &stopped).await;
                    }
                    tracing::info!(binding.name = %context.binding, "the supplier's stream ended");
                }
                Err(error) => {
                    tracing::error!(binding.name = %context.binding, %error, "the supplier could not start");
                }
            },
        }
    };
    // Publishing checks `stopped` itself, so that a record is not lost between two outputs of one value.
    tokio::select! {
        () = running => {}
        () = stopped.cancelled() => {}
    }
}

async fn publish(
    context: &ListenerContext,
    outputs: &[Arc<OutputBinding>],
    outcome: Outcome,
    stopped: &CancellationToken,
) {
    let values = match outcome {
        Outcome::Done(values) => values,
        Outcome::Failed(error) => {
            tracing::error!(binding.name = %context.binding, %error, "the supplier failed");
            tokio::time::sleep(PAUSE).await;
            Outputs::None
        }
    };
    for value in values {
        let Some(output) = outputs.get(value.index) else {
            continue;
        };
        match output.record(value, None) {
            Ok(record) => publish_record(output, record, stopped).await,
            Err(error) => {
                tracing::error!(binding.name = %output.name, error = %error.report(), "a supplied value can't be published");
            }
        }
    }
}

/// Publishes a supplied value until it is confirmed, refused for good, or the supplier stops.
async fn publish_record(
    output: &OutputBinding,
    record: bindery_core::OutboundRecord,
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
