//! How much of a source is in flight, and when to stop and go on fetching from it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bindery_core::ConsumerControl;

/// The bounds of one source: fetching pauses above them and goes on at half of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Messages delivered and unsettled.
    pub(crate) messages: u64,
    /// Their payload bytes.
    pub(crate) bytes: u64,
}

/// The messages of one source that are delivered and not settled.
pub(crate) struct SourceLoad {
    source: u32,
    limits: Limits,
    messages: AtomicU64,
    bytes: AtomicU64,
    /// Written under `telling` only; read without it to see whether there is anything to tell.
    paused: AtomicBool,
    /// Held while the consumer is told, so that it hears of pauses and resumptions in the order they were decided.
    telling: Mutex<Telling>,
    control: Arc<dyn ConsumerControl>,
}

/// Who says whether a source is paused.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Telling {
    Ours,
    /// A later assignment of the same place speaks for it now.
    Retired,
}

impl SourceLoad {
    pub(crate) fn new(source: u32, limits: Limits, control: Arc<dyn ConsumerControl>) -> Arc<Self> {
        Arc::new(Self {
            source,
            limits,
            messages: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            paused: AtomicBool::new(false),
            telling: Mutex::new(Telling::Ours),
            control,
        })
    }

    /// Counts delivered messages and pauses the source when it has too many.
    pub(crate) fn delivered(&self, messages: u64, bytes: u64) {
        let messages = self.messages.fetch_add(messages, Ordering::SeqCst) + messages;
        let bytes = self.bytes.fetch_add(bytes, Ordering::SeqCst) + bytes;
        let full = messages >= self.limits.messages || bytes >= self.limits.bytes;
        if full && !self.paused.load(Ordering::SeqCst) {
            self.pause();
            // Everything may have been settled between counting and pausing; nobody else would resume then.
            self.resume_when_low();
        }
    }

    /// Counts a settled message and resumes the source when there is room again.
    pub(crate) fn settled(&self, messages: u64, bytes: u64) {
        self.messages.fetch_sub(messages, Ordering::SeqCst);
        self.bytes.fetch_sub(bytes, Ordering::SeqCst);
        if self.paused.load(Ordering::SeqCst) {
            self.resume_when_low();
        }
    }

    /// Leaves the source to the load of its next assignment, which begins unpaused.
    pub(crate) fn retire(&self) {
        let mut telling = self.telling();
        if self.paused.swap(false, Ordering::SeqCst) {
            self.control.resume(self.source);
        }
        *telling = Telling::Retired;
    }

    fn pause(&self) {
        let telling = self.telling();
        if *telling == Telling::Ours && !self.paused.swap(true, Ordering::SeqCst) {
            self.control.pause(self.source);
        }
    }

    fn resume_when_low(&self) {
        let low = self.messages.load(Ordering::SeqCst) <= self.limits.messages / 2
            && self.bytes.load(Ordering::SeqCst) <= self.limits.bytes / 2;
        if !low {
            return;
        }
        let telling = self.telling();
        if *telling == Telling::Ours && self.paused.swap(false, Ordering::SeqCst) {
            self.control.resume(self.source);
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
    use bindery_core::Health;

    use super::*;

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

    #[test]
    fn a_resumption_never_overtakes_the_pause_that_it_ends() {
        let (control, begun) = slow();
        let load = SourceLoad::new(0, LIMITS, control.clone());
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
        let old = SourceLoad::new(0, LIMITS, control.clone());
        old.delivered(2, 2);
        old.retire();
        let new = SourceLoad::new(0, LIMITS, control.clone());
        new.delivered(2, 2);
        old.settled(2, 2);
        assert!(control.paused.load(Ordering::SeqCst));
        new.settled(2, 2);
        assert!(!control.paused.load(Ordering::SeqCst));
    }
}
