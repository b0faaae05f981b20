//! Records that are made and not on their way yet: they are sent in runs.
//!
//! What makes records and what sends them is more code than a processor's nearest cache holds, so that each evicts the
//! other when they take turns. A run ends when it is long enough, and before its lane waits for anything. What comes after
//! a message that is lined up, and has nothing to send itself, is lined up behind it.

use std::sync::Arc;

use bindery_core::{Confirm, ConfirmSink, Full, Position, Unconfirmed, fail_point};

use super::Shared;
use super::load::SourceLoad;
use super::outstanding::{Outstanding, slot};
use super::window::Window;
use crate::outbound::OutputBinding;

/// Of how many messages the records are sent together at most.
const MOST: usize = 32;

/// A message whose records are to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unsent {
    token: u64,
    /// How many of them are sent.
    sent: usize,
}

/// A run's way to its lane's window. It is counted in place of the window: who sends and who is told of confirmations are
/// two threads, and one count that both change for each message goes to and fro between their caches.
struct RunSink(Arc<Window>);

impl ConfirmSink for RunSink {
    fn confirmed(&self, token: u64, result: Result<Position, Unconfirmed>) {
        self.0.confirmed(token, result);
    }
}

impl Outstanding {
    /// Lines a message's records up behind those that are there.
    pub(super) fn line_up(&mut self, token: u64) {
        self.unsent.push_back(Unsent { token, sent: 0 });
    }

    /// Whether a run is as long as it gets.
    pub(super) fn is_run(&self) -> bool {
        self.unsent.len() >= MOST
    }

    /// Whether something is lined up.
    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Sends what is lined up, in order, as far as there is room, and lets go of the lane's own hold on each message of
    /// which everything is sent. Returns the output that has no room.
    pub(super) fn send<'a>(
        &mut self,
        shared: &'a Shared,
        load: &SourceLoad,
    ) -> Option<&'a Arc<OutputBinding>> {
        if self.unsent.is_empty() {
            return None;
        }
        let sink: Arc<dyn ConfirmSink> = Arc::new(RunSink(self.window.clone()));
        while let Some(first) = self.unsent.front_mut() {
            let Some((_, pending)) = self.slots.get_mut(slot(first.token)) else {
                self.unsent.pop_front();
                continue;
            };
            while let Some((index, record)) = pending.records.hand_out(first.sent) {
                let confirm = Confirm::new(sink.clone(), first.token);
                // A record of an output that doesn't exist isn't made; its confirm would tell that it isn't sent.
                if let Some(output) = shared.outputs.get(index)
                    && let Err(Full { record, confirm }) = output.offer(record, confirm)
                {
                    confirm.dissolve();
                    pending.records.come_back(record);
                    return Some(output);
                }
                first.sent += 1;
            }
            fail_point!("after-output-enqueued");
            let token = first.token;
            self.unsent.pop_front();
            // One answer always remains: the lane's own, which settles the message if nothing else is missing.
            self.complete(token, shared, load);
        }
        None
    }

    /// Gives up what is lined up: all of it goes back, when the answers to what was sent of it are there. What needs no
    /// sending goes back as well: it came after what does.
    pub(super) fn abandon(&mut self, shared: &Shared, load: &SourceLoad) {
        while let Some(Unsent { token, sent }) = self.unsent.pop_front() {
            if let Some(pending) = self.get_mut(token) {
                pending.abandoned = true;
                pending.remaining -= (pending.records.len() - sent) as u32;
            }
            self.complete(token, shared, load);
        }
    }

    /// Waits until there may be answers, or room for what is lined up. Cancel safe.
    pub(super) async fn room_or_answers(&self, shared: &Shared) {
        let first = self.unsent.front().and_then(|first| {
            let (_, pending) = self.slots.get(slot(first.token))?;
            shared.outputs.get(pending.records.output(first.sent)?)
        });
        match first {
            None => self.arrived().await,
            Some(output) => tokio::select! {
                () = self.arrived() => {}
                () = output.ready() => {}
            },
        }
    }
}
