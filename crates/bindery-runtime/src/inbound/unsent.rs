//! Records that are made and not on their way yet: they are sent in runs.
//!
//! What makes records and what sends them is more code than a processor's nearest cache holds, so that each evicts the
//! other when they take turns. A run ends when it is long enough, and before its lane waits for anything.

use std::sync::Arc;

use bindery_core::{Confirm, Full, fail_point};

use super::Shared;
use super::load::SourceLoad;
use super::outstanding::{Outstanding, slot};
use crate::outbound::{OutputBinding, Sending};

/// Of how many messages the records are sent together at most.
const MOST: usize = 32;

/// A message whose records are to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unsent {
    token: u64,
    /// How many of them are sent.
    sent: usize,
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
        let mut open = None;
        while let Some(first) = self.unsent.front_mut() {
            let pending = self.slots.get(slot(first.token));
            let records = pending.map_or(&[][..], |(_, pending)| &pending.records);
            for (index, record) in records.iter().skip(first.sent) {
                let confirm = Confirm::new(self.window.clone(), first.token);
                // A record of an output that doesn't exist isn't made; its confirm would tell that it isn't sent.
                if let Some((output, sending)) = output(shared, *index, &mut open)
                    && let Err(Full(confirm)) = sending.offer(record, confirm)
                {
                    confirm.dissolve();
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

    /// Gives up what is lined up: it goes back when the answers to what was sent of it are there.
    pub(super) fn abandon(&mut self, shared: &Shared, load: &SourceLoad) {
        while let Some(Unsent { token, sent }) = self.unsent.pop_front() {
            if let Some(pending) = self.get_mut(token) {
                let unsent = pending.records.len() - sent;
                pending.abandoned = unsent > 0;
                pending.remaining -= unsent as u32;
            }
            self.complete(token, shared, load);
        }
    }

    /// Waits until there may be answers, or room for what is lined up. Cancel safe.
    pub(super) async fn can_go_on(&self, shared: &Shared) {
        let first = self.unsent.front().and_then(|first| {
            let (_, pending) = self.slots.get(slot(first.token))?;
            let (index, _) = pending.records.get(first.sent)?;
            shared.outputs.get(*index)
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

/// An output of its number, opened for a run if it isn't the one that `open` holds.
fn output<'a, 'o>(
    shared: &'a Shared,
    index: usize,
    open: &'o mut Option<(usize, Sending<'a>)>,
) -> Option<(&'a Arc<OutputBinding>, &'o Sending<'a>)> {
    let output = shared.outputs.get(index)?;
    if open.as_ref().is_none_or(|(known, _)| *known != index) {
        *open = Some((index, output.sending()));
    }
    let (_, sending) = open.as_ref()?;
    Some((output, sending))
}
