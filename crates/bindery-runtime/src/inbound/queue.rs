//! The queue of a lane: the batches of a source, or the messages of one key.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use bindery_core::{Delivery, DeliveryBatch};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

use super::work::{Run, Work};

/// The keys of a source that have a lane at present.
pub(crate) type Keys = Arc<Mutex<HashMap<u64, UnboundedSender<Delivery>>>>;

/// Where a lane's work comes from. The channels have no bound of their own: what may be in flight is bounded per
/// source by [`SourceLoad`](super::load::SourceLoad) and by the binder's bounded channel.
pub(crate) enum Queue {
    /// A permanent lane: every message of a source.
    Source {
        batches: UnboundedReceiver<DeliveryBatch>,
        current: std::vec::IntoIter<Delivery>,
        /// What of them is processed one by one at present.
        run: Run,
        /// Whether messages that come together are kept together until the last of them is settled.
        together: bool,
        closed: bool,
    },
    /// A lane that lives as long as its key has messages.
    Key {
        messages: UnboundedReceiver<Delivery>,
        /// What was taken out of the channel and is still to be processed.
        next: VecDeque<Delivery>,
        key: u64,
        keys: Keys,
    },
}

impl Queue {
    /// The queue of a source.
    pub(crate) fn source(batches: UnboundedReceiver<DeliveryBatch>, together: bool) -> Self {
        Self::Source {
            batches,
            current: Vec::new().into_iter(),
            run: Run::default(),
            together,
            closed: false,
        }
    }

    /// The queue of a key.
    pub(crate) fn key(messages: UnboundedReceiver<Delivery>, key: u64, keys: Keys) -> Self {
        Self::Key {
            messages,
            next: VecDeque::new(),
            key,
            keys,
        }
    }

    fn take_delivery(&mut self) -> Option<Delivery> {
        match self {
            Self::Source { batches, current, .. } => loop {
                if let Some(delivery) = current.next() {
                    return Some(delivery);
                }
                *current = batches.try_recv().ok()?.deliveries.into_iter();
            },
            Self::Key { messages, next, .. } => next.pop_front().or_else(|| messages.try_recv().ok()),
        }
    }

    fn take_one(&mut self) -> Option<Work> {
        if let Self::Source {
            batches,
            current,
            run,
            together: true,
            ..
        } = self
        {
            if let Some(work) = run.next() {
                return Some(work);
            }
            while current.len() == 0 {
                *current = batches.try_recv().ok()?.deliveries.into_iter();
            }
            // A message that comes alone is kept alone.
            if current.len() > 1 {
                *run = Run::of(current);
                return run.next();
            }
        }
        self.take_delivery().map(Work::one)
    }

    /// Takes work that is there already: one message, or up to `batch` of them.
    pub(crate) fn take(&mut self, batch: Option<usize>) -> Option<Work> {
        let Some(limit) = batch else {
            return self.take_one();
        };
        let first = self.take_delivery()?;
        let mut deliveries = vec![first];
        while deliveries.len() < limit
            && let Some(delivery) = self.take_delivery()
        {
            deliveries.push(delivery);
        }
        Some(Work::batch(deliveries))
    }

    /// Waits until there is work to take, or nothing will come any more. Cancel safe.
    pub(crate) async fn arrived(&mut self) {
        match self {
            Self::Source {
                batches,
                current,
                run,
                together: _,
                closed,
            } if current.len() == 0 && run.is_empty() => match batches.recv().await {
                Some(batch) => *current = batch.deliveries.into_iter(),
                None => *closed = true,
            },
            Self::Source { .. } => {}
            // The other end lives in `keys` for as long as this lane does, so there is no end to be told of here.
            Self::Key { messages, next, .. } => {
                if next.is_empty() {
                    next.extend(messages.recv().await);
                }
            }
        }
    }

    /// Waits for messages that come while the lane can't go on, keeps them, and tells how many they are and their
    /// bytes. Only lanes of a key have others beside them to which that matters. Cancel safe.
    pub(crate) async fn backlog(&mut self) -> (u64, u64) {
        let Self::Key { messages, next, .. } = self else {
            return std::future::pending().await;
        };
        let before = next.len();
        next.extend(messages.recv().await);
        while let Ok(delivery) = messages.try_recv() {
            next.push_back(delivery);
        }
        let bytes = next
            .range(before..)
            .map(|delivery| delivery.message.size_bytes() as u64);
        ((next.len() - before) as u64, bytes.sum())
    }

    /// What of that is still to be processed: how many messages, and their bytes.
    pub(crate) fn kept(&self) -> (u64, u64) {
        match self {
            Self::Key { next, .. } => {
                let bytes = next.iter().map(|delivery| delivery.message.size_bytes() as u64);
                (next.len() as u64, bytes.sum())
            }
            Self::Source { .. } => (0, 0),
        }
    }

    /// Whether this is the lane of a key.
    pub(crate) fn is_keyed(&self) -> bool {
        matches!(self, Self::Key { .. })
    }

    /// Whether nothing will come any more, so that waiting is in vain.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self, Self::Source { closed: true, .. })
    }

    /// Ends the lane unless there is work: a key's entry goes under the lock that dispatching takes, so that a
    /// message comes either to this lane or to the next one of its key.
    pub(crate) fn end_if_idle(&mut self) -> bool {
        match self {
            Self::Source { closed, .. } => *closed,
            Self::Key {
                messages,
                next,
                key,
                keys,
            } => {
                let mut keys = keys.lock().unwrap_or_else(PoisonError::into_inner);
                let idle = next.is_empty() && messages.is_empty();
                if idle {
                    keys.remove(key);
                }
                idle
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bindery_core::Source;
    use tokio::sync::mpsc::unbounded_channel;

    use super::super::work::tests::deliveries;
    use super::*;

    /// A queue with batches of so many messages, whose positions count up.
    fn queue(lengths: &[usize], together: bool) -> Queue {
        let source = Source::new(0, 0, "orders", None);
        let (sender, batches) = unbounded_channel();
        let mut deliveries = deliveries(&vec![7; lengths.iter().sum()]);
        for length in lengths {
            let batch = DeliveryBatch {
                source: source.clone(),
                deliveries: deliveries.by_ref().take(*length).collect(),
            };
            sender.send(batch).unwrap();
        }
        Queue::source(batches, together)
    }

    /// Takes everything, and tells how many are kept together, run by run.
    fn taken(mut queue: Queue) -> Vec<usize> {
        let works: Vec<_> = std::iter::from_fn(|| queue.take(None)).collect();
        let positions = works.iter().map(Work::position);
        assert!(positions.eq(0..works.len() as u64), "in their order");
        let places: Vec<_> = works.iter().map(|work| work.messages().as_ptr()).collect();
        let runs = places.chunk_by(|one, next| one.wrapping_add(1) == *next);
        runs.map(<[_]>::len).collect()
    }

    #[test]
    fn messages_that_come_together_are_kept_together_in_runs() {
        assert_eq!(taken(queue(&[33, 1, 3], true)), [32, 1, 1, 3]);
    }

    #[test]
    fn an_empty_batch_changes_nothing() {
        assert_eq!(taken(queue(&[0, 3, 0, 0, 2], true)), [3, 2]);
    }

    #[test]
    fn messages_that_may_be_settled_in_any_order_are_kept_alone() {
        assert_eq!(taken(queue(&[3], false)), [1, 1, 1]);
    }
}
