//! One attempt at a message: the handler is called, and its outputs are published.

use std::sync::Arc;
use std::task::Poll;

use bindery_core::{HandlerError, Input, Invocation, Outcome, fail_point};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::call;
use super::failure::Progress;
use super::lane::{Lane, pending};
use super::window::ManualAcknowledgment;
use super::work::{Work, messages};

impl Lane {
    /// One attempt: the handler, then its outputs.
    pub(super) async fn attempt(
        &mut self,
        mut work: Work,
        progress: &mut Progress,
        turn: Option<OwnedSemaphorePermit>,
    ) -> Result<(), (Work, HandlerError)> {
        let manual = self.shared.settings.manual;
        if !manual {
            let (input, outcome) = self.call(work.input, progress, None, turn).await;
            work.input = input;
            return match outcome {
                Outcome::Done(outputs) if outputs.is_empty() && !self.outstanding.has_unsent() => {
                    self.outstanding.handled.add(work);
                    Ok(())
                }
                Outcome::Done(outputs) => {
                    let token = self.outstanding.insert(pending(work, *progress, 1));
                    self.publish(token, outputs).await
                }
                Outcome::Failed(error) => Err((work, error)),
            };
        }
        let input = work.input.clone();
        let token = self.outstanding.insert(pending(work, *progress, 2));
        let (_, outcome) = self.call(input, progress, Some(token), turn).await;
        match outcome {
            Outcome::Done(outputs) => self.publish(token, outputs).await,
            Outcome::Failed(error) => self.take_back(token, error),
        }
    }

    /// Runs the handler and gives its input back; confirmations of earlier messages are taken in meanwhile.
    async fn call(
        &mut self,
        input: Input,
        progress: &mut Progress,
        token: Option<u64>,
        turn: Option<OwnedSemaphorePermit>,
    ) -> (Input, Outcome) {
        let Self {
            shared,
            outstanding,
            call,
            load,
            watched,
            clock,
            running_since,
            context,
            ..
        } = self;
        let acknowledgment = token.map(|token| {
            let sink = ManualAcknowledgment::new(outstanding.window.clone(), token);
            Arc::new(sink) as Arc<dyn bindery_core::AcknowledgmentSink>
        });
        let position = messages(&input)
            .first()
            .map_or(0, |message| message.origin.position);
        let invocation = Invocation {
            input,
            attempt: progress.attempts,
            acknowledgment,
            context: context.clone(),
        };
        fail_point!("before-handler");
        let started = clock.take().unwrap_or_else(Instant::now);
        running_since.get_or_insert(started);
        watched.begins(started, position);
        let timeout = shared.settings.handler_timeout;
        let outcome = {
            let mut running = std::pin::pin!(call::run(&*shared.listener, &invocation, call, timeout));
            let mut polled = futures_util::poll!(running.as_mut());
            if polled.is_pending() {
                // What is there to be sent and settled doesn't wait for this handler.
                outstanding.send(shared, load);
                outstanding.handled.flush(shared, load);
            }
            loop {
                match polled {
                    Poll::Ready(outcome) => break outcome,
                    Poll::Pending if outstanding.len() == 0 => break running.await,
                    Poll::Pending => tokio::select! {
                        biased;
                        outcome = &mut running => polled = Poll::Ready(outcome),
                        () = outstanding.room_or_answers(shared) => {
                            outstanding.absorb(shared, load);
                            outstanding.send(shared, load);
                            outstanding.handled.flush(shared, load);
                        }
                    },
                }
            }
        };
        fail_point!("after-handler");
        drop(turn);
        watched.ends();
        let ended = Instant::now();
        *clock = Some(ended);
        outstanding.handled.times.add(ended - started);
        progress.first_delivery.get_or_insert(started);
        (invocation.input, outcome)
    }
}
