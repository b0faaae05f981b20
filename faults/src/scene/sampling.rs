//! Looks at every service process once a second.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinHandle;

use crate::ledger::Writer;
use crate::process::Probe;

const EVERY: Duration = Duration::from_secs(1);

type Watched = Arc<Mutex<Vec<Probe>>>;

/// A task that writes a sample of each watched process.
#[derive(Debug)]
pub(super) struct Sampling {
    watched: Watched,
    task: JoinHandle<()>,
}

impl Sampling {
    pub(super) fn start(folder: &Path) -> Result<Self> {
        let ledger = Writer::open(&folder.join("samples.jsonl"))?;
        let watched = Watched::default();
        let seen = watched.clone();
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(EVERY);
            loop {
                ticks.tick().await;
                let probes = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
                for probe in probes {
                    if ledger.append(&probe.sample().await).is_err() {
                        return;
                    }
                }
            }
        });
        Ok(Self { watched, task })
    }

    fn probes(&self) -> std::sync::MutexGuard<'_, Vec<Probe>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn watch(&self, probe: Probe) {
        self.forget(probe.name());
        self.probes().push(probe);
    }

    pub(super) fn forget(&self, name: &str) {
        self.probes().retain(|probe| probe.name() != name);
    }

    pub(super) async fn stop(&mut self) {
        self.task.abort();
        // It ends with being told to.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Sampling {
    fn drop(&mut self) {
        self.task.abort();
    }
}
