//! From `consumer.max-attempts`, `consumer.back-off-*` and `consumer.retry.*` to a retry policy.

use std::time::Duration;

use bindery_core::BindingName;

use super::Context;
use crate::config::retry::{Jitter, RetryPolicy, RetryStrategy};
use crate::config::settings::Settings;
use crate::config::value::millis;

impl Context<'_> {
    pub(super) fn retry(&mut self, name: &BindingName, consumer: &Settings) -> RetryPolicy {
        let strategy = self.strategy(name, consumer);
        let intervals = match &strategy {
            RetryStrategy::Intervals(intervals) => Some(intervals.len()),
            _ => None,
        };
        let attempts_of_list = intervals.and_then(|count| u32::try_from(count + 1).ok());
        let jitter = self.jitter(name, consumer, &strategy);
        RetryPolicy {
            max_attempts: consumer.number("max-attempts").or(attempts_of_list).unwrap_or(3),
            strategy,
            jitter,
            deadline: consumer.duration("retry.deadline"),
        }
    }

    fn strategy(&mut self, name: &BindingName, consumer: &Settings) -> RetryStrategy {
        let initial = consumer
            .duration("retry.delay")
            .or(consumer.duration("back-off-initial-interval"));
        let max = consumer
            .duration("retry.max")
            .or(consumer.duration("back-off-max-interval"));
        let strategy = consumer.text("retry.strategy").unwrap_or("exponential");
        self.unused(name, consumer, strategy);
        match strategy {
            "fixed" => RetryStrategy::Fixed {
                delay: initial.unwrap_or(Duration::from_secs(1)),
            },
            "random" => RetryStrategy::Random {
                max: max.unwrap_or(Duration::from_secs(10)),
            },
            "intervals" => RetryStrategy::Intervals(self.intervals(name, consumer)),
            _ => self.exponential(name, consumer, initial, max),
        }
    }

    fn exponential(
        &mut self,
        name: &BindingName,
        consumer: &Settings,
        initial: Option<Duration>,
        max: Option<Duration>,
    ) -> RetryStrategy {
        if let (Some(initial), Some(max)) = (initial, max)
            && max < initial
        {
            let setting = consumer
                .get("retry.max")
                .or(consumer.get("back-off-max-interval"));
            let message = format!("less than the first delay of {} ms", initial.as_millis());
            self.problem_at(setting, name, message);
        }
        RetryStrategy::Exponential {
            initial: initial.unwrap_or(Duration::from_secs(1)),
            multiplier: consumer.float("back-off-multiplier").unwrap_or(2.0),
            max: max.unwrap_or(Duration::from_secs(10)),
        }
    }

    fn intervals(&mut self, name: &BindingName, consumer: &Settings) -> Vec<Duration> {
        let setting = consumer.get("retry.intervals");
        let mut intervals = Vec::new();
        for text in consumer.list("retry.intervals").unwrap_or_default() {
            match millis(text, 1) {
                Some(interval) => intervals.push(Duration::from_millis(interval)),
                None => self.problem_at(
                    setting,
                    name,
                    format!(
                        "`{text}` is no duration; accepted: `500ms`, `30s`, `1m`, or a number of milliseconds"
                    ),
                ),
            }
        }
        if intervals.is_empty() {
            let message = "the strategy `intervals` needs `retry.intervals`, such as `1s, 4s, 16s`";
            self.problem_at(setting.or(consumer.get("retry.strategy")), name, message);
        }
        intervals
    }

    /// A key that the chosen strategy doesn't read is a mistake.
    fn unused(&mut self, name: &BindingName, consumer: &Settings, strategy: &str) {
        let read: &[&str] = match strategy {
            "fixed" => &["retry.delay"],
            "random" => &["retry.max"],
            "intervals" => &["retry.intervals"],
            _ => &["retry.delay", "retry.max"],
        };
        for key in ["retry.delay", "retry.max", "retry.intervals"] {
            if let Some(setting) = consumer.get(key)
                && !read.contains(&key)
            {
                let message = format!(
                    "not read by the strategy `{strategy}`, which reads `{}`",
                    read.join("`, `")
                );
                self.problem_at(Some(setting), name, message);
            }
        }
    }

    fn jitter(&mut self, name: &BindingName, consumer: &Settings, strategy: &RetryStrategy) -> Jitter {
        let Some(text) = consumer.text("retry.jitter") else {
            return Jitter::None;
        };
        let jitter = match bindery_core::relaxed(text.trim()).as_str() {
            "none" => Some(Jitter::None),
            "full" => Some(Jitter::Full),
            "equal" => Some(Jitter::Equal),
            "decorrelated" => Some(Jitter::Decorrelated),
            _ => text
                .trim()
                .parse::<f64>()
                .ok()
                .filter(|ratio| (0.0..=1.0).contains(ratio))
                .map(Jitter::Ratio),
        };
        let setting = consumer.get("retry.jitter");
        match (jitter, strategy) {
            (None, _) => self.problem_at(
                setting,
                name,
                "accepted: `none`, `full`, `equal`, `decorrelated`, or a ratio from 0 to 1",
            ),
            (Some(Jitter::Decorrelated), RetryStrategy::Exponential { .. }) => {}
            (Some(Jitter::Decorrelated), _) => self.problem_at(
                setting,
                name,
                "`decorrelated` goes with the strategy `exponential` only",
            ),
            (Some(_), _) => {}
        }
        jitter.unwrap_or(Jitter::None)
    }
}
