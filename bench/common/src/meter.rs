//! Counts what a program has handled, checks the order, and tells the harness each 50 ms. It costs the program measured
//! two uncontended atomic operations a message, the twin and Bindery alike.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use hdrhistogram::Histogram;

use crate::{Line, Order};

/// How many partitions are told apart.
const PARTITIONS: usize = 1_024;
/// Nothing was seen of a partition yet.
const NOTHING: u64 = u64::MAX;
/// How often the harness is told.
const INTERVAL: Duration = Duration::from_millis(50);

/// A count of messages that many threads may add to.
#[derive(Clone, Debug)]
pub struct Meter(Arc<State>);

#[derive(Debug)]
struct State {
    began: Instant,
    /// By partition: how many were handled, on a cache line of its own.
    handled: Vec<Slot>,
    disorder: AtomicU64,
    latency: Option<Mutex<Histogram<u64>>>,
}

#[derive(Debug)]
#[repr(align(64))]
struct Slot {
    handled: AtomicU64,
    last: AtomicU64,
}

impl Meter {
    /// A meter; with `latency` it records how long each message was on its way.
    ///
    /// # Errors
    /// When the histogram can't be made.
    pub fn new(latency: bool) -> Result<Self> {
        let slot = || Slot {
            handled: AtomicU64::new(0),
            last: AtomicU64::new(NOTHING),
        };
        Ok(Self(Arc::new(State {
            began: Instant::now(),
            handled: std::iter::repeat_with(slot).take(PARTITIONS).collect(),
            disorder: AtomicU64::new(0),
            latency: latency
                .then(|| Histogram::new_with_bounds(1, 60_000_000, 3))
                .transpose()?
                .map(Mutex::new),
        })))
    }

    /// One order was handled. Orders of one partition come one after another, whoever handles them.
    pub fn order(&self, order: &Order) {
        let slot = &self.0.handled[order.partition as usize % PARTITIONS];
        let last = slot.last.swap(order.sequence, Ordering::Relaxed);
        if last != NOTHING && order.sequence != last + 1 {
            self.0.disorder.fetch_add(1, Ordering::Relaxed);
        }
        slot.handled.fetch_add(1, Ordering::Relaxed);
        if let Some(latency) = &self.0.latency {
            let late = now().saturating_sub(order.sent).max(1);
            latency
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .saturating_record(late);
        }
    }

    /// `count` messages were published, by a program that reads none.
    pub fn published(&self, count: u64) {
        self.0.handled[0].handled.fetch_add(count, Ordering::Relaxed);
    }

    /// How many were handled so far.
    pub fn handled(&self) -> u64 {
        self.0
            .handled
            .iter()
            .map(|slot| slot.handled.load(Ordering::Relaxed))
            .sum()
    }

    /// Tells the harness each 50 ms, from a thread that ends with the process.
    pub fn tell(&self) {
        let meter = self.clone();
        thread::spawn(move || {
            loop {
                thread::sleep(INTERVAL);
                let micros = u64::try_from(meter.0.began.elapsed().as_micros()).unwrap_or(u64::MAX);
                say(Line::Progress {
                    micros,
                    handled: meter.handled(),
                });
            }
        });
    }

    /// The last lines, when everything is settled.
    pub fn end(&self) {
        if let Some(latency) = &self.0.latency {
            let latency = latency.lock().unwrap_or_else(PoisonError::into_inner);
            say(Line::Latency {
                p50: latency.value_at_quantile(0.5),
                p99: latency.value_at_quantile(0.99),
                p999: latency.value_at_quantile(0.999),
                max: latency.max(),
            });
        }
        say(Line::End {
            handled: self.handled(),
            disorder: self.0.disorder.load(Ordering::Relaxed),
        });
    }
}

/// Microseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The harness may be gone, and then nobody needs to be told.
fn say(line: Line) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).ok();
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

    fn disorder(orders: &[Order]) -> u64 {
        let meter = Meter::new(true).expect("the bounds are fixed");
        for order in orders {
            meter.order(order);
        }
        assert_eq!(meter.handled(), orders.len() as u64);
        meter.0.disorder.load(Ordering::Relaxed)
    }

    #[test]
    fn each_partition_has_an_order_of_its_own() {
        assert_eq!(disorder(&[order(0, 7), order(1, 0), order(0, 8), order(1, 1)]), 0);
    }

    #[test]
    fn a_gap_a_repeat_and_a_step_back_are_disorder() {
        assert_eq!(disorder(&[order(0, 0), order(0, 2)]), 1);
        assert_eq!(disorder(&[order(0, 0), order(0, 0)]), 1);
        assert_eq!(disorder(&[order(0, 1), order(0, 0), order(0, 1)]), 1);
    }
}
