//! The load generator: publishes numbered messages with the bare clients at a steady rate, and writes down what it
//! meant to send and what the broker answered. It runs in the bench's own process, so no fault hits it but the broker's.

mod kafka;
mod pace;
mod rabbit;
pub mod raw_kafka;
pub mod raw_rabbit;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use kafka::start as start_kafka;
pub use rabbit::start as start_rabbit;

use crate::ledger::{Moment, Outcome, Record, Writer};
use crate::work::Work;

/// What is to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// The first message's id; the others follow without gaps.
    pub first_id: u64,
    /// How many.
    pub count: u64,
    /// At which rate. A generator that fell behind, because the broker was away, catches up.
    pub per_second: u32,
    /// How many partition keys there are, from 0.
    pub keys: u32,
    /// How large a payload is, at least.
    pub bytes: usize,
    /// What the choice of keys depends on.
    pub seed: u64,
}

impl Default for Load {
    fn default() -> Self {
        Self {
            first_id: 0,
            count: 10_000,
            per_second: 2_000,
            keys: 200,
            bytes: 1_024,
            seed: 1,
        }
    }
}

/// The places of messages among those of their keys. Several loads of one run share it, so that no place is used twice.
#[derive(Clone, Debug, Default)]
pub struct Sequences(Arc<Mutex<BTreeMap<u32, u64>>>);

impl Sequences {
    /// The next place of a key.
    pub fn next(&self, key: u32) -> u64 {
        let mut next = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = next.entry(key).or_default();
        *place += 1;
        *place - 1
    }
}

/// What became of the messages so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Handed to the client.
    pub sent: u64,
    /// Acknowledged.
    pub ok: u64,
    /// Refused.
    pub fail: u64,
    /// Nobody knows.
    pub unknown: u64,
}

/// A load that is under way. Dropping it stops it.
#[derive(Debug)]
pub struct Handle {
    counters: Arc<Counters>,
    stop: CancellationToken,
    task: JoinHandle<Result<()>>,
}

impl Handle {
    /// What became of the messages so far.
    pub fn tally(&self) -> Tally {
        self.counters.tally()
    }

    /// Sends nothing more; what was sent is still awaited.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until every message is answered for.
    ///
    /// # Errors
    /// When a ledger could not be written, or the client could not be made.
    pub async fn finished(mut self) -> Result<Tally> {
        (&mut self.task).await.context("the generator panicked")??;
        Ok(self.counters.tally())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop();
    }
}

#[derive(Debug, Default)]
struct Counters {
    sent: AtomicU64,
    ok: AtomicU64,
    fail: AtomicU64,
    unknown: AtomicU64,
}

impl Counters {
    fn tally(&self) -> Tally {
        let read = |counter: &AtomicU64| counter.load(Ordering::Acquire);
        Tally {
            sent: read(&self.sent),
            ok: read(&self.ok),
            fail: read(&self.fail),
            unknown: read(&self.unknown),
        }
    }
}

/// What both generators write down.
#[derive(Clone, Debug)]
struct Book {
    ledger: Arc<Writer>,
    counters: Arc<Counters>,
}

impl Book {
    fn new(ledger: Arc<Writer>) -> Self {
        Self {
            ledger,
            counters: Arc::default(),
        }
    }

    fn intent(&self, work: &Work) -> Result<()> {
        self.ledger.append(&Record::Intent {
            id: work.id,
            key: work.key,
            seq: work.seq,
            at: Moment::now(),
        })?;
        self.counters.sent.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    fn answer(&self, id: u64, outcome: Outcome) -> Result<()> {
        self.ledger.append(&Record::Answer {
            id,
            outcome,
            at: Moment::now(),
        })?;
        let counter = match outcome {
            Outcome::Ok => &self.counters.ok,
            Outcome::Fail => &self.counters.fail,
            Outcome::Unknown => &self.counters.unknown,
        };
        counter.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }
}

/// The messages of a load, one after another.
struct Works<S> {
    load: Load,
    sequences: Sequences,
    shape: S,
    random: StdRng,
    sent: u64,
}

impl<S: FnMut(&mut Work)> Works<S> {
    fn new(load: Load, sequences: Sequences, shape: S) -> Self {
        Self {
            random: StdRng::seed_from_u64(load.seed),
            load,
            sequences,
            shape,
            sent: 0,
        }
    }

    /// The next message and its payload.
    fn next(&mut self) -> Option<(Work, Vec<u8>)> {
        if self.sent >= self.load.count {
            return None;
        }
        let key = self.random.random_range(0..self.load.keys.max(1));
        let mut work = Work {
            id: self.load.first_id + self.sent,
            key,
            ..Work::default()
        };
        (self.shape)(&mut work);
        work.seq = self.sequences.next(work.key);
        self.sent += 1;
        Some(padded(work, self.load.bytes))
    }
}

/// Brings a message to its size.
pub fn padded(mut work: Work, bytes: usize) -> (Work, Vec<u8>) {
    let text = |work: &Work| serde_json::to_vec(work).expect("numbers and text are always JSON");
    let missing = bytes.saturating_sub(text(&work).len());
    work.pad.push_str(&"x".repeat(missing));
    let payload = text(&work);
    (work, payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_a_key_follow_each_other_across_loads() {
        let sequences = Sequences::default();
        let load = |first_id| Load {
            first_id,
            count: 500,
            keys: 7,
            ..Load::default()
        };
        let mut next = BTreeMap::new();
        for first_id in [0, 500] {
            let mut works = Works::new(load(first_id), sequences.clone(), |_: &mut Work| {});
            for id in first_id..first_id + 500 {
                let (work, payload) = works.next().unwrap();
                assert_eq!(work.id, id);
                let place = next.entry(work.key).or_insert(0);
                assert_eq!(work.seq, *place);
                *place += 1;
                assert_eq!(payload.len(), 1_024);
                assert_eq!(serde_json::from_slice::<Work>(&payload).unwrap(), work);
            }
            assert!(works.next().is_none());
        }
        assert_eq!(next.len(), 7);
    }

    #[test]
    fn the_seed_decides_the_keys() {
        let keys = |seed| {
            let load = Load {
                seed,
                count: 100,
                ..Load::default()
            };
            let mut works = Works::new(load, Sequences::default(), |_: &mut Work| {});
            std::iter::from_fn(|| works.next().map(|(work, _)| work.key)).collect::<Vec<_>>()
        };
        assert_eq!(keys(3), keys(3));
        assert_ne!(keys(3), keys(4));
    }
}
