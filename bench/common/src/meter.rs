//! Counts what a program has handled, checks the order, and tells the harness each 50 ms. It costs the program measured
//! two uncontended atomic operations a message, the twin and Bindery alike.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};

use crate::{Line, Order, Settings};

/// How many partitions are told apart.
const PARTITIONS: usize = 1_024;
/// Nothing was seen of a partition yet.
const NOTHING: u64 = u64::MAX;
/// How often the harness is told.
const INTERVAL: Duration = Duration::from_millis(50);
/// How exactly the end of a known number of messages is seen.
const SOONEST: Duration = Duration::from_micros(500);
/// How long after the first message no latency is recorded: the first ones waited for the program.
const WARM_UP: Duration = Duration::from_millis(1_500);

/// A count of messages that many threads may add to.
#[derive(Clone, Debug)]
pub struct Meter(Arc<State>);

#[derive(Debug)]
struct State {
    began: Instant,
    /// By partition: how many were handled, on a cache line of its own.
    slots: Vec<Slot>,
    disorder: AtomicU64,
    /// Whether each key has an order of its own, instead of each partition.
    by_key: bool,
    /// How many messages are measured from the first to the last; 0 when that is not asked for.
    expected: u64,
    first: OnceLock<Reading>,
    seen: AtomicBool,
    latency: Option<Mutex<Histogram<u64>>>,
}

#[derive(Debug)]
#[repr(align(64))]
struct Slot {
    handled: AtomicU64,
    last: AtomicU64,
}

/// The clocks at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    at: Instant,
    cpu: Duration,
}

impl Reading {
    /// Now.
    pub fn now() -> Self {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        Self {
            at: Instant::now(),
            cpu: Duration::new(
                u64::try_from(cpu.tv_sec).unwrap_or_default(),
                u32::try_from(cpu.tv_nsec).unwrap_or_default(),
            ),
        }
    }

    /// The time and the processor time since then.
    pub fn elapsed(&self) -> (Duration, Duration) {
        let now = Self::now();
        (now.at - self.at, now.cpu.saturating_sub(self.cpu))
    }
}

impl Meter {
    /// A meter as the settings ask for it.
    ///
    /// # Errors
    /// When the histogram can't be made.
    pub fn new(settings: &Settings) -> Result<Self> {
        let slot = || Slot {
            handled: AtomicU64::new(0),
            last: AtomicU64::new(NOTHING),
        };
        Ok(Self(Arc::new(State {
            began: Instant::now(),
            slots: std::iter::repeat_with(slot).take(PARTITIONS).collect(),
            disorder: AtomicU64::new(0),
            by_key: settings.by_key,
            expected: settings.expected,
            first: OnceLock::new(),
            seen: AtomicBool::new(false),
            latency: settings
                .latency
                .then(|| Histogram::new_with_bounds(1, 60_000_000, 3))
                .transpose()?
                .map(Mutex::new),
        })))
    }

    /// One order was handled. Orders of one partition come one after another, whoever handles them; with an order for
    /// each key those of one key do.
    pub fn order(&self, order: &Order) {
        let state = &*self.0;
        let place = if state.by_key {
            order.key_number()
        } else {
            order.partition as usize
        };
        let slot = &state.slots[place % PARTITIONS];
        let last = slot.last.swap(order.sequence, Ordering::Relaxed);
        if last == NOTHING {
            self.begin();
        } else {
            let follows = if state.by_key {
                order.sequence > last
            } else {
                order.sequence == last + 1
            };
            if !follows {
                state.disorder.fetch_add(1, Ordering::Relaxed);
            }
        }
        slot.handled.fetch_add(1, Ordering::Relaxed);
        if state.latency.is_some() {
            self.record(order);
        }
    }

    /// `count` messages were published, by a program that reads none.
    pub fn published(&self, count: u64) {
        self.0.slots[0].handled.fetch_add(count, Ordering::Relaxed);
    }

    /// The first message of a partition or key: the first of all begins what is measured.
    fn begin(&self) {
        if !self.0.seen.swap(true, Ordering::Relaxed) {
            self.0.first.get_or_init(Reading::now);
            say(Line::First { at: now() });
        }
    }

    fn record(&self, order: &Order) {
        let (Some(latency), Some(first)) = (&self.0.latency, self.0.first.get()) else {
            return;
        };
        if first.at.elapsed() >= WARM_UP {
            let late = now().saturating_sub(order.sent).max(1);
            let mut latency = latency.lock().unwrap_or_else(PoisonError::into_inner);
            latency.saturating_record(late);
        }
    }

    /// How many were handled so far.
    pub fn handled(&self) -> u64 {
        let slots = self.0.slots.iter();
        slots.map(|slot| slot.handled.load(Ordering::Relaxed)).sum()
    }

    /// Tells the harness each 50 ms, from a thread that ends with the process; and once, when as many messages were
    /// handled as are expected, how long they took.
    pub fn tell(&self) {
        let meter = self.clone();
        thread::spawn(move || {
            let mut told = Instant::now();
            let mut open = meter.0.expected > 0;
            loop {
                let handled = meter.handled();
                if open && handled >= meter.0.expected {
                    open = false;
                    meter.measured(handled);
                }
                if told.elapsed() >= INTERVAL {
                    told = Instant::now();
                    let micros = micros(meter.0.began.elapsed());
                    say(Line::Progress { micros, handled });
                }
                let rest = if open { meter.rest(handled) } else { INTERVAL };
                thread::sleep(rest.min(INTERVAL.saturating_sub(told.elapsed())).max(SOONEST));
            }
        });
    }

    /// How long it is worth to sleep: half of the time that the rest will take, so that looking costs next to nothing
    /// and the end is seen when it comes.
    fn rest(&self, handled: u64) -> Duration {
        let spent = self
            .0
            .first
            .get()
            .map_or(Duration::ZERO, |first| first.at.elapsed());
        let part = self.0.expected.saturating_sub(handled) as f64 / handled.max(1) as f64;
        Duration::try_from_secs_f64(spent.as_secs_f64() * part / 2.0).unwrap_or(INTERVAL)
    }

    fn measured(&self, handled: u64) {
        if let Some(first) = self.0.first.get() {
            let (passed, cpu) = first.elapsed();
            self.measure(handled, passed, cpu);
        }
    }

    /// Tells what a program has measured itself.
    pub fn measure(&self, handled: u64, passed: Duration, cpu: Duration) {
        say(Line::Measured {
            handled,
            micros: micros(passed),
            cpu_micros: micros(cpu),
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
    micros(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
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

    fn of_key(key: usize, sequence: u64) -> Order {
        Order {
            customer: Order::numbered_key(key),
            sequence,
            ..Order::default()
        }
    }

    fn disorder(by_key: bool, orders: &[Order]) -> u64 {
        let settings = Settings {
            by_key,
            latency: true,
            ..Settings::default()
        };
        let meter = Meter::new(&settings).expect("the bounds are fixed");
        for order in orders {
            meter.order(order);
        }
        assert_eq!(meter.handled(), orders.len() as u64);
        meter.0.disorder.load(Ordering::Relaxed)
    }

    #[test]
    fn each_partition_has_an_order_of_its_own() {
        let orders = [order(0, 7), order(1, 0), order(0, 8), order(1, 1)];
        assert_eq!(disorder(false, &orders), 0);
    }

    #[test]
    fn a_gap_a_repeat_and_a_step_back_are_disorder() {
        assert_eq!(disorder(false, &[order(0, 0), order(0, 2)]), 1);
        assert_eq!(disorder(false, &[order(0, 0), order(0, 0)]), 1);
        assert_eq!(disorder(false, &[order(0, 1), order(0, 0), order(0, 1)]), 1);
    }

    #[test]
    fn each_key_has_an_order_of_its_own_when_that_is_asked_for() {
        let orders = [of_key(3, 7), of_key(200, 1), of_key(3, 9), of_key(200, 2)];
        assert_eq!(disorder(true, &orders), 0);
        assert_eq!(disorder(true, &[of_key(3, 7), of_key(200, 1), of_key(3, 7)]), 1);
    }

    #[test]
    fn time_and_processor_time_are_read() {
        let reading = Reading::now();
        while reading.elapsed().1.is_zero() {
            std::hint::spin_loop();
        }
        let (passed, cpu) = reading.elapsed();
        assert!(!passed.is_zero() && !cpu.is_zero());
    }
}
