//! The producer: appends at once and confirms at once, unless a fault says otherwise.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bindery_core::{Confirm, Error, ErrorKind, Full, Health, OutboundRecord, Producer};

use crate::broker::Shared;
use crate::faults::{Verdict, lost_answer, refused_publication};
use crate::sync::{Watch, lock};
use crate::topic::{Refusal, Topic};

/// Counts the records that were sent and not confirmed.
#[derive(Debug)]
pub(crate) struct Window {
    limit: u32,
    in_flight: AtomicU32,
    watch: Arc<Watch>,
}

impl Window {
    fn enter(&self) -> bool {
        let entered = self
            .in_flight
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| {
                (count < self.limit).then_some(count + 1)
            });
        entered.is_ok()
    }

    pub(crate) fn leave(&self) {
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        self.watch.changed();
    }

    fn count(&self) -> u32 {
        self.in_flight.load(Ordering::SeqCst)
    }
}

/// Publishes to one topic. The confirm of a record completes within [`Producer::send`].
pub(crate) struct MemoryProducer {
    shared: Arc<Shared>,
    topic: Arc<Topic>,
    window: Arc<Window>,
    max_backlog: u64,
    close_timeout: Duration,
    closed: AtomicBool,
    /// Since when a group is seen to be too far behind.
    behind_since: Mutex<Option<SystemTime>>,
}

impl MemoryProducer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        topic: Arc<Topic>,
        max_in_flight: u32,
        max_backlog: u64,
        close_timeout: Duration,
    ) -> Self {
        let window = Arc::new(Window {
            limit: max_in_flight.max(1),
            in_flight: AtomicU32::new(0),
            watch: shared.watch.clone(),
        });
        Self {
            shared,
            topic,
            window,
            max_backlog,
            close_timeout,
            closed: AtomicBool::new(false),
            behind_since: Mutex::default(),
        }
    }

    /// Why nothing can be published at present.
    fn refusal(&self) -> Option<Error> {
        if self.closed.load(Ordering::SeqCst) {
            let message = format!("the producer of `{}` is closed", self.topic.name);
            return Some(Error::new(ErrorKind::Closed, message));
        }
        self.shared.link.check().err()
    }

    fn has_room(&self) -> bool {
        self.window.count() < self.window.limit && self.topic.has_room(self.max_backlog)
    }

    fn publish(&self, record: Box<OutboundRecord>, confirm: Confirm, lose_answer: bool) -> Result<(), Full> {
        match self.topic.append((*record).clone(), self.max_backlog) {
            Ok(_) if lose_answer => {
                confirm.fail(lost_answer(), record);
                self.window.leave();
            }
            Ok(position) => {
                let faults = &self.shared.faults;
                faults.answer(&self.topic.name, record, confirm, position, &self.window);
            }
            Err(Refusal::NoPartition(partition)) => {
                confirm.fail(no_partition(&self.topic, partition), record);
                self.window.leave();
            }
            Err(Refusal::Full) => {
                self.window.leave();
                return Err(Full::new(record, confirm));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Producer for MemoryProducer {
    fn send(&self, record: Box<OutboundRecord>, confirm: Confirm) -> Result<(), Full> {
        if let Some(error) = self.refusal() {
            confirm.fail(error, record);
            return Ok(());
        }
        if !self.window.enter() {
            return Err(Full::new(record, confirm));
        }
        let bytes = record.payload.as_ref().map_or(0, |payload| payload.len());
        if let Err(error) = self.shared.faults.check_size(&self.topic.name, bytes) {
            confirm.fail(error, record);
            self.window.leave();
            return Ok(());
        }
        match self.shared.faults.judge(&self.topic.name) {
            Verdict::Refuse => {
                confirm.fail(refused_publication(&self.topic.name), record);
                self.window.leave();
                Ok(())
            }
            verdict => self.publish(record, confirm, verdict == Verdict::Lose),
        }
    }

    async fn ready(&self) {
        let room = || (self.refusal().is_some() || self.has_room()).then_some(());
        self.shared.watch.until(room).await;
    }

    fn partition_count(&self) -> Option<u32> {
        Some(self.topic.partition_count())
    }

    fn health(&self) -> Health {
        let health = self.shared.link.health();
        if self.shared.link.is_connected() && !self.topic.has_room(self.max_backlog) {
            let since = *lock(&self.behind_since).get_or_insert_with(SystemTime::now);
            let reason = format!(
                "a group of `{}` is {} messages behind; publications wait for it",
                self.topic.name, self.max_backlog
            );
            return Health {
                since,
                ..Health::degraded(reason)
            };
        }
        *lock(&self.behind_since) = None;
        health
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        let confirmed = self
            .window
            .watch
            .until(|| (self.window.count() == 0).then_some(()));
        if tokio::time::timeout(self.close_timeout, confirmed).await.is_err() {
            self.shared.faults.abandon(&self.window);
        }
        self.window.watch.changed();
    }
}

fn no_partition(topic: &Topic, partition: i32) -> Error {
    Error::new(
        ErrorKind::Publish,
        format!(
            "`{}` has no partition {partition}; it has {} of them, counted from 0",
            topic.name,
            topic.partition_count()
        ),
    )
}

impl fmt::Debug for MemoryProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryProducer")
            .field("destination", &self.topic.name)
            .finish_non_exhaustive()
    }
}
