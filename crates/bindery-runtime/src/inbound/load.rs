//! How much of a source is in flight, and when to stop and go on fetching from it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bindery_core::{ConsumerControl, Source};

use super::frontier::Frontier;
use crate::binding::{BindingStatus, Cause, Note};

/// The bounds of one source: fetching pauses above them and goes on at half of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Messages delivered and unsettled.
    pub(crate) messages: u64,
    /// Their payload bytes.
    pub(crate) bytes: u64,
}

/// The messages of one source that are delivered and not settled.
///
/// What can't go on for now (a held message, one whose dead letter is refused) and what waits behind it in the lane of
/// its key is blocked, and counted apart: up to the limits, so that other keys have all of their own room meanwhile.
pub(crate) struct SourceLoad {
    source: Arc<Source>,
    limits: Limits,
    all: Count,
    blocked: Count,
    /// How far handlers have come.
    pub(crate) frontier: Frontier,
    /// Written under `telling` only; read without it to see whether there is anything to tell.
    paused: AtomicBool,
    /// Held while the consumer is told, so that it hears of pauses and resumptions in the order they were decided.
    telling: Mutex<Telling>,
    control: Arc<dyn ConsumerControl>,
    status: Arc<BindingStatus>,
}

/// Messages and their payload bytes.
#[derive(Debug, Default)]
struct Count {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Count {
    fn add(&self, messages: u64, bytes: u64) {
        self.messages.fetch_add(messages, Ordering::SeqCst);
        self.bytes.fetch_add(bytes, Ordering::SeqCst);
    }

    fn sub(&self, messages: u64, bytes: u64) {
        self.messages.fetch_sub(messages, Ordering::SeqCst);
        self.bytes.fetch_sub(bytes, Ordering::SeqCst);
    }

    fn get(&self) -> (u64, u64) {
        (
            self.messages.load(Ordering::SeqCst),
            self.bytes.load(Ordering::SeqCst),
        )
    }
}

/// Who says whether a source is paused.
#[derive(Debug)]
enum Telling {
    /// We do; with a note while it is paused because of what is blocked.
    Ours(Option<Note>),
    /// A later assignment of the same place speaks for it now.
    Retired,
}

impl SourceLoad {
    pub(crate) fn new(
        source: Arc<Source>,
        limits: Limits,
        control: Arc<dyn ConsumerControl>,
        status: Arc<BindingStatus>,
    ) -> Arc<Self> {
        Arc::new(Self {
            source,
            limits,
            all: Count::default(),
            blocked: Count::default(),
            frontier: Frontier::default(),
            paused: AtomicBool::new(false),
            telling: Mutex::new(Telling::Ours(None)),
            control,
            status,
        })
    }

    /// Counts delivered messages and pauses the source when it has too many.
    pub(crate) fn delivered(&self, messages: u64, bytes: u64) {
        self.all.add(messages, bytes);
        self.pause_when_full();
    }

    /// Counts a settled message and resumes the source when there is room again.
    pub(crate) fn settled(&self, messages: u64, bytes: u64) {
        self.all.sub(messages, bytes);
        self.resume_when_low();
    }

    /// Counts delivered messages as blocked.
    pub(crate) fn block(&self, messages: u64, bytes: u64) {
        self.blocked.add(messages, bytes);
        self.pause_when_full();
        self.resume_when_low();
    }

    /// Counts blocked messages as ordinary ones again.
    pub(crate) fn unblock(&self, messages: u64, bytes: u64) {
        self.blocked.sub(messages, bytes);
        self.pause_when_full();
        self.resume_when_low();
    }

    /// Leaves the source to the load of its next assignment, which begins unpaused.
    pub(crate) fn retire(&self) {
        let mut telling = self.telling();
        if self.paused.swap(false, Ordering::SeqCst) {
            self.control.resume(self.source.id);
        }
        *telling = Telling::Retired;
    }

    fn pause_when_full(&self) {
        if (self.is_busy() || self.is_blocked()) && !self.paused.load(Ordering::SeqCst) {
            self.pause();
            // Everything may have been settled between counting and pausing; nobody else would resume then.
            self.resume_when_low();
        }
    }

    /// Whether as much is being worked on as may be.
    fn is_busy(&self) -> bool {
        let (messages, bytes) = self.active();
        messages >= self.limits.messages || bytes >= self.limits.bytes
    }

    /// Whether as much is blocked as may be.
    fn is_blocked(&self) -> bool {
        let (messages, bytes) = self.blocked.get();
        messages >= self.limits.messages || bytes >= self.limits.bytes
    }

    fn active(&self) -> (u64, u64) {
        let (all, blocked) = (self.all.get(), self.blocked.get());
        (all.0.saturating_sub(blocked.0), all.1.saturating_sub(blocked.1))
    }

    fn pause(&self) {
        let mut telling = self.telling();
        let Telling::Ours(note) = &mut *telling else {
            return;
        };
        if !self.paused.swap(true, Ordering::SeqCst) {
            self.control.pause(self.source.id);
            *note = self.is_blocked().then(|| self.backlog());
        }
    }

    fn backlog(&self) -> Note {
        let (messages, bytes) = self.blocked.get();
        let reason = format!(
            "`{}` takes no more messages, because {messages} of {bytes} bytes can't go on or wait behind such (at most {}, {} bytes)",
            self.source.name, self.limits.messages, self.limits.bytes
        );
        let cause = Cause::Backlog(self.source.name.clone());
        self.status.note(cause, messages, reason)
    }

    fn resume_when_low(&self) {
        if !self.paused.load(Ordering::SeqCst) {
            return;
        }
        let (messages, bytes) = self.active();
        let low = messages <= self.limits.messages / 2 && bytes <= self.limits.bytes / 2;
        if !low || self.is_blocked() {
            return;
        }
        let mut telling = self.telling();
        let Telling::Ours(note) = &mut *telling else {
            return;
        };
        if self.paused.swap(false, Ordering::SeqCst) {
            *note = None;
            self.control.resume(self.source.id);
        }
    }

    fn telling(&self) -> MutexGuard<'_, Telling> {
        self.telling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use async_trait::async_trait;
    use bindery_core::{BindingName, Health};

    use super::*;
    use crate::binding::BindingState;

    /// A consumer that takes its time to pause, and tells when it has begun to.
    struct Slow {
        pausing: mpsc::SyncSender<()>,
        paused: AtomicBool,
    }

    #[async_trait]
    impl ConsumerControl for Slow {
        fn pause(&self, _source: u32) {
            self.pausing.send(()).ok();
            // Long enough for a resumption on another thread to overtake, if it could.
            std::thread::sleep(Duration::from_millis(50));
            self.paused.store(true, Ordering::SeqCst);
        }

        fn resume(&self, _source: u32) {
            self.paused.store(false, Ordering::SeqCst);
        }

        fn health(&self) -> Health {
            Health::up()
        }

        fn stop(&self) {}

        async fn close(&self) {}
    }

    const LIMITS: Limits = Limits {
        messages: 2,
        bytes: 100,
    };

    fn slow() -> (Arc<Slow>, mpsc::Receiver<()>) {
        let (pausing, begun) = mpsc::sync_channel(8);
        let paused = AtomicBool::new(false);
        (Arc::new(Slow { pausing, paused }), begun)
    }

    fn load(control: &Arc<Slow>) -> Arc<SourceLoad> {
        let source = Source::new(0, 1, "orders-0", Some(0));
        let status = BindingStatus::new(BindingName::new("in"), true);
        status.set(BindingState::Running, Health::up());
        SourceLoad::new(source, LIMITS, control.clone(), status)
    }

    #[test]
    fn what_is_blocked_takes_no_room_from_others_until_it_has_as_much() {
        let (control, _begun) = slow();
        let load = load(&control);
        let is_paused = || control.paused.load(Ordering::SeqCst);
        load.delivered(1, 1);
        load.block(1, 1);
        load.delivered(1, 1);
        assert!(!is_paused(), "one is blocked, one is worked on");
        load.block(1, 1);
        assert!(is_paused(), "as much is blocked as may be");
        let reason = load.status.health().reason.unwrap_or_default();
        assert!(
            reason.contains("`orders-0` takes no more messages, because 2"),
            "{reason}"
        );
        load.unblock(1, 1);
        assert!(!is_paused());
        assert_eq!(load.status.health().reason, None);
    }

    #[test]
    fn a_resumption_never_overtakes_the_pause_that_it_ends() {
        let (control, begun) = slow();
        let load = load(&control);
        let settling = load.clone();
        let settler = std::thread::spawn(move || {
            begun.recv().ok();
            settling.settled(2, 2);
        });
        load.delivered(2, 2);
        settler.join().ok();
        assert!(
            !control.paused.load(Ordering::SeqCst),
            "nothing is in flight, and nobody would resume"
        );
    }

    #[test]
    fn the_load_of_an_ended_assignment_does_not_resume_the_next_one() {
        let (control, _begun) = slow();
        let old = load(&control);
        old.delivered(2, 2);
        old.retire();
        let new = load(&control);
        new.delivered(2, 2);
        old.settled(2, 2);
        assert!(control.paused.load(Ordering::SeqCst));
        new.settled(2, 2);
        assert!(!control.paused.load(Ordering::SeqCst));
    }
}
