//! Faults that a test injects: refused publications, lost and late confirms, refused dead letters, failing binds.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bindery_core::{Confirm, Error, ErrorKind, OutboundRecord, Position, Result};

use tokio::sync::Notify;

use crate::producer::Window;
use crate::sync::lock;

/// How long a dead letter waits for its answer.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(30);

/// The faults of one broker. They cost nothing until the first is injected.
#[derive(Default)]
pub struct Faults {
    armed: AtomicBool,
    unblocked: Notify,
    /// How many dead letters were tried to be published.
    dead_letters: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    destinations: BTreeMap<Arc<str>, Destination>,
    refuse_dead_letters: bool,
    block_dead_letters: bool,
    binds_to_fail: u64,
}

#[derive(Default)]
struct Destination {
    refuse: u64,
    lose: u64,
    hold: bool,
    held: Vec<Held>,
    most_bytes: Option<usize>,
}

/// A confirm that waits to be released.
struct Held {
    record: Box<OutboundRecord>,
    confirm: Confirm,
    position: Position,
    window: Arc<Window>,
}

/// What happens to a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing special.
    Pass,
    /// It is refused; nothing is stored.
    Refuse,
    /// It is stored, but its answer is an error.
    Lose,
}

impl Faults {
    fn arm(&self) -> std::sync::MutexGuard<'_, State> {
        self.armed.store(true, Ordering::SeqCst);
        lock(&self.state)
    }

    /// Refuses the next `count` publications to the destination: nothing is stored, the confirm fails as temporary.
    pub fn refuse_publications(&self, destination: &str, count: u64) {
        self.arm()
            .destinations
            .entry(destination.into())
            .or_default()
            .refuse = count;
    }

    /// Loses the answers to the next `count` publications: the message is stored, the confirm fails as temporary.
    pub fn lose_confirms(&self, destination: &str, count: u64) {
        self.arm()
            .destinations
            .entry(destination.into())
            .or_default()
            .lose = count;
    }

    /// Holds the confirms of the destination back from now on.
    pub fn hold_confirms(&self, destination: &str) {
        self.arm()
            .destinations
            .entry(destination.into())
            .or_default()
            .hold = true;
    }

    /// Completes the confirms that were held back, and holds no more.
    pub fn release_confirms(&self, destination: &str) {
        let held = match self.arm().destinations.get_mut(destination) {
            Some(fault) => {
                fault.hold = false;
                std::mem::take(&mut fault.held)
            }
            None => return,
        };
        for held in held {
            held.confirm.complete(Ok(held.position));
            held.window.leave();
        }
    }

    /// How many confirms of the destination are held back.
    pub fn held_confirms(&self, destination: &str) -> usize {
        let state = lock(&self.state);
        state
            .destinations
            .get(destination)
            .map_or(0, |fault| fault.held.len())
    }

    /// Refuses every dead letter until [`Faults::accept_dead_letters`].
    pub fn refuse_dead_letters(&self) {
        self.arm().refuse_dead_letters = true;
    }

    /// Answers no dead letter until [`Faults::accept_dead_letters`]; publishing one fails after 30 s.
    pub fn block_dead_letters(&self) {
        self.arm().block_dead_letters = true;
    }

    /// Takes dead letters again.
    pub fn accept_dead_letters(&self) {
        let mut state = self.arm();
        state.refuse_dead_letters = false;
        state.block_dead_letters = false;
        drop(state);
        self.unblocked.notify_waiters();
    }

    /// Refuses whatever is published to the destination with a larger payload, for good.
    pub fn limit_payloads(&self, destination: &str, most_bytes: usize) {
        self.arm()
            .destinations
            .entry(destination.into())
            .or_default()
            .most_bytes = Some(most_bytes);
    }

    /// Fails the next `count` binds as temporary, like a broker that isn't there yet.
    pub fn fail_binds(&self, count: u64) {
        self.arm().binds_to_fail = count;
    }

    fn armed(&self) -> Option<std::sync::MutexGuard<'_, State>> {
        self.armed.load(Ordering::SeqCst).then(|| lock(&self.state))
    }

    pub(crate) fn judge(&self, destination: &str) -> Verdict {
        let Some(mut state) = self.armed() else {
            return Verdict::Pass;
        };
        let Some(fault) = state.destinations.get_mut(destination) else {
            return Verdict::Pass;
        };
        if count_down(&mut fault.refuse) {
            return Verdict::Refuse;
        }
        if count_down(&mut fault.lose) {
            return Verdict::Lose;
        }
        Verdict::Pass
    }

    /// Completes the confirm with the position, now or when it is released.
    pub(crate) fn answer(
        &self,
        destination: &str,
        record: Box<OutboundRecord>,
        confirm: Confirm,
        position: Position,
        window: &Arc<Window>,
    ) {
        if let Some(mut state) = self.armed() {
            let fault = state.destinations.get_mut(destination).filter(|fault| fault.hold);
            if let Some(fault) = fault {
                let window = window.clone();
                fault.held.push(Held {
                    record,
                    confirm,
                    position,
                    window,
                });
                return;
            }
        }
        confirm.complete(Ok(position));
        window.leave();
    }

    /// Fails the held confirms that belong to the window of a producer that closes.
    pub(crate) fn abandon(&self, window: &Arc<Window>) {
        self.fail(|held| Arc::ptr_eq(&held.window, window));
    }

    /// Fails every held confirm: the connection broke.
    pub(crate) fn fail_held(&self) {
        self.fail(|_| true);
    }

    fn fail(&self, concerned: impl Fn(&Held) -> bool) {
        let mut failed = Vec::new();
        if let Some(mut state) = self.armed() {
            for fault in state.destinations.values_mut() {
                failed.extend(fault.held.extract_if(.., |held| concerned(held)));
            }
        }
        for held in failed {
            held.confirm.fail(lost_answer(), held.record);
            held.window.leave();
        }
    }

    /// An error for a payload that is larger than the destination takes.
    pub(crate) fn check_size(&self, destination: &str, bytes: usize) -> Result<()> {
        let most = self
            .armed()
            .and_then(|state| state.destinations.get(destination)?.most_bytes);
        match most {
            Some(most) if bytes > most => Err(Error::new(
                ErrorKind::Payload,
                format!("the payload has {bytes} bytes; `{destination}` takes at most {most}"),
            )),
            _ => Ok(()),
        }
    }

    /// How many attempts to publish a dead letter there were, whatever came of them.
    pub fn dead_letter_attempts(&self) -> u64 {
        self.dead_letters.load(Ordering::SeqCst)
    }

    /// Waits while dead letters are blocked, at most as long as a broker's confirmation is waited for.
    pub(crate) async fn dead_letter_arrived(&self, destination: &str) -> Result<()> {
        self.dead_letters.fetch_add(1, Ordering::SeqCst);
        let arrived = async {
            loop {
                let mut unblocked = std::pin::pin!(self.unblocked.notified());
                // Registered before looking, so that an end in between is not missed.
                unblocked.as_mut().enable();
                if !self.armed().is_some_and(|state| state.block_dead_letters) {
                    return;
                }
                unblocked.await;
            }
        };
        tokio::time::timeout(CONFIRM_TIMEOUT, arrived).await.map_err(|_| {
            Error::temporary(
                ErrorKind::Timeout,
                format!("the dead letter to `{destination}` was not confirmed within {CONFIRM_TIMEOUT:?}"),
            )
        })
    }

    pub(crate) fn check_dead_letter(&self, destination: &str) -> Result<()> {
        let refused = self.armed().is_some_and(|state| state.refuse_dead_letters);
        if refused || self.judge(destination) == Verdict::Refuse {
            return Err(refused_publication(destination));
        }
        Ok(())
    }

    pub(crate) fn check_bind(&self) -> Result<()> {
        let fails = self
            .armed()
            .is_some_and(|mut state| count_down(&mut state.binds_to_fail));
        if fails {
            return Err(Error::temporary(
                ErrorKind::Unavailable,
                "the memory broker was told to fail this bind",
            ));
        }
        Ok(())
    }
}

fn count_down(count: &mut u64) -> bool {
    let counts = *count > 0;
    *count = count.saturating_sub(1);
    counts
}

pub(crate) fn refused_publication(destination: &str) -> Error {
    Error::temporary(
        ErrorKind::Publish,
        format!("the memory broker was told to refuse this publication to `{destination}`"),
    )
}

pub(crate) fn lost_answer() -> Error {
    Error::temporary(ErrorKind::Unavailable, "the memory broker's answer was lost")
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults")
            .field("armed", &self.armed)
            .finish_non_exhaustive()
    }
}
