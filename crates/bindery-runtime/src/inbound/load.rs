//! How much of a source is in flight, and when to stop and go on fetching from it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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
    paused: AtomicBool,
    control: Arc<dyn ConsumerControl>,
}

impl SourceLoad {
    pub(crate) fn new(source: u32, limits: Limits, control: Arc<dyn ConsumerControl>) -> Arc<Self> {
        Arc::new(Self {
            source,
            limits,
            messages: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            paused: AtomicBool::new(false),
            control,
        })
    }

    /// Counts delivered messages and pauses the source when it has too many.
    pub(crate) fn delivered(&self, messages: u64, bytes: u64) {
        let messages = self.messages.fetch_add(messages, Ordering::AcqRel) + messages;
        let bytes = self.bytes.fetch_add(bytes, Ordering::AcqRel) + bytes;
        let full = messages >= self.limits.messages || bytes >= self.limits.bytes;
        if full && !self.paused.swap(true, Ordering::AcqRel) {
            self.control.pause(self.source);
            // Everything may have been settled between counting and pausing; nobody else would resume then.
            self.resume_when_low();
        }
    }

    /// Counts a settled message and resumes the source when there is room again.
    pub(crate) fn settled(&self, messages: u64, bytes: u64) {
        self.messages.fetch_sub(messages, Ordering::AcqRel);
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        if self.paused.load(Ordering::Acquire) {
            self.resume_when_low();
        }
    }

    fn resume_when_low(&self) {
        let low = self.messages.load(Ordering::Acquire) <= self.limits.messages / 2
            && self.bytes.load(Ordering::Acquire) <= self.limits.bytes / 2;
        if low && self.paused.swap(false, Ordering::AcqRel) {
            self.control.resume(self.source);
        }
    }
}
