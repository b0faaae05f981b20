//! The place of one group in one partition: what was handed out, what is settled, what comes again.

use std::collections::{BTreeSet, VecDeque};

use bindery_core::{Delivery, Settlement, Source};

use crate::log::Log;

/// How far beyond the first unsettled message a group may read, in multiples of its limit in flight: a stuck message
/// stalls itself first, and its partition only when this much is done behind it.
const WINDOW_FACTOR: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// Handed out, not settled.
    InFlight,
    /// Given back: it comes again.
    Pending,
    /// Settled as done.
    Done,
}

/// What settling a delivery did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settled {
    /// Everything below a later offset is done now.
    pub(crate) advanced: bool,
    /// There is something to fetch for a consumer that found nothing, or had no room.
    pub(crate) wake: bool,
}

impl std::ops::BitOrAssign for Settled {
    fn bitor_assign(&mut self, other: Self) {
        self.advanced |= other.advanced;
        self.wake |= other.wake;
    }
}

/// Tracks the deliveries of one group in one partition.
#[derive(Debug)]
pub(crate) struct Cursor {
    committed: u64,
    marks: VecDeque<Mark>,
    pending: BTreeSet<u64>,
    in_flight: usize,
    limit: usize,
    starved: bool,
}

impl Cursor {
    /// A cursor whose first delivery is the message at `start`.
    pub(crate) fn new(start: u64) -> Self {
        Self {
            committed: start,
            marks: VecDeque::new(),
            pending: BTreeSet::new(),
            in_flight: 0,
            limit: 1,
            starved: false,
        }
    }

    /// Everything below this offset is done.
    pub(crate) fn committed(&self) -> u64 {
        self.committed
    }

    /// How many messages are handed out and not settled.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// How many messages may be handed out and not settled, from now on.
    pub(crate) fn set_limit(&mut self, limit: usize) {
        self.limit = limit.max(1);
    }

    fn next(&self) -> u64 {
        self.committed + self.marks.len() as u64
    }

    fn window(&self) -> usize {
        self.limit.saturating_mul(WINDOW_FACTOR)
    }

    /// Takes up to `limit` deliveries: first what was given back, in order, then what is new.
    pub(crate) fn take(&mut self, log: &Log, source: &Source, limit: usize) -> Vec<Delivery> {
        let room = self.limit.saturating_sub(self.in_flight);
        let behind = usize::try_from(log.end() - self.next()).unwrap_or(usize::MAX);
        let fresh = behind.min(self.window().saturating_sub(self.marks.len()));
        let count = (self.pending.len() + fresh).min(room).min(limit);
        self.starved = count < limit && count < self.pending.len() + behind;
        let mut deliveries = Vec::with_capacity(count);
        while deliveries.len() < count {
            let Some(offset) = self.pending.pop_first() else {
                break;
            };
            self.mark(offset, Mark::InFlight);
            deliver(log, source, offset, true, &mut deliveries);
        }
        while deliveries.len() < count {
            let offset = self.next();
            self.marks.push_back(Mark::InFlight);
            deliver(log, source, offset, false, &mut deliveries);
        }
        self.in_flight += deliveries.len();
        deliveries
    }

    /// Settles one delivery. A position that isn't in flight is ignored.
    pub(crate) fn settle(&mut self, position: u64, settlement: Settlement) -> Settled {
        if !self.is_in_flight(position) {
            return Settled::default();
        }
        match settlement {
            Settlement::Accept => {
                self.mark(position, Mark::Done);
                self.in_flight -= 1;
                let advanced = self.advance();
                Settled {
                    advanced,
                    wake: self.starved && self.has_room(),
                }
            }
            Settlement::Release => {
                self.mark(position, Mark::Pending);
                self.pending.insert(position);
                self.in_flight -= 1;
                Settled {
                    advanced: false,
                    wake: true,
                }
            }
            // Nobody may reject without a native dead letter: the message stays as it is, and is delivered again
            // when its partition is next assigned.
            Settlement::Reject => Settled::default(),
        }
    }

    /// Whether the message at `position` is handed out and not settled.
    pub(crate) fn is_in_flight(&self, position: u64) -> bool {
        self.index(position).and_then(|index| self.marks.get(index)) == Some(&Mark::InFlight)
    }

    /// Gives back everything that is handed out and not settled.
    pub(crate) fn give_back(&mut self) {
        for (index, mark) in self.marks.iter_mut().enumerate() {
            if *mark == Mark::InFlight {
                *mark = Mark::Pending;
                self.pending.insert(self.committed + index as u64);
            }
        }
        self.in_flight = 0;
        self.starved = false;
    }

    fn index(&self, position: u64) -> Option<usize> {
        usize::try_from(position.checked_sub(self.committed)?).ok()
    }

    fn mark(&mut self, position: u64, mark: Mark) {
        if let Some(slot) = self.index(position).and_then(|index| self.marks.get_mut(index)) {
            *slot = mark;
        }
    }

    fn advance(&mut self) -> bool {
        let before = self.committed;
        while self.marks.front() == Some(&Mark::Done) {
            self.marks.pop_front();
            self.committed += 1;
        }
        self.committed > before
    }

    /// Whether a consumer that ran out of room is woken: not for every single place, so that batches stay batches.
    fn has_room(&self) -> bool {
        let low_water = self.limit - (self.limit / 8).max(1);
        self.in_flight <= low_water && self.marks.len() < self.window()
    }
}

fn deliver(log: &Log, source: &Source, offset: u64, redelivered: bool, deliveries: &mut Vec<Delivery>) {
    let mut message = log
        .get(offset)
        .cloned()
        .expect("a log keeps what a group has not settled");
    message.origin.redelivered = redelivered;
    deliveries.push(Delivery {
        message,
        receipt: source.receipt(offset),
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bindery_core::{Headers, Origin, RawMessage};

    use super::*;

    struct Bench {
        log: Log,
        source: Arc<Source>,
        cursor: Cursor,
    }

    fn bench(messages: usize, limit: usize) -> Bench {
        let mut log = Log::default();
        for _ in 0..messages {
            log.append(RawMessage {
                payload: None,
                key: None,
                headers: Headers::new(),
                origin: Origin::default(),
            });
        }
        let mut cursor = Cursor::new(0);
        cursor.set_limit(limit);
        Bench {
            log,
            source: Source::new(0, 1, "t-0", Some(0)),
            cursor,
        }
    }

    impl Bench {
        fn take(&mut self, limit: usize) -> Vec<u64> {
            let taken = self.cursor.take(&self.log, &self.source, limit);
            taken.iter().map(|delivery| delivery.receipt.position).collect()
        }
    }

    #[test]
    fn commits_only_up_to_the_first_unsettled_message() {
        let mut bench = bench(5, 10);
        assert_eq!(bench.take(10), [0, 1, 2, 3, 4]);
        for position in [1, 2, 4] {
            assert!(!bench.cursor.settle(position, Settlement::Accept).advanced);
        }
        assert_eq!(bench.cursor.committed(), 0);
        assert!(bench.cursor.settle(0, Settlement::Accept).advanced);
        assert_eq!((bench.cursor.committed(), bench.cursor.in_flight()), (3, 1));
    }

    #[test]
    fn gives_back_only_what_is_unsettled_and_in_order() {
        let mut bench = bench(6, 10);
        bench.take(4);
        bench.cursor.settle(1, Settlement::Accept);
        bench.cursor.settle(2, Settlement::Release);
        bench.cursor.give_back();
        assert_eq!(bench.take(10), [0, 2, 3, 4, 5]);
    }

    #[test]
    fn hands_out_no_more_than_its_limit() {
        let mut bench = bench(10, 3);
        assert_eq!(bench.take(10), [0, 1, 2]);
        assert!(bench.take(10).is_empty());
        assert!(bench.cursor.settle(2, Settlement::Accept).wake);
        assert_eq!(bench.take(10), [3]);
    }

    #[test]
    fn a_stuck_message_ends_the_reading_ahead() {
        let mut bench = bench(100, 2);
        let mut taken = bench.take(2).len();
        bench.cursor.settle(1, Settlement::Accept);
        while let [next] = bench.take(1)[..] {
            bench.cursor.settle(next, Settlement::Accept);
            taken += 1;
        }
        assert_eq!(taken, 2 * WINDOW_FACTOR);
        assert!(bench.cursor.settle(0, Settlement::Accept).wake);
        assert!(!bench.take(2).is_empty());
    }

    #[test]
    fn settling_twice_settles_once() {
        let mut bench = bench(2, 10);
        bench.take(2);
        bench.cursor.settle(1, Settlement::Accept);
        assert_eq!(bench.cursor.settle(1, Settlement::Accept), Settled::default());
        assert_eq!(bench.cursor.in_flight(), 1);
    }
}
