//! Waits for what a case is about: a state of health, a record in a ledger, a broker that says so.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::Scene;
use crate::health::Report;
use crate::ledger::{Moment, Record, Tail};

const POLL: Duration = Duration::from_millis(50);

impl Scene {
    /// Waits until a process's health is as wanted; how long that took, or `None` when it never was within `limit`.
    ///
    /// # Errors
    /// When no such process runs.
    pub async fn health_within(
        &self,
        name: &str,
        limit: Duration,
        wanted: impl Fn(&Report) -> bool,
    ) -> Result<Option<Duration>> {
        let probe = self.probe(name)?;
        let from = Instant::now();
        while from.elapsed() < limit {
            if probe.health().await.is_some_and(|report| wanted(&report)) {
                return Ok(Some(from.elapsed()));
            }
            sleep(POLL).await;
        }
        Ok(None)
    }

    /// Waits until a ledger holds such a record; how long that took, or `None` when none came within `limit`.
    ///
    /// # Errors
    /// When a ledger can't be read.
    pub async fn recorded_within(
        &self,
        limit: Duration,
        mut wanted: impl FnMut(&Record) -> bool,
    ) -> Result<Option<Duration>> {
        let mut ledgers = Tail::new(self.folder());
        let from = Instant::now();
        loop {
            if ledgers.take()?.iter().any(&mut wanted) {
                return Ok(Some(from.elapsed()));
            }
            if from.elapsed() >= limit {
                return Ok(None);
            }
            sleep(POLL).await;
        }
    }

    /// Waits until a process has ended by itself with an error; returns what it printed, or `None` when it still runs
    /// after `limit` (then it is killed) or ended without an error.
    ///
    /// # Errors
    /// When there is no such process, or its log can't be read.
    pub async fn refused(&mut self, name: &str, limit: Duration) -> Result<Option<String>> {
        let mut instance = self.take(name)?;
        let from = Instant::now();
        while from.elapsed() < limit {
            if let Some(status) = instance.has_ended()? {
                let log = std::fs::read(instance.log())?;
                return Ok((!status.success()).then(|| String::from_utf8_lossy(&log).into_owned()));
            }
            sleep(POLL).await;
        }
        instance.kill().await?;
        Ok(None)
    }

    /// Whether every process still runs: a case may ask that none has ended by itself.
    ///
    /// # Errors
    /// When the system can't say.
    pub fn all_alive(&mut self) -> Result<bool> {
        for instance in self.instances.values_mut() {
            if instance.has_ended()?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether a record is an effect after `moment` on a source that is wanted.
pub fn is_effect_after(record: &Record, moment: Moment, wanted: impl Fn(&str) -> bool) -> bool {
    match record {
        Record::End { at, source, .. } => *at > moment && source.as_deref().is_some_and(wanted),
        _ => false,
    }
}
