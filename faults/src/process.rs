//! A service process: started, frozen, killed, stopped, and asked how it is.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::ledger::{Moment, Record};
use crate::{health, proc};

/// How long a service may take until it says that it is ready.
const READY: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(25);

/// What every instance of a case is started with.
#[derive(Clone, Debug, Default)]
pub struct Launch {
    /// Arguments: `--key=value`.
    pub arguments: Vec<String>,
    /// Variables besides those that the bench sets.
    pub environment: Vec<(String, String)>,
}

/// One service process.
#[derive(Debug)]
pub struct Instance {
    name: String,
    child: Child,
    pid: Pid,
    port: u16,
    log: PathBuf,
}

impl Instance {
    /// Starts a process that writes its ledger and its log to `folder`. It need not be ready yet.
    ///
    /// # Errors
    /// When the program can't be started.
    pub fn spawn(folder: &Path, name: &str, launch: &Launch) -> Result<Self> {
        let port = free_port()?;
        let log = folder.join(format!("{name}.log"));
        let output = File::options().append(true).create(true).open(&log)?;
        let program = std::env::current_exe()?.with_file_name("service");
        let child = Command::new(&program)
            .args(&launch.arguments)
            .arg(format!("--bench.port={port}"))
            .env("BENCH_INSTANCE", name)
            .env("BENCH_LEDGER", folder.join(format!("{name}.jsonl")))
            .envs(launch.environment.iter().map(|(key, value)| (key, value)))
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR")))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start `{}`", program.display()))?;
        let pid = child
            .id()
            .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?))
            .context("the process ended at once")?;
        Ok(Self {
            name: name.to_owned(),
            child,
            pid,
            port,
            log,
        })
    }

    /// The name that the bench gave it; a restarted process has its predecessor's.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that holds what it printed.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Waits until its bindings run.
    ///
    /// # Errors
    /// When it ends, or isn't ready in time.
    pub async fn ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + READY;
        loop {
            if health::ready(self.port).await {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "`{}` ended with {status}; see `{}`",
                    self.name,
                    self.log.display()
                );
            }
            if Instant::now() >= deadline {
                bail!(
                    "`{}` was not ready within {READY:?}; see `{}`",
                    self.name,
                    self.log.display()
                );
            }
            sleep(POLL).await;
        }
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(self.pid, signal).with_context(|| format!("cannot signal `{}`", self.name))
    }

    /// SIGKILL: nothing is finished, committed or said good-bye to.
    ///
    /// # Errors
    /// When it is gone already.
    pub async fn kill(mut self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.child.wait().await?;
        Ok(())
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// When it doesn't end within `deadline`.
    pub async fn terminate(mut self, deadline: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.ended(deadline).await
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// When it doesn't end within `deadline`.
    pub async fn ended(&mut self, deadline: Duration) -> Result<ExitStatus> {
        match tokio::time::timeout(deadline, self.child.wait()).await {
            Ok(status) => Ok(status?),
            Err(_) => bail!(
                "`{}` did not end within {deadline:?}; see `{}`",
                self.name,
                self.log.display()
            ),
        }
    }

    /// Whether it has ended by itself.
    ///
    /// # Errors
    /// When the system can't say.
    pub fn has_ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Looks at the process from outside, also when somebody else owns it.
    pub fn probe(&self) -> Probe {
        Probe {
            name: self.name.clone(),
            pid: self.pid,
            port: self.port,
        }
    }
}

/// Looks at one process.
#[derive(Clone, Debug)]
pub struct Probe {
    name: String,
    pid: Pid,
    port: u16,
}

impl Probe {
    /// The name that the bench gave the process.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the kernel says of it.
    pub fn usage(&self) -> proc::Usage {
        proc::usage(self.pid)
    }

    /// What its health says; `None` when it doesn't answer.
    pub async fn health(&self) -> Option<health::Report> {
        health::report(self.port).await
    }

    /// What its metrics say, as Prometheus text; `None` when it doesn't answer.
    pub async fn metrics(&self) -> Option<String> {
        health::metrics(self.port).await
    }

    /// What it looks like now.
    pub async fn sample(&self) -> Record {
        let health = self.health().await;
        let usage = proc::usage(self.pid);
        Record::Sample {
            instance: self.name.clone(),
            at: Moment::now(),
            status: health.as_ref().map(|health| health.status.clone()),
            reasons: health.map(|health| health.reasons).unwrap_or_default(),
            resident_kib: usage.resident_kib,
            descriptors: usage.descriptors,
            threads: usage.threads,
        }
    }
}

/// A port that was free a moment ago.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
