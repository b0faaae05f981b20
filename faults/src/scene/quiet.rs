//! Waits until every acknowledged message has come to its end.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::{Result, bail};
use rand::seq::IndexedRandom;
use tokio::time::{Instant, sleep};

use super::Scene;
use crate::ledger::{Moment, Outcome, Record};

const POLL: Duration = Duration::from_millis(200);

/// What is open, kept up to date from the ledgers.
#[derive(Debug, Default)]
pub struct Quiet {
    /// Acknowledged by the broker.
    pub acknowledged: HashSet<u64>,
    /// Had an effect, or lie in the dead letter.
    pub ended: HashSet<u64>,
    /// Marks of hostile messages that lie in the dead letter.
    pub marks: HashSet<String>,
    /// When each process last had an effect.
    pub last_effect: HashMap<String, Moment>,
}

impl Quiet {
    /// Takes new records into account; returns whether one of them is an end.
    pub fn take(&mut self, records: Vec<Record>) -> bool {
        let before = self.ended.len() + self.marks.len();
        for record in records {
            match record {
                Record::Answer {
                    id,
                    outcome: Outcome::Ok,
                    ..
                } => {
                    self.acknowledged.insert(id);
                }
                Record::End { id, instance, at, .. } => {
                    self.ended.insert(id);
                    self.last_effect.insert(instance, at);
                }
                Record::DeadLetter { id, mark, .. } => {
                    self.ended.extend(id);
                    self.marks.extend(mark);
                }
                _ => {}
            }
        }
        self.ended.len() + self.marks.len() > before
    }

    /// How many acknowledged messages are open.
    pub fn open(&self) -> usize {
        self.acknowledged.difference(&self.ended).count()
    }
}

impl Scene {
    /// Reads new records; returns whether anything came to its end.
    ///
    /// # Errors
    /// When a ledger can't be read.
    pub fn observe(&mut self) -> Result<bool> {
        Ok(self.quiet.take(self.tail.take()?))
    }

    /// Waits until fewer than `few` acknowledged messages are open: the service has caught up with its load.
    ///
    /// # Errors
    /// When it doesn't within `deadline`, or a ledger can't be read.
    pub async fn caught_up(&mut self, few: usize, deadline: Duration) -> Result<()> {
        let until = Instant::now() + deadline;
        loop {
            self.observe()?;
            let open = self.quiet.open();
            if open < few {
                return Ok(());
            }
            if Instant::now() >= until {
                bail!("{open} messages are still open after {deadline:?}");
            }
            sleep(POLL).await;
        }
    }

    /// A running process that had an effect within the last second, as the seed chooses; any, where none had.
    ///
    /// # Errors
    /// When a ledger can't be read.
    pub fn busy(&mut self) -> Result<String> {
        self.observe()?;
        let now = Moment::now();
        let mut names = self.running();
        let is_busy = |name: &String| {
            let last = self.quiet.last_effect.get(name);
            last.is_some_and(|last| now.since(*last) < Duration::from_secs(1))
        };
        if names.iter().any(is_busy) {
            names.retain(is_busy);
        }
        Ok(names.choose(&mut self.random).cloned().unwrap_or_default())
    }

    /// Reads outputs and dead letters into the ledgers. Not while the broker is away.
    ///
    /// # Errors
    /// When the broker can't be read.
    pub async fn drain(&mut self) -> Result<()> {
        for verifier in &mut self.verifiers {
            verifier.drain().await?;
        }
        Ok(())
    }

    /// Waits until every acknowledged message had its effect or lies in the dead letter, apart from those that the
    /// rules expect to be held, or until nothing has ended for `patience`. What is open then is the checker's to name.
    ///
    /// # Errors
    /// When a ledger or the broker can't be read.
    pub async fn settle(&mut self, patience: Duration) -> Result<()> {
        let mut progress = Instant::now();
        loop {
            self.drain().await?;
            if self.observe()? {
                progress = Instant::now();
            }
            let open = self.quiet.acknowledged.difference(&self.quiet.ended);
            let all_ended = open.filter(|id| !self.rules.expect_held.contains(id)).count() == 0;
            let all_marked = self
                .rules
                .expect_marks
                .iter()
                .all(|mark| self.quiet.marks.contains(mark));
            if (all_ended && all_marked) || progress.elapsed() >= patience {
                return Ok(());
            }
            sleep(POLL).await;
        }
    }
}
