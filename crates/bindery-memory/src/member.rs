//! A member of a consumer group: the sources that are assigned to it, and how its consumer is woken.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bindery_core::Source;
use futures_util::task::AtomicWaker;

use crate::partition::Partition;
use crate::sync::lock;

/// One partition that a member consumes at present.
#[derive(Clone, Debug)]
pub(crate) struct Assignment {
    pub(crate) source: Arc<Source>,
    pub(crate) partition: Arc<Partition>,
    pub(crate) paused: Arc<AtomicBool>,
}

/// A member of a group.
pub(crate) struct Member {
    id: u64,
    max_in_flight: usize,
    assignments: Mutex<Vec<Assignment>>,
    version: AtomicU64,
    stopped: AtomicBool,
    waker: AtomicWaker,
}

impl Member {
    pub(crate) fn new(id: u64, max_in_flight: usize) -> Arc<Self> {
        Arc::new(Self {
            id,
            max_in_flight,
            assignments: Mutex::default(),
            version: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        })
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn max_in_flight(&self) -> usize {
        self.max_in_flight
    }

    /// Changes whenever the assignments do.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    pub(crate) fn assignments(&self) -> Vec<Assignment> {
        lock(&self.assignments).clone()
    }

    /// Called with the partition locked; nothing here locks a partition.
    pub(crate) fn assign(&self, assignment: Assignment) {
        lock(&self.assignments).push(assignment);
        self.assignments_changed();
    }

    /// Called with the partition locked.
    pub(crate) fn unassign(&self, source: &Source) {
        lock(&self.assignments)
            .retain(|held| held.source.id != source.id || held.source.generation != source.generation);
        self.assignments_changed();
    }

    fn assignments_changed(&self) {
        self.version.fetch_add(1, Ordering::Release);
        self.wake();
    }

    pub(crate) fn set_paused(&self, source: u32, paused: bool) {
        for assignment in lock(&self.assignments).iter() {
            if assignment.source.id == source {
                assignment.paused.store(paused, Ordering::Release);
            }
        }
        self.wake();
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    pub(crate) fn register(&self, waker: &std::task::Waker) {
        self.waker.register(waker);
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
