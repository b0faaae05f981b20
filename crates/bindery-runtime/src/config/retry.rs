//! Retry policies: how long to wait after a failure, and when to give up. Pure functions.

use std::time::Duration;

use rand::Rng;

/// The shape of the delays. After failure number `n`, counted from 1, the base delay is:
#[derive(Clone, Debug, PartialEq)]
pub enum RetryStrategy {
    /// Always the same.
    Fixed {
        /// The delay.
        delay: Duration,
    },
    /// `initial * multiplier^(n-1)`, at most `max`: Spring's back-off.
    Exponential {
        /// The first delay.
        initial: Duration,
        /// The factor, at least 1.
        multiplier: f64,
        /// The cap.
        max: Duration,
    },
    /// Uniformly distributed from 0 to `max`.
    Random {
        /// The longest delay.
        max: Duration,
    },
    /// The `n`th of a list; its last repeats.
    Intervals(Vec<Duration>),
}

/// How a base delay `v` is spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Jitter {
    /// Not at all.
    None,
    /// From 0 to `v`.
    Full,
    /// From `v/2` to `v`.
    Equal,
    /// From `v(1-x)` to `v(1+x)`, at most the cap.
    Ratio(f64),
    /// From the initial delay to three times the previous one, at most the cap. Exponential only.
    Decorrelated,
}

/// When and how often a failed message is delivered again.
#[derive(Clone, Debug, PartialEq)]
pub struct RetryPolicy {
    /// How often a message is delivered, the first time included.
    pub max_attempts: u32,
    /// The shape of the delays.
    pub strategy: RetryStrategy,
    /// How they are spread.
    pub jitter: Jitter,
    /// How long after its first delivery a message may still be retried; `None` for no limit.
    pub deadline: Option<Duration>,
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextAttempt {
    /// Deliver again after this delay.
    After(Duration),
    /// Every attempt was used.
    Exhausted,
    /// The next attempt would come after the deadline.
    DeadlinePassed,
}

impl Default for RetryPolicy {
    /// Spring's: 3 deliveries, 1 s doubled up to 10 s.
    fn default() -> Self {
        Self {
            max_attempts: 3,
            strategy: RetryStrategy::Exponential {
                initial: Duration::from_secs(1),
                multiplier: 2.0,
                max: Duration::from_secs(10),
            },
            jitter: Jitter::None,
            deadline: None,
        }
    }
}

impl RetryPolicy {
    /// The delay after failure number `failure` (from 1). `previous` is the delay before this failure's attempt, zero
    /// before the first; only decorrelated jitter looks at it.
    pub fn delay(&self, failure: u32, previous: Duration, rng: &mut (impl Rng + ?Sized)) -> Duration {
        let base = self.strategy.base(failure);
        let cap = self.strategy.cap();
        match self.jitter {
            _ if matches!(self.strategy, RetryStrategy::Random { .. }) => between(Duration::ZERO, cap, rng),
            Jitter::None => base,
            Jitter::Full => between(Duration::ZERO, base, rng),
            Jitter::Equal => between(base / 2, base, rng),
            Jitter::Ratio(ratio) => {
                let factor = rng.random_range(-ratio.clamp(0.0, 1.0)..=ratio.clamp(0.0, 1.0));
                scaled(base, 1.0 + factor).min(cap)
            }
            Jitter::Decorrelated => {
                let initial = self.strategy.base(1);
                let widest = previous.max(initial).saturating_mul(3).min(cap);
                between(initial.min(widest), widest, rng)
            }
        }
    }

    /// What to do after failure number `failure` (from 1), when `elapsed` has passed since the first delivery.
    pub fn next(
        &self,
        failure: u32,
        elapsed: Duration,
        previous: Duration,
        rng: &mut (impl Rng + ?Sized),
    ) -> NextAttempt {
        if failure >= self.max_attempts {
            return NextAttempt::Exhausted;
        }
        let delay = self.delay(failure, previous, rng);
        match self.deadline {
            Some(deadline) if elapsed.saturating_add(delay) > deadline => NextAttempt::DeadlinePassed,
            _ => NextAttempt::After(delay),
        }
    }
}

impl RetryStrategy {
    /// The delay after failure number `failure`, before it is spread.
    fn base(&self, failure: u32) -> Duration {
        match self {
            Self::Fixed { delay } => *delay,
            Self::Exponential {
                initial,
                multiplier,
                max,
            } => {
                let exponent = i32::try_from(failure.saturating_sub(1)).unwrap_or(i32::MAX);
                scaled(*initial, multiplier.powi(exponent)).min(*max)
            }
            Self::Random { max } => *max,
            Self::Intervals(intervals) => {
                let index = usize::try_from(failure.saturating_sub(1)).unwrap_or(usize::MAX);
                let nth = intervals.get(index).or(intervals.last());
                nth.copied().unwrap_or_default()
            }
        }
    }

    /// No delay is longer.
    fn cap(&self) -> Duration {
        match self {
            Self::Fixed { delay } => *delay,
            Self::Exponential { max, .. } | Self::Random { max } => *max,
            Self::Intervals(intervals) => intervals.iter().max().copied().unwrap_or_default(),
        }
    }
}

/// A duration times a factor; what is too long to say becomes the longest.
fn scaled(duration: Duration, factor: f64) -> Duration {
    let seconds = duration.as_secs_f64() * factor;
    Duration::try_from_secs_f64(seconds).unwrap_or(if seconds > 0.0 {
        Duration::MAX
    } else {
        Duration::ZERO
    })
}

fn between(least: Duration, most: Duration, rng: &mut (impl Rng + ?Sized)) -> Duration {
    let span = u64::try_from(most.saturating_sub(least).as_nanos()).unwrap_or(u64::MAX);
    least + Duration::from_nanos(rng.random_range(0..=span))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn millis(value: u64) -> Duration {
        Duration::from_millis(value)
    }

    fn delays(policy: &RetryPolicy, count: u32) -> Vec<u128> {
        let mut rng = StdRng::seed_from_u64(1);
        (1..=count)
            .map(|failure| policy.delay(failure, Duration::ZERO, &mut rng).as_millis())
            .collect()
    }

    #[test]
    fn without_jitter_the_delays_are_those_of_the_formula() {
        let spring = RetryPolicy::default();
        assert_eq!(delays(&spring, 6), [1000, 2000, 4000, 8000, 10_000, 10_000]);
        let intervals = RetryPolicy {
            strategy: RetryStrategy::Intervals(vec![millis(1), millis(4), millis(16)]),
            ..spring.clone()
        };
        assert_eq!(delays(&intervals, 5), [1, 4, 16, 16, 16]);
        let fixed = RetryPolicy {
            strategy: RetryStrategy::Fixed { delay: millis(7) },
            ..spring
        };
        assert_eq!(delays(&fixed, 3), [7, 7, 7]);
    }

    #[test]
    fn attempts_count_deliveries_and_the_deadline_counts_the_next_delay() {
        let mut rng = StdRng::seed_from_u64(1);
        let policy = RetryPolicy {
            deadline: Some(millis(2500)),
            ..RetryPolicy::default()
        };
        let zero = Duration::ZERO;
        assert_eq!(
            policy.next(1, zero, zero, &mut rng),
            NextAttempt::After(millis(1000))
        );
        assert_eq!(
            policy.next(2, millis(1000), zero, &mut rng),
            NextAttempt::DeadlinePassed
        );
        assert_eq!(policy.next(3, zero, zero, &mut rng), NextAttempt::Exhausted);
    }

    fn strategies() -> impl Strategy<Value = RetryStrategy> {
        let any_millis = || (0_u64..u64::MAX / 2).prop_map(millis);
        prop_oneof![
            any_millis().prop_map(|delay| RetryStrategy::Fixed { delay }),
            (any_millis(), 1.0..1e6, any_millis()).prop_map(|(initial, multiplier, max)| {
                RetryStrategy::Exponential {
                    initial,
                    multiplier,
                    max,
                }
            }),
            any_millis().prop_map(|max| RetryStrategy::Random { max }),
            prop::collection::vec(any_millis(), 0..5).prop_map(RetryStrategy::Intervals),
        ]
    }

    fn jitters() -> impl Strategy<Value = Jitter> {
        prop_oneof![
            Just(Jitter::None),
            Just(Jitter::Full),
            Just(Jitter::Equal),
            Just(Jitter::Decorrelated),
            (0.0..=1.0).prop_map(Jitter::Ratio),
        ]
    }

    proptest! {
        #[test]
        fn no_delay_passes_the_cap_whatever_the_numbers(
            strategy in strategies(), jitter in jitters(), failure in any::<u32>(), previous in any::<u64>(), seed: u64,
        ) {
            let policy = RetryPolicy { max_attempts: u32::MAX, strategy, jitter, deadline: None };
            let mut rng = StdRng::seed_from_u64(seed);
            let delay = policy.delay(failure, millis(previous / 2), &mut rng);
            prop_assert!(delay <= policy.strategy.cap());
        }

        #[test]
        fn base_delays_never_shrink(initial in 0_u64..100_000, multiplier in 1.0..10.0, max in 0_u64..1_000_000, n in 1_u32..500) {
            let strategy = RetryStrategy::Exponential { initial: millis(initial), multiplier, max: millis(max) };
            prop_assert!(strategy.base(n) <= strategy.base(n + 1));
        }

        #[test]
        fn jitter_stays_within_its_bounds(base in 1_u64..1_000_000, ratio in 0.0..=1.0, seed: u64) {
            let policy = |jitter| RetryPolicy {
                max_attempts: 9,
                strategy: RetryStrategy::Exponential { initial: millis(base), multiplier: 1.0, max: millis(base * 2) },
                jitter,
                deadline: None,
            };
            let mut rng = StdRng::seed_from_u64(seed);
            let equal = policy(Jitter::Equal).delay(1, Duration::ZERO, &mut rng);
            prop_assert!(equal >= millis(base) / 2 && equal <= millis(base));
            let spread = policy(Jitter::Ratio(ratio)).delay(1, Duration::ZERO, &mut rng).as_secs_f64();
            let exact = millis(base).as_secs_f64();
            prop_assert!(spread >= exact * (1.0 - ratio) - 1e-6 && spread <= exact * (1.0 + ratio) + 1e-6);
        }
    }
}
