//! A watch over handlers: which calls are running, and since when. A handler that blocks its thread can't be ended,
//! but it can be told of.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bindery_core::Source;
use slab::Slab;
use tokio::time::Instant;

use crate::binding::{BindingStatus, Cause, Note};

/// How long a handler may run before it is reported, where no `handler-timeout` ends it sooner.
const STALL_LIMIT: Duration = Duration::from_secs(60);
/// How much later than its `handler-timeout` a handler is reported: one that yields is ended by then.
const GRACE: Duration = Duration::from_millis(500);
/// How often the calls are looked over.
pub(crate) const WATCH_INTERVAL: Duration = Duration::from_millis(500);

/// The calls of one bound input.
pub(crate) struct Watch {
    epoch: Instant,
    limit: Duration,
    calls: Mutex<Slab<Arc<Running>>>,
}

/// What one lane runs at present.
struct Running {
    source: Arc<Source>,
    /// Milliseconds after the watch's epoch, plus one; 0 while nothing runs.
    since: AtomicU64,
    position: AtomicU64,
}

/// The place of one lane in its watch.
pub(crate) struct Watched {
    watch: Arc<Watch>,
    running: Arc<Running>,
    number: usize,
}

impl Watch {
    pub(crate) fn new(handler_timeout: Option<Duration>) -> Arc<Self> {
        Arc::new(Self {
            epoch: Instant::now(),
            limit: handler_timeout.map_or(STALL_LIMIT, |timeout| timeout + GRACE),
            calls: Mutex::default(),
        })
    }

    /// A place for one lane; it lasts as long as the lane.
    pub(crate) fn lane(self: &Arc<Self>, source: Arc<Source>) -> Watched {
        let running = Arc::new(Running {
            source,
            since: AtomicU64::new(0),
            position: AtomicU64::new(0),
        });
        let number = self.calls().insert(running.clone());
        Watched {
            watch: self.clone(),
            running,
            number,
        }
    }

    /// Notes in the binding's health which handlers run for too long: one note for all of them, told by the oldest.
    pub(crate) fn look(&self, status: &Arc<BindingStatus>, note: &mut Option<Note>) {
        let now = self.millis(Instant::now());
        let mut stalled = 0;
        let mut oldest: Option<(u64, Arc<Running>)> = None;
        for (_, running) in self.calls().iter() {
            let since = running.since.load(Ordering::Relaxed);
            if since == 0 || Duration::from_millis(now.saturating_sub(since)) < self.limit {
                continue;
            }
            stalled += 1;
            if oldest.as_ref().is_none_or(|(known, _)| since < *known) {
                oldest = Some((since, running.clone()));
            }
        }
        let Some((since, running)) = oldest else {
            *note = None;
            return;
        };
        let seconds = Duration::from_millis(now.saturating_sub(since)).as_secs();
        let reason = format!(
            "{stalled} {} longer than {:?}: that of message {} of `{}` for {seconds} s",
            if stalled == 1 {
                "handler runs"
            } else {
                "handlers run"
            },
            self.limit,
            running.position.load(Ordering::Relaxed),
            running.source.name,
        );
        match note {
            Some(note) => note.renew(reason),
            None => *note = Some(status.note(Cause::Stalled, stalled, reason)),
        }
    }

    fn millis(&self, at: Instant) -> u64 {
        let millis = at.saturating_duration_since(self.epoch).as_millis();
        u64::try_from(millis).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn calls(&self) -> MutexGuard<'_, Slab<Arc<Running>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    /// The handler is called for the message at `position`.
    pub(crate) fn begins(&self, at: Instant, position: u64) {
        self.running.position.store(position, Ordering::Relaxed);
        self.running.since.store(self.watch.millis(at), Ordering::Relaxed);
    }

    /// The handler came back.
    pub(crate) fn ends(&self) {
        self.running.since.store(0, Ordering::Relaxed);
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.watch.calls().try_remove(self.number);
    }
}
