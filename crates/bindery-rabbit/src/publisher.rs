//! Publishing: a bounded queue and one task that empties it, over a connection that comes back by itself.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bindery_core::{Error, ErrorKind, Health};
use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::ShortString;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::connection::{Link, RPC_LIMIT, backoff_after, closed};
use crate::error::Refusal;
use crate::flight::session;
use crate::health::HealthBoard;
use crate::obligation::Obligation;
use crate::topology::Topology;

/// How often queued publications are looked over for those that waited too long.
pub(crate) const SWEEP: Duration = Duration::from_millis(200);
/// After how long on one channel the failures before no longer count.
const STEADY_AFTER: Duration = Duration::from_secs(30);

/// One message ready for the wire.
#[derive(Clone, Debug)]
pub(crate) struct Publication {
    pub(crate) exchange: ShortString,
    pub(crate) routing_key: ShortString,
    pub(crate) properties: BasicProperties,
    pub(crate) body: Bytes,
    pub(crate) mandatory: bool,
}

pub(crate) struct Queued {
    pub(crate) publication: Publication,
    pub(crate) obligation: Obligation,
    pub(crate) deadline: Instant,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Queued>,
    /// Accepted and not completed: queued, on the wire, or reserved.
    pending: usize,
    closed: bool,
}

/// The limits of a publisher.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many publications may be accepted and not completed.
    pub(crate) window: usize,
    /// How long a publication may take from its acceptance to its confirmation.
    pub(crate) confirm_timeout: Duration,
}

/// What the callers and the task share.
pub(crate) struct Publisher {
    pub(crate) limits: Limits,
    link: Arc<Link>,
    pub(crate) topology: Topology,
    pub(crate) health: HealthBoard,
    queue: Mutex<Queue>,
    pub(crate) work: Notify,
    room: Notify,
    /// The largest message that the broker takes, where it has said so, and on which connection.
    limit: Mutex<Option<(u64, usize)>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// Room for one publication, given back when it isn't used.
pub(crate) struct Slot<'a>(&'a Publisher);

impl Slot<'_> {
    /// Queues the publication.
    pub(crate) fn fill(self, publication: Publication, obligation: Obligation) {
        let publisher = self.0;
        let queued = Queued {
            publication,
            obligation,
            deadline: Instant::now() + publisher.limits.confirm_timeout,
        };
        std::mem::forget(self);
        publisher.lock().waiting.push_back(queued);
        publisher.work.notify_one();
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.release(1);
    }
}

/// Why there is no slot.
pub(crate) enum NoSlot {
    Full,
    Closed,
}

impl Publisher {
    /// Starts to publish; `topology` is declared whenever the connection is new.
    pub(crate) fn start(link: Arc<Link>, topology: Topology, limits: Limits, label: String) -> Arc<Self> {
        let publisher = Arc::new(Self {
            limits,
            link,
            topology,
            health: HealthBoard::new(label, 1),
            queue: Mutex::default(),
            work: Notify::new(),
            room: Notify::new(),
            limit: Mutex::default(),
            task: Mutex::new(None),
        });
        let task = tokio::spawn(run(publisher.clone()));
        *publisher.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        publisher
    }

    /// Reserves room for one publication.
    pub(crate) fn reserve(&self) -> Result<Slot<'_>, NoSlot> {
        let mut queue = self.lock();
        if queue.closed {
            return Err(NoSlot::Closed);
        }
        if queue.pending >= self.limits.window {
            return Err(NoSlot::Full);
        }
        queue.pending += 1;
        Ok(Slot(self))
    }

    /// Waits until there may be room. Cancel safe.
    pub(crate) async fn ready(&self) {
        loop {
            let room = self.room.notified();
            tokio::pin!(room);
            room.as_mut().enable();
            {
                let queue = self.lock();
                if queue.closed || queue.pending < self.limits.window {
                    return;
                }
            }
            room.await;
        }
    }

    /// How publishing is; the connection's trouble, such as a broker that blocks publishers, is ours too.
    pub(crate) fn health(&self) -> Health {
        let parts = [self.health.whole(), self.link.health()];
        Health::of_parts(parts).unwrap_or_else(Health::unknown)
    }

    /// Takes nothing more; the task ends when what was accepted is done.
    pub(crate) fn shut(&self) {
        self.lock().closed = true;
        self.work.notify_one();
        self.room.notify_waiters();
    }

    /// Publishes what was accepted, waits for its confirmations, and closes.
    pub(crate) async fn close(&self) {
        self.shut();
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut task) = task {
            // Every publication ends within its timeout, and so does the task.
            let limit = self.limits.confirm_timeout + RPC_LIMIT;
            if tokio::time::timeout(limit, &mut task).await.is_err() {
                task.abort();
            }
        }
        self.fail_all("the producer was closed before the broker confirmed");
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn release(&self, count: usize) {
        if count > 0 {
            let mut queue = self.lock();
            queue.pending = queue.pending.saturating_sub(count);
            drop(queue);
            self.room.notify_waiters();
        }
    }

    fn fail_all(&self, reason: &str) {
        let waiting = std::mem::take(&mut self.lock().waiting);
        let count = waiting.len();
        for queued in waiting {
            let error = Error::temporary(ErrorKind::Unavailable, reason);
            queued.obligation.fail(error);
        }
        self.release(count);
    }

    /// Fails what has waited in the queue for longer than its timeout.
    fn sweep(&self) {
        let now = Instant::now();
        let mut expired = Vec::new();
        {
            let mut queue = self.lock();
            while queue.waiting.front().is_some_and(|queued| queued.deadline <= now) {
                expired.extend(queue.waiting.pop_front());
            }
        }
        if expired.is_empty() {
            return;
        }
        let count = expired.len();
        let reason = self
            .health()
            .reason
            .unwrap_or_else(|| "the connection isn't ready".to_owned());
        for queued in expired {
            let seconds = self.limits.confirm_timeout.as_secs_f32();
            let text = format!("not published within {seconds} s: {reason}");
            queued.obligation.fail(Error::temporary(ErrorKind::Timeout, text));
        }
        self.release(count);
    }

    /// Notes the largest message that the broker takes. It holds for this connection: the broker may come back with
    /// another configuration.
    pub(crate) fn learn_limit(&self, connection: u64, bytes: usize) {
        *self.limit.lock().unwrap_or_else(PoisonError::into_inner) = Some((connection, bytes));
    }

    /// The largest message that the broker takes, as far as it is known on this connection.
    pub(crate) fn limit(&self, connection: u64) -> Option<usize> {
        let limit = *self.limit.lock().unwrap_or_else(PoisonError::into_inner);
        limit
            .filter(|(known_on, _)| *known_on == connection)
            .map(|(_, bytes)| bytes)
    }

    pub(crate) fn is_done(&self) -> bool {
        let queue = self.lock();
        queue.closed && queue.waiting.is_empty()
    }

    pub(crate) fn take(&self, most: usize) -> Vec<Queued> {
        let mut queue = self.lock();
        let count = most.min(queue.waiting.len());
        queue.waiting.drain(..count).collect()
    }
}

pub(crate) fn temporary(message: String) -> Error {
    Error::temporary(ErrorKind::Publish, message)
}

/// Why a session on one channel ended.
pub(crate) enum Ended {
    /// Closed, and everything is done.
    Closed,
    /// The channel or the connection is lost.
    Lost(Refusal),
}

async fn run(publisher: Arc<Publisher>) {
    let mut failures = 0;
    loop {
        let live = {
            let steady = publisher.link.steady();
            tokio::pin!(steady);
            loop {
                if publisher.is_done() {
                    return;
                }
                tokio::select! {
                    live = &mut steady => break live,
                    () = tokio::time::sleep(SWEEP) => publisher.sweep(),
                    () = publisher.work.notified() => {}
                }
            }
        };
        let Some(live) = live else {
            publisher.lock().closed = true;
            publisher.fail_all("the connection was closed");
            return;
        };
        let started = Instant::now();
        let refusal = match session(&publisher, &live).await {
            Ended::Closed => return,
            Ended::Lost(refusal) => refusal,
        };
        // A connection that was lost costs nothing more here: making the next one has a back-off of its own.
        let was_steady = started.elapsed() > STEADY_AFTER || !live.is_connected();
        failures = if was_steady { 0 } else { failures + 1 };
        let pause = backoff_after(&refusal, failures);
        if live.is_connected() {
            publisher.health.down(0, &refusal, Some(pause));
        } else {
            publisher.health.down_with_connection(0, &refusal);
        }
        let until = Instant::now() + pause;
        while Instant::now() < until && !publisher.is_done() {
            publisher.sweep();
            tokio::select! {
                () = tokio::time::sleep_until(until.min(Instant::now() + SWEEP)) => {}
                () = publisher.work.notified(), if publisher.lock().closed => {}
            }
        }
    }
}

/// The error of a closed publisher.
pub(crate) fn closed_producer() -> Error {
    closed("the producer")
}
