//! Counts what a program has published, and checks its order.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use bench_common::Order;
use bench_common::meter::now;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drained {
    /// Messages.
    pub drained: u64,
    /// Different messages.
    pub distinct: u64,
    /// Messages that did not come after the one before in their partition.
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

/// The sequences of one partition.
#[derive(Default)]
struct Partition {
    last: Option<u64>,
    seen: HashSet<u64>,
}

pub(super) struct Tally {
    drained: u64,
    disorder: u64,
    partitions: HashMap<u32, Partition>,
    latency: Option<Histogram<u64>>,
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
        })
    }

    pub(super) fn note(&mut self, order: &Order) {
        if let Some(latency) = &mut self.latency {
            latency.saturating_record(now().saturating_sub(order.sent).max(1));
        }
        self.drained += 1;
        let partition = self.partitions.entry(order.partition).or_default();
        if partition.last.is_some_and(|last| order.sequence <= last) {
            self.disorder += 1;
        }
        partition.last = Some(order.sequence);
        partition.seen.insert(order.sequence);
    }

    pub(super) fn total(&self) -> Drained {
        Drained {
            drained: self.drained,
            distinct: self.partitions.values().map(|each| each.seen.len() as u64).sum(),
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

    fn tally(orders: &[(u32, u64)]) -> Drained {
        let mut tally = Tally::new(false).expect("there is no histogram to make");
        for &(partition, sequence) in orders {
            tally.note(&Order {
                partition,
                sequence,
                ..Order::default()
            });
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
    fn without_latency_the_line_says_nothing_of_it() {
        let json = serde_json::to_string(&tally(&[(0, 0)])).expect("numbers can be written");
        assert_eq!(json, r#"{"drained":1,"distinct":1,"disorder":0}"#);
        let back: Drained = serde_json::from_str(&json).expect("what was written is read");
        assert_eq!(back, tally(&[(0, 0)]));
    }
}
