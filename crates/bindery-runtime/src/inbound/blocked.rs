//! What can't go on for now: held messages, those whose dead letter is refused, and what waits behind them.

use super::lane::Lane;
use super::work::Work;
use crate::binding::Note;

/// How much of a lane is blocked.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Blocked {
    messages: u64,
    bytes: u64,
    /// How many of the messages only wait behind the others.
    behind: u64,
}

impl Lane {
    /// Keeps a message unsettled until the lane ends.
    pub(super) fn keep(&mut self, work: Work, note: Note) {
        self.block(&work);
        self.held.push((work, note));
    }

    /// Waits while messages are held, for confirmations of earlier ones or until they can go back.
    pub(super) async fn hold(&mut self) {
        if self.is_ending() {
            self.unblock();
            for (work, note) in std::mem::take(&mut self.held) {
                drop(note);
                self.give_back(work);
            }
            return;
        }
        let Self {
            shared,
            source,
            load,
            outstanding,
            queue,
            blocked,
            ..
        } = self;
        let (behind, bytes) = tokio::select! {
            () = source.revoked.cancelled() => return,
            () = shared.draining.cancelled() => return,
            () = outstanding.arrived() => return outstanding.absorb(shared, load),
            backlog = queue.backlog(), if blocked.is_some() => backlog,
        };
        self.block_more(0, behind, bytes);
    }

    /// Counts work that can't go on, and what waits behind it, as blocked: the messages of other keys have their own
    /// room then. In a lane that has no others beside it this makes no difference.
    pub(super) fn block(&mut self, work: &Work) {
        if self.queue.is_keyed() {
            let (behind, bytes) = self.queue.kept();
            self.blocked.get_or_insert_default();
            self.block_more(work.len() as u64, 0, work.bytes);
            self.block_more(0, behind, bytes);
        }
    }

    pub(super) fn block_more(&mut self, messages: u64, behind: u64, bytes: u64) {
        if let Some(blocked) = &mut self.blocked {
            blocked.messages += messages + behind;
            blocked.bytes += bytes;
            blocked.behind += behind;
            self.shared.status.wait_behind(behind, 0);
            self.load.block(messages + behind, bytes);
        }
    }

    /// What was blocked can go on, or goes back.
    pub(super) fn unblock(&mut self) {
        if let Some(blocked) = self.blocked.take() {
            self.shared.status.wait_behind(0, blocked.behind);
            self.load.unblock(blocked.messages, blocked.bytes);
        }
    }
}
