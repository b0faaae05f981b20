//! Publishing a message's outputs: all records are made before the first is sent, and are published again after an outage.

use bindery_core::{Error, ErrorKind, HandlerError, Output, Outputs};
use tokio::time::Instant;

use super::lane::{Lane, Waited};
use super::outstanding::Pending;
use super::records::Records;
use super::work::Work;
use crate::binding::Cause;
use crate::outbound::OutputBinding;

impl Lane {
    /// Publishes the outputs of an outstanding message whose handler is done. They are sent together with others, in order:
    /// before the lane waits, as far as there is room.
    pub(super) async fn publish(&mut self, token: u64, outputs: Outputs) -> Result<(), (Work, HandlerError)> {
        if let Err(error) = self.prepare_outputs(token, outputs) {
            return self.take_back(token, error);
        }
        self.outstanding.line_up(token);
        if self.outstanding.is_run() {
            self.send().await;
        }
        // Making and sending records is no part of the next handler's time.
        self.clock = self.clock.map(|_| Instant::now());
        Ok(())
    }

    /// A message that failed is no longer outstanding.
    pub(super) fn take_back(&mut self, token: u64, error: HandlerError) -> Result<(), (Work, HandlerError)> {
        match self.outstanding.remove(token) {
            Some(pending) => Err((pending.work, error)),
            None => Ok(()),
        }
    }

    /// Makes records of the outputs, all before the first is sent: one that can't be made fails the message whole.
    fn prepare_outputs(&mut self, token: u64, outputs: Outputs) -> Result<(), HandlerError> {
        let Self {
            shared,
            outstanding,
            copied,
            ..
        } = self;
        let Some(pending) = outstanding.get_mut(token) else {
            return Ok(());
        };
        let input = pending.work.messages().first();
        let mut make = |output: Output| -> Result<_, HandlerError> {
            let index = output.index;
            let binding = shared.outputs.get(index).ok_or_else(|| missing_output(index))?;
            Ok((index, binding.record(output, input, copied)?))
        };
        let records = match outputs {
            Outputs::None => Records::none(),
            Outputs::One(output) => {
                let (index, record) = make(*output)?;
                Records::One(index, Some(record))
            }
            Outputs::Many(outputs) => {
                // A list of their own: collected, they would stay in the larger one of the outputs.
                let mut records = Vec::with_capacity(outputs.len());
                for output in outputs {
                    records.push(make(output)?);
                }
                records.into()
            }
        };
        pending.remaining += records.len() as u32;
        pending.records = records;
        Ok(())
    }

    /// Sends what is lined up, waiting for room where there is none. What isn't sent when the lane ends goes back.
    pub(super) async fn send(&mut self) {
        while let Some(output) = self.outstanding.send(&self.shared, &self.load) {
            let output = output.clone();
            if !self.wait_for_room(&output).await {
                self.gave_back = true;
                self.outstanding.abandon(&self.shared, &self.load);
            }
        }
    }

    /// Waits until an output may have room; `false` when the lane ends before. Confirmations of earlier messages are
    /// taken in meanwhile.
    async fn wait_for_room(&mut self, output: &OutputBinding) -> bool {
        self.settle_handled();
        loop {
            tokio::select! {
                () = output.ready() => return true,
                () = self.in_vain(output) => return false,
                () = self.outstanding.arrived() => self.outstanding.absorb(&self.shared, &self.load),
            }
        }
    }

    /// Until it is in vain to wait for room: the lane ends while the output's broker is away. That it ends alone is no
    /// reason: what is started is finished.
    async fn in_vain(&self, output: &OutputBinding) {
        self.ending().await;
        if output.is_working() {
            std::future::pending::<()>().await;
        }
    }

    /// The broker of an output was away: the same records are published again, however long that takes. The pause is
    /// counted from the failure, so that all that failed together is published again after one of them.
    pub(super) async fn publish_again(&mut self, since: Instant, mut failed: Pending) {
        if self.is_ending() {
            // It waits for nothing here: it comes again where its source goes.
            return self.give_back(failed.work);
        }
        if let Some(error) = failed.error.take() {
            tracing::debug!(binding.name = %self.shared.binding, error = %error.report(), "outputs are published again");
            self.note_outage(&mut failed, error.report());
        }
        let delay = self
            .shared
            .settings
            .republish_delay
            .saturating_sub(since.elapsed());
        if self.wait(delay).await == Waited::Ending {
            return self.give_back(failed.work);
        }
        if !failed.records.are_here() {
            // It is gone with its producer, and is made again: that is no attempt more.
            failed.progress.attempts = failed.progress.attempts.saturating_sub(1);
            return self.process(failed.work, failed.progress).await;
        }
        failed.remaining = failed.records.len() as u32 + 1;
        let token = self.outstanding.insert(failed);
        self.outstanding.line_up(token);
        self.send().await;
    }

    /// Tells in health that a message waits for the broker of its output, until it is settled.
    fn note_outage(&self, failed: &mut Pending, reason: String) {
        let shared = &self.shared;
        // The worst of its outputs is the one to name; they mostly share a broker.
        let outputs = failed
            .records
            .outputs()
            .filter_map(|output| shared.outputs.get(output));
        let Some(output) = outputs.max_by_key(|output| !output.is_working()) else {
            return;
        };
        let messages = failed.work.len() as u64;
        let note = failed.note.get_or_insert_with(|| {
            let cause = Cause::Output(output.name.shared());
            Box::new(shared.status.note(cause, messages, reason.clone()))
        });
        note.again(reason, shared.settings.republish_delay);
    }
}

fn missing_output(index: usize) -> HandlerError {
    HandlerError::permanent(Error::new(
        ErrorKind::Configuration,
        format!("output number {index} of the listener isn't bound"),
    ))
}
