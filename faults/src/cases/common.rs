//! What several cases need.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use crate::ledger::Record;
use crate::scene::Scene;
use crate::work::Work;

/// How long a process may need to give back what a fault made it take.
const CALM: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(250);

/// An ordinary handler: up to 5 ms, and 200 ms for one message in a hundred.
pub(super) fn ordinary(work: &mut Work) {
    work.micros = if work.id % 100 == 99 {
        200_000
    } else {
        work.id * 7_919 % 5_000
    };
}

/// What a process holds of its system.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Footprint {
    /// Its threads.
    pub(super) threads: u64,
    /// Its open file descriptors.
    pub(super) descriptors: u64,
}

impl Footprint {
    /// What a process holds now.
    pub(super) async fn of(scene: &Scene, name: &str) -> Result<Self> {
        match scene.probe(name)?.sample().await {
            Record::Sample {
                threads, descriptors, ..
            } => Ok(Self { threads, descriptors }),
            _ => Ok(Self::default()),
        }
    }

    /// How much more than `before` a process holds once it has calmed down.
    pub(super) async fn growth(scene: &Scene, name: &str, before: Self, leeway: u64) -> Result<Self> {
        let from = Instant::now();
        loop {
            let now = Self::of(scene, name).await?;
            let more = Self {
                threads: now.threads.saturating_sub(before.threads),
                descriptors: now.descriptors.saturating_sub(before.descriptors),
            };
            if more.threads.max(more.descriptors) <= leeway || from.elapsed() >= CALM {
                return Ok(more);
            }
            sleep(POLL).await;
        }
    }

    /// The greater of each.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            threads: self.threads.max(other.threads),
            descriptors: self.descriptors.max(other.descriptors),
        }
    }
}
