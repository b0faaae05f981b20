//! Publishing a message's outputs: all records are made before the first is sent, and kept until all are confirmed.

use bindery_core::{Confirm, Error, ErrorKind, Full, HandlerError, Outputs, fail_point};

use tokio::time::Instant;

use super::failure::Progress;
use super::lane::{Lane, Waited, pending};
use super::outstanding::Pending;
use super::work::Work;
use crate::binding::Cause;
use crate::outbound::OutputBinding;

impl Lane {
    /// Publishes the outputs of a message whose handler is done.
    pub(super) async fn publish(
        &mut self,
        work: Work,
        outputs: Outputs,
        progress: Progress,
    ) -> Result<(), (Work, HandlerError)> {
        let token = self.outstanding.insert(pending(work, progress, 1));
        if let Err(error) = self.prepare_outputs(token, outputs) {
            let Some(pending) = self.outstanding.remove(token) else {
                return Ok(());
            };
            return Err((pending.work, error));
        }
        self.send_prepared(token).await;
        Ok(())
    }

    /// Makes records of the outputs, all before the first is sent: one that can't be made fails the message whole.
    pub(super) fn prepare_outputs(&mut self, token: u64, outputs: Outputs) -> Result<(), HandlerError> {
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
        let mut records = Vec::with_capacity(outputs.len());
        for output in outputs {
            let index = output.index;
            let binding = shared.outputs.get(index).ok_or_else(|| missing_output(index))?;
            records.push((index, binding.record(output, input, copied)?));
        }
        pending.remaining += records.len() as u32;
        pending.records = records;
        Ok(())
    }

    /// Sends the records of an outstanding message, waiting for room where there is none, and lets go of the lane's
    /// own hold on it.
    pub(super) async fn send_prepared(&mut self, token: u64) {
        let Some(pending) = self.outstanding.get_mut(token) else {
            return;
        };
        let count = pending.records.len();
        let mut unsent = count as u32;
        for number in 0..count {
            if !self.send(token, number).await {
                break;
            }
            unsent -= 1;
        }
        fail_point!("after-output-enqueued");
        if let Some(pending) = self.outstanding.get_mut(token) {
            pending.abandoned = unsent > 0;
            self.gave_back |= unsent > 0;
            // One answer always remains: the lane's own, which settles the message if nothing else is missing.
            pending.remaining -= unsent;
        }
        self.outstanding.complete(token, &self.shared, &self.load);
        // Publishing is no part of the next handler's time.
        self.clock = self.clock.map(|_| Instant::now());
    }

    /// Sends one record of an outstanding message, which keeps it: it is published again when the broker was away.
    /// `false` when the lane ends before there is room for it.
    async fn send(&mut self, token: u64, number: usize) -> bool {
        let mut confirm = Confirm::new(self.outstanding.window.clone(), token);
        loop {
            let shared = &self.shared;
            let record = self.outstanding.record(token, number);
            let place = record.and_then(|(index, record)| Some((shared.outputs.get(*index)?, record)));
            let Some((output, record)) = place else {
                confirm.dissolve();
                return false;
            };
            match output.offer(record, confirm) {
                Ok(()) => return true,
                Err(Full(given_back)) => confirm = given_back,
            }
            let output = output.clone();
            if !self.wait_for_room(&output).await {
                confirm.dissolve();
                return false;
            }
        }
    }

    /// Waits until an output may have room; `false` when the lane ends before. Confirmations of earlier messages are
    /// taken in meanwhile.
    async fn wait_for_room(&mut self, output: &OutputBinding) -> bool {
        self.flush();
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
        failed.remaining = failed.records.len() as u32 + 1;
        let token = self.outstanding.insert(failed);
        self.send_prepared(token).await;
    }

    /// Tells in health that a message waits for the broker of its output, until it is settled.
    fn note_outage(&self, failed: &mut Pending, reason: String) {
        let shared = &self.shared;
        // The worst of its outputs is the one to name; they mostly share a broker.
        let outputs = failed
            .records
            .iter()
            .filter_map(|(index, _)| shared.outputs.get(*index));
        let Some(output) = outputs.max_by_key(|output| !output.is_working()) else {
            return;
        };
        let messages = failed.work.len() as u64;
        let note = failed.note.get_or_insert_with(|| {
            let cause = Cause::Output(output.name.shared());
            shared.status.note(cause, messages, reason.clone())
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
