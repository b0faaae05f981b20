//! The consumer: deliveries taken straight from the logs when the runtime asks, settlement, and control.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use async_trait::async_trait;
use bindery_core::{ConsumerControl, DeliveryBatch, Health, Receipt, Settlement, Settler};
use futures_core::Stream;
use tokio::task::coop::poll_proceed;

use crate::broker::Shared;
use crate::dead_letter::MemoryDeadLetters;
use crate::group::Group;
use crate::member::{Assignment, Member};
use crate::topic::Topic;

/// How many messages one batch holds, unless the binding's batch size is lower.
pub(crate) const BATCH_LIMIT: usize = 512;

/// A consumer's place in its group. It leaves when the consumer is closed, or when the last part of it is dropped.
#[derive(Debug)]
pub(crate) struct Membership {
    pub(crate) shared: Arc<Shared>,
    pub(crate) topic: Arc<Topic>,
    pub(crate) group: Arc<Group>,
    pub(crate) member: Arc<Member>,
    /// Whether the group ends with this consumer.
    pub(crate) anonymous: bool,
    /// Takes rejected messages, where the dead letter is native.
    pub(crate) rejected: Option<MemoryDeadLetters>,
    pub(crate) left: AtomicBool,
}

impl Membership {
    fn leave(&self) {
        if self.left.swap(true, Ordering::SeqCst) {
            return;
        }
        self.member.stop();
        self.group.leave(&self.member);
        if self.anonymous {
            self.topic.remove_group(self.group.id);
        }
    }

    /// Dead-letters what was rejected, then settles it. When the copy can't be made the message comes again.
    fn reject(&self, receipt: &Receipt) -> Settlement {
        let Some(dead_letters) = &self.rejected else {
            return Settlement::Reject;
        };
        let partition = self.topic.partitions().get(receipt.source as usize);
        let message = partition.and_then(|partition| partition.unsettled(self.group.id, receipt));
        match message.map(|message| dead_letters.reject(&message, &self.group.name)) {
            Some(Err(_)) => Settlement::Release,
            Some(Ok(())) | None => Settlement::Accept,
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Settler for Membership {
    fn settle(&self, receipt: Receipt, settlement: Settlement) {
        let settlement = match settlement {
            Settlement::Reject => self.reject(&receipt),
            other => other,
        };
        if let Some(partition) = self.topic.partitions().get(receipt.source as usize) {
            partition.settle(self.group.id, &[receipt], settlement);
        }
    }

    fn accept_all(&self, receipts: &mut Vec<Receipt>) {
        let source = receipts.first().map(|receipt| receipt.source as usize);
        if let Some(partition) = source.and_then(|source| self.topic.partitions().get(source)) {
            partition.settle(self.group.id, receipts, Settlement::Accept);
        }
        receipts.clear();
    }
}

#[async_trait]
impl ConsumerControl for Membership {
    fn pause(&self, source: u32) {
        self.member.set_paused(source, true);
    }

    fn resume(&self, source: u32) {
        self.member.set_paused(source, false);
    }

    fn health(&self) -> Health {
        if self.left.load(Ordering::SeqCst) {
            return Health::down("the consumer is closed");
        }
        self.shared.link.health()
    }

    fn lag(&self) -> Option<u64> {
        Some(self.group.lag())
    }

    fn stop(&self) {
        self.member.stop();
    }

    async fn close(&self) {
        self.leave();
    }
}

/// The stream of deliveries. It holds nothing back: what it hands over it takes from the logs when it is polled.
#[derive(Debug)]
pub(crate) struct MemoryDeliveries {
    membership: Arc<Membership>,
    assignments: Vec<Assignment>,
    version: u64,
    turn: usize,
    limit: usize,
}

impl MemoryDeliveries {
    pub(crate) fn new(membership: Arc<Membership>, limit: usize) -> Self {
        Self {
            membership,
            assignments: Vec::new(),
            version: u64::MAX,
            turn: 0,
            limit,
        }
    }

    fn refresh(&mut self) {
        let version = self.membership.member.version();
        if version != self.version {
            self.assignments = self.membership.member.assignments();
            self.version = version;
        }
    }

    /// The next batch of any source, each in its turn.
    fn next_batch(&mut self) -> Option<DeliveryBatch> {
        self.refresh();
        let count = self.assignments.len();
        for step in 0..count {
            let index = (self.turn + step) % count;
            let assignment = &self.assignments[index];
            if assignment.paused.load(Ordering::Acquire) {
                continue;
            }
            let deliveries =
                assignment
                    .partition
                    .take(self.membership.group.id, &assignment.source, self.limit);
            if !deliveries.is_empty() {
                self.turn = index + 1;
                return Some(DeliveryBatch {
                    source: assignment.source.clone(),
                    deliveries,
                });
            }
        }
        None
    }
}

impl Stream for MemoryDeliveries {
    type Item = DeliveryBatch;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<DeliveryBatch>> {
        // A full log must not keep the other tasks of a thread from running.
        let budget = ready!(poll_proceed(cx));
        // Looked at before and after the waker is in place: the first look is the fast way, the second misses nothing.
        for look in 0..2 {
            if self.membership.member.is_stopped() {
                budget.made_progress();
                return Poll::Ready(None);
            }
            if let Some(batch) = self.next_batch() {
                budget.made_progress();
                return Poll::Ready(Some(batch));
            }
            if look == 0 {
                self.membership.member.register(cx.waker());
            }
        }
        Poll::Pending
    }
}

impl Drop for MemoryDeliveries {
    fn drop(&mut self) {
        self.membership.member.stop();
    }
}
