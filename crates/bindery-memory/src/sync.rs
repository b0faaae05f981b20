//! Small helpers around locks and waiting.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Locks a mutex. A panic elsewhere doesn't spread: every critical section here leaves its data whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes those who wait for a condition to change; costs one load while nobody does.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    watchers: AtomicUsize,
    changes: Notify,
}

impl Watch {
    /// Says that something changed.
    pub(crate) fn changed(&self) {
        if self.watchers.load(Ordering::SeqCst) > 0 {
            self.changes.notify_waiters();
        }
    }

    /// Waits until `condition` gives a value. Cancel safe.
    pub(crate) async fn until<T>(&self, mut condition: impl FnMut() -> Option<T>) -> T {
        let _watcher = Watcher::enter(&self.watchers);
        loop {
            let changed = self.changes.notified();
            tokio::pin!(changed);
            // A change between the look and the wait must not be missed.
            changed.as_mut().enable();
            if let Some(value) = condition() {
                return value;
            }
            changed.await;
        }
    }
}

struct Watcher<'a>(&'a AtomicUsize);

impl<'a> Watcher<'a> {
    fn enter(watchers: &'a AtomicUsize) -> Self {
        watchers.fetch_add(1, Ordering::SeqCst);
        Self(watchers)
    }
}

impl Drop for Watcher<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
