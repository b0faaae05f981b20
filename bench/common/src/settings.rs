//! What a program is told, by variables, so that a program in any language can be told the same way.

use std::env;

use anyhow::{Context, Result};

/// The settings of one run.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `BENCH_SCENARIO`: what to do.
    pub scenario: String,
    /// `BENCH_INPUT`: the topic or queue to read.
    pub input: String,
    /// `BENCH_OUTPUT`: the topic or exchange to write to.
    pub output: String,
    /// `BENCH_GROUP`: the consumer group.
    pub group: String,
    /// `BENCH_COUNT`: how many messages to publish, for a program that reads none.
    pub count: u64,
    /// `BENCH_CALLERS`: how many publish at once.
    pub callers: usize,
    /// `BENCH_BYTES`: the size of a payload that the program makes itself.
    pub bytes: usize,
    /// `BENCH_LATENCY`: whether the time from `sent` to the handler is recorded.
    pub latency: bool,
    /// `BENCH_BY_KEY`: whether the order is checked for each key instead of each partition.
    pub by_key: bool,
    /// `BENCH_EXPECTED`: how many messages are measured from the first to the last; 0 when that is not asked for.
    pub expected: u64,
    /// `BENCH_BINDINGS`: over how many bindings the input is spread.
    pub bindings: usize,
    /// `BENCH_SLOW`: whether one key is slow or fails.
    pub slow: bool,
    /// `BENCH_MILLIS`: how long a program measures that needs nobody to feed it.
    pub millis: u64,
    /// `KAFKA_BROKERS`.
    pub kafka: String,
    /// `RABBITMQ_ADDRESSES`: `host:port`, user and password `guest`.
    pub rabbit: String,
}

impl Settings {
    /// Reads the variables.
    ///
    /// # Errors
    /// When `BENCH_SCENARIO` is missing or a number is none.
    pub fn from_environment() -> Result<Self> {
        Ok(Self {
            scenario: env::var("BENCH_SCENARIO").context("`BENCH_SCENARIO` is missing")?,
            input: text("BENCH_INPUT"),
            output: text("BENCH_OUTPUT"),
            group: text("BENCH_GROUP"),
            count: number("BENCH_COUNT", 0)?,
            callers: usize::try_from(number("BENCH_CALLERS", 1)?)?,
            bytes: usize::try_from(number("BENCH_BYTES", 512)?)?,
            latency: number("BENCH_LATENCY", 0)? != 0,
            by_key: number("BENCH_BY_KEY", 0)? != 0,
            expected: number("BENCH_EXPECTED", 0)?,
            bindings: usize::try_from(number("BENCH_BINDINGS", 1)?)?,
            slow: number("BENCH_SLOW", 0)? != 0,
            millis: number("BENCH_MILLIS", 0)?,
            kafka: text("KAFKA_BROKERS"),
            rabbit: text("RABBITMQ_ADDRESSES"),
        })
    }
}

fn text(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

fn number(name: &str, default: u64) -> Result<u64> {
    match env::var(name) {
        Ok(text) => text
            .parse()
            .with_context(|| format!("`{name}` is `{text}`, which is no number")),
        Err(_) => Ok(default),
    }
}
