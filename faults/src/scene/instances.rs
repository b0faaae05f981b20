//! The service processes of a scene.

use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::Signal;

use super::Scene;
use crate::ledger::Moment;
use crate::process::{Instance, Launch, Probe};

/// How long a service may take to stop.
const STOP: Duration = Duration::from_secs(20);

impl Scene {
    /// Starts one process and waits until it is ready.
    ///
    /// # Errors
    /// When it can't be started or doesn't become ready.
    pub async fn start(&mut self, name: &str) -> Result<()> {
        let launch = self.launch.clone();
        self.start_with(name, &launch).await
    }

    /// Starts several processes at once and waits until all are ready.
    ///
    /// # Errors
    /// When one can't be started or doesn't become ready.
    pub async fn start_all(&mut self, names: &[&str]) -> Result<()> {
        let launch = self.launch.clone();
        for name in names {
            self.spawn(name, &launch)?;
        }
        for name in names {
            self.instance(name)?.ready().await?;
        }
        Ok(())
    }

    /// Starts one process in its own way and waits until it is ready.
    ///
    /// # Errors
    /// When it can't be started or doesn't become ready.
    pub async fn start_with(&mut self, name: &str, launch: &Launch) -> Result<()> {
        self.spawn(name, launch)?;
        self.instance(name)?.ready().await
    }

    /// Starts one process and doesn't wait.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn spawn(&mut self, name: &str, launch: &Launch) -> Result<()> {
        let instance = Instance::spawn(&self.folder, name, launch)?;
        self.sampling.watch(instance.probe());
        self.instances.insert(name.to_owned(), instance);
        Ok(())
    }

    /// A running process.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn instance(&mut self, name: &str) -> Result<&mut Instance> {
        self.instances
            .get_mut(name)
            .with_context(|| format!("no process `{name}` runs"))
    }

    /// Looks at a running process from outside.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn probe(&self, name: &str) -> Result<Probe> {
        let instance = self.instances.get(name);
        Ok(instance
            .with_context(|| format!("no process `{name}` runs"))?
            .probe())
    }

    /// The names of the processes that run.
    pub fn running(&self) -> Vec<String> {
        self.instances.keys().cloned().collect()
    }

    pub(super) fn take(&mut self, name: &str) -> Result<Instance> {
        self.sampling.forget(name);
        self.instances
            .remove(name)
            .with_context(|| format!("no process `{name}` runs"))
    }

    /// SIGKILL and a start at once; the fault lasts until the new process is ready.
    ///
    /// # Errors
    /// When the process is gone, or the new one doesn't become ready.
    pub async fn kill_and_restart(&mut self, name: &str) -> Result<()> {
        let from = Moment::now();
        self.take(name)?.kill().await?;
        self.start(name).await?;
        self.faulted("kill", name, from, Moment::now())
    }

    /// SIGKILL. The fault is a moment; what follows from it is the recovery's.
    ///
    /// # Errors
    /// When the process is gone.
    pub async fn kill(&mut self, name: &str) -> Result<()> {
        let from = Moment::now();
        self.take(name)?.kill().await?;
        self.faulted("kill", name, from, Moment::now())
    }

    /// SIGSTOP for a while, then SIGCONT.
    ///
    /// # Errors
    /// When the process is gone.
    pub async fn freeze(&mut self, name: &str, span: Duration) -> Result<()> {
        let from = Moment::now();
        self.instance(name)?.signal(Signal::STOP)?;
        tokio::time::sleep(span).await;
        self.instance(name)?.signal(Signal::CONT)?;
        self.faulted("freeze", name, from, Moment::now())
    }

    /// SIGTERM, and waits for the end. It is no fault: nothing may be repeated because of it. Returns how long it took.
    ///
    /// # Errors
    /// When it doesn't end in time, or not with exit code 0.
    pub async fn stop(&mut self, name: &str) -> Result<Duration> {
        let from = tokio::time::Instant::now();
        let status = self.take(name)?.terminate(STOP).await?;
        anyhow::ensure!(status.success(), "`{name}` ended with {status}");
        Ok(from.elapsed())
    }

    /// Stops every process at once.
    ///
    /// # Errors
    /// When one doesn't end properly.
    pub async fn stop_all(&mut self) -> Result<()> {
        for instance in self.instances.values() {
            instance.signal(Signal::TERM)?;
        }
        for (name, mut instance) in std::mem::take(&mut self.instances) {
            self.sampling.forget(&name);
            let status = instance.ended(STOP).await?;
            anyhow::ensure!(status.success(), "`{name}` ended with {status}");
        }
        Ok(())
    }

    /// How many processes have ended that nobody ended.
    ///
    /// # Errors
    /// When the system can't say.
    pub fn deaths(&mut self) -> Result<usize> {
        let mut deaths = 0;
        for instance in self.instances.values_mut() {
            deaths += usize::from(instance.has_ended()?.is_some());
        }
        Ok(deaths)
    }

    /// Forgets a process that ended by itself.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn gone(&mut self, name: &str) -> Result<()> {
        self.take(name).map(drop)
    }

    /// The resident memory of a process in MiB.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn resident_mib(&self, name: &str) -> Result<u64> {
        Ok(self.probe(name)?.usage().resident_kib / 1_024)
    }

    /// Waits until the health of a process gives a reason that contains `part`, and returns all that it says.
    ///
    /// # Errors
    /// When it doesn't within `deadline`.
    pub async fn await_reason(&self, name: &str, part: &str, deadline: Duration) -> Result<String> {
        let probe = self.probe(name)?;
        let until = tokio::time::Instant::now() + deadline;
        loop {
            let reasons = probe.health().await.unwrap_or_default().reasons.join("; ");
            if reasons.contains(part) || tokio::time::Instant::now() >= until {
                anyhow::ensure!(
                    reasons.contains(part),
                    "health of `{name}` never said `{part}`, but: {reasons}"
                );
                return Ok(reasons);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}
