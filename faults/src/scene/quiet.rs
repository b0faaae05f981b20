//! Waits until every acknowledged message has come to its end.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::Scene;
use crate::ledger::{Outcome, Record};

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
                Record::End { id, .. } => {
                    self.ended.insert(id);
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
        Ok(self.quiet.take(self.tail.next()?))
    }

    /// Reads outputs and dead letters into the ledgers. Not while the broker is away.
    ///
    /// # Errors
    /// When the broker can't be read.
    pub async fn drain(&mut self) -> Result<()> {
        self.verifier.drain().await
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
