//! One broker process on this machine: its process id file, log, readiness and end.

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};

use crate::{paths, process};

const READY_WITHIN: Duration = Duration::from_secs(120);
const PORT_FREE_WITHIN: Duration = Duration::from_secs(5);
const GONE_WITHIN: Duration = Duration::from_secs(30);

/// A broker as a process. `marker` is an argument by which its process is recognised.
#[derive(Debug)]
pub(super) struct Server {
    name: &'static str,
    marker: String,
}

impl Server {
    pub(super) fn new(name: &'static str, marker: String) -> Self {
        Self { name, marker }
    }

    /// The process id, when the broker runs.
    pub(super) fn running(&self) -> Option<u32> {
        let pid = fs::read_to_string(self.pid_file()).ok()?.trim().parse().ok()?;
        process::is_alive(pid, &self.marker).then_some(pid)
    }

    /// For how long the broker has run.
    pub(super) fn age(&self) -> Option<Duration> {
        let started = fs::metadata(self.pid_file())
            .and_then(|data| data.modified())
            .ok()?;
        SystemTime::now().duration_since(started).ok()
    }

    /// Starts the broker and returns when `ready` holds; a broker that ends meanwhile is reported with its log.
    pub(super) fn start(
        &self,
        command: Command,
        ports: &[(u16, &str)],
        mut ready: impl FnMut() -> bool,
    ) -> Result<()> {
        for (port, variable) in ports {
            // The threads of a process that was killed may hold its sockets a moment longer than its id.
            if !process::wait_until(PORT_FREE_WITHIN, || Ok(!accepts(*port)))? {
                bail!(
                    "port {port} is taken by another process, so {} cannot start; set `{variable}`",
                    self.name
                );
            }
        }
        let log = self.log();
        fs::create_dir_all(paths::brokers().join("logs"))?;
        if log.exists() {
            fs::rename(&log, log.with_extension("log.1")).ok();
        }
        let mut child = process::detach(command, &log)?;
        fs::write(self.pid_file(), child.id().to_string())?;
        let came_up = process::wait_until(READY_WITHIN, || match child.try_wait()? {
            None => Ok(ready()),
            Some(status) => {
                bail!(
                    "{} ended with {status}; end of `{}`:\n{}",
                    self.name,
                    log.display(),
                    self.log_end()
                )
            }
        })?;
        if !came_up {
            bail!(
                "{} is not ready after {READY_WITHIN:?}; see `{}`",
                self.name,
                log.display()
            );
        }
        Ok(())
    }

    /// Stops the broker and waits until it is gone. `signal` is `TERM` for a clean stop, `KILL` for a crash.
    pub(super) fn stop(&self, signal: &str) -> Result<bool> {
        let Some(pid) = self.running() else {
            return Ok(false);
        };
        process::signal(pid, signal)?;
        if !process::wait_until(GONE_WITHIN, || Ok(self.running().is_none()))? {
            eprintln!(
                "{} (process {pid}) does not stop within {GONE_WITHIN:?} and is killed",
                self.name
            );
            process::signal(pid, "KILL")?;
            process::wait_until(GONE_WITHIN, || Ok(self.running().is_none()))?;
        }
        fs::remove_file(self.pid_file()).with_context(|| format!("cannot forget {}", self.name))?;
        Ok(true)
    }

    pub(super) fn log(&self) -> PathBuf {
        paths::brokers().join("logs").join(format!("{}.log", self.name))
    }

    fn log_end(&self) -> String {
        process::last_lines(&fs::read_to_string(self.log()).unwrap_or_default(), 20)
    }

    fn pid_file(&self) -> PathBuf {
        paths::brokers().join(format!("{}.pid", self.name))
    }
}

/// Tells whether somebody accepts connections on this port of the loopback.
pub(super) fn accepts(port: u16) -> bool {
    connect(port).is_some()
}

/// Connects to a port of the loopback, with short time limits for everything that follows.
pub(super) fn connect(port: u16) -> Option<TcpStream> {
    let limit = Duration::from_secs(2);
    let stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), limit).ok()?;
    stream.set_read_timeout(Some(limit)).ok()?;
    stream.set_write_timeout(Some(limit)).ok()?;
    Some(stream)
}

/// Writes a file only when its text differs, so that dates tell when something changed.
pub(super) fn write_if_changed(file: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(file).is_ok_and(|old| old == text) {
        return Ok(());
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, text).with_context(|| format!("cannot write `{}`", file.display()))
}
