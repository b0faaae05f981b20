//! Counts what a program has published, and checks its order.

use std::collections::HashMap;
use std::time::Instant;

use anyhow::Result;
use bench_common::Order;
use bench_common::meter::now;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::stats::WARM_UP;

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drained {
    /// Messages.
    pub drained: u64,
    /// Different messages.
    pub distinct: u64,
    /// Messages that did not come after the one before with their key in the partition that was fed.
    pub disorder: u64,
    /// How long they were on their way, where that was asked for.
    #[serde(flatten)]
    pub latency: Option<Latency>,
}

/// From `sent` to the reader, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of the messages took at most this.
    pub p50: u64,
    /// 99 of 100.
    pub p99: u64,
    /// 999 of 1,000.
    pub p999: u64,
    /// The slowest.
    pub max: u64,
}

/// What was read of one partition that was fed.
#[derive(Default)]
struct Partition {
    /// By key: a program may spread the keys of one partition over several, and keeps the order of each.
    last: HashMap<Vec<u8>, u64>,
    seen: Set,
}

/// A set of numbers that have few gaps.
#[derive(Default)]
struct Set {
    words: Vec<u64>,
    len: u64,
}

impl Set {
    fn insert(&mut self, number: u64) {
        let word = usize::try_from(number / 64).unwrap_or(usize::MAX);
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        let bit = 1 << (number % 64);
        self.len += u64::from(self.words[word] & bit == 0);
        self.words[word] |= bit;
    }
}

/// The count.
pub(super) struct Tally {
    drained: u64,
    disorder: u64,
    partitions: HashMap<u32, Partition>,
    latency: Option<Histogram<u64>>,
    first: Option<Instant>,
}

impl Tally {
    pub(super) fn new(latency: bool) -> Result<Self> {
        Ok(Self {
            drained: 0,
            disorder: 0,
            partitions: HashMap::new(),
            latency: latency
                .then(|| Histogram::new_with_bounds(1, 60_000_000, 3))
                .transpose()?,
            first: None,
        })
    }

    /// One message. Those with the same key that were fed into one partition must come one after another; the empty
    /// key does for a queue, in which all messages must.
    pub(super) fn note(&mut self, key: &[u8], order: &Order) {
        if let Some(latency) = &mut self.latency
            && self.first.get_or_insert_with(Instant::now).elapsed() >= WARM_UP
        {
            latency.saturating_record(now().saturating_sub(order.sent).max(1));
        }
        self.drained += 1;
        let partition = self.partitions.entry(order.partition).or_default();
        partition.seen.insert(order.sequence);
        match partition.last.get_mut(key) {
            Some(last) => {
                self.disorder += u64::from(order.sequence <= *last);
                *last = order.sequence;
            }
            None => {
                partition.last.insert(key.to_vec(), order.sequence);
            }
        }
    }

    pub(super) fn total(&self) -> Drained {
        Drained {
            drained: self.drained,
            distinct: self.partitions.values().map(|each| each.seen.len).sum(),
            disorder: self.disorder,
            latency: self.latency.as_ref().map(|latency| Latency {
                p50: latency.value_at_quantile(0.5),
                p99: latency.value_at_quantile(0.99),
                p999: latency.value_at_quantile(0.999),
                max: latency.max(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(partition: u32, sequence: u64) -> Order {
        Order {
            partition,
            sequence,
            ..Order::default()
        }
    }

    fn tally(orders: &[(u32, u64)]) -> Drained {
        let mut tally = Tally::new(false).expect("there is no histogram to make");
        for &(partition, sequence) in orders {
            tally.note(b"", &order(partition, sequence));
        }
        tally.total()
    }

    #[test]
    fn sequences_may_have_gaps_and_partitions_may_alternate() {
        let total = tally(&[(0, 3), (1, 0), (0, 9), (1, 1)]);
        assert_eq!((total.drained, total.distinct, total.disorder), (4, 4, 0));
    }

    #[test]
    fn a_repeat_and_a_step_back_are_disorder() {
        let total = tally(&[(0, 3), (0, 3), (0, 5), (0, 4)]);
        assert_eq!((total.drained, total.distinct, total.disorder), (4, 3, 2));
    }

    #[test]
    fn each_key_has_an_order_of_its_own() {
        let mut tally = Tally::new(false).expect("there is no histogram to make");
        for (key, sequence) in [(b"a", 64), (b"b", 3), (b"a", 65), (b"b", 4), (b"b", 2)] {
            tally.note(key, &order(0, sequence));
        }
        let total = tally.total();
        assert_eq!((total.drained, total.distinct, total.disorder), (5, 5, 1));
    }

    #[test]
    fn without_latency_the_line_says_nothing_of_it() {
        let json = serde_json::to_string(&tally(&[(0, 0)])).expect("numbers can be written");
        assert_eq!(json, r#"{"drained":1,"distinct":1,"disorder":0}"#);
        let back: Drained = serde_json::from_str(&json).expect("what was written is read");
        assert_eq!(back, tally(&[(0, 0)]));
    }
}
