//! A program that is being measured.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bench_common::Line;
use bench_common::meter::now;
use rustix::process::{Pid, Signal, kill_process};

use crate::stats::Progress;

/// How long a program may take to its first message, or from one to the next. A JVM on a busy machine takes a while.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long it may take to settle everything and end.
const END: Duration = Duration::from_secs(60);
/// Ticks of a second in `/proc/<pid>/stat`, on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// The running program. It is killed when it is dropped.
pub(super) struct Subject {
    child: Child,
    /// In microseconds since 1970.
    started: u64,
    lines: Receiver<Line>,
    seen: Seen,
}

/// What it has said so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// When its first message was handled, in microseconds since 1970.
    pub(super) first: Option<u64>,
    pub(super) progress: Vec<Progress>,
    pub(super) measured: Option<Measured>,
    /// 50, 99, 99.9 and 100 of 100, in microseconds.
    pub(super) latency: Option<[u64; 4]>,
    /// How many it handled in all, and how many of them out of order.
    pub(super) end: Option<(u64, u64)>,
}

/// What it has measured itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Measured {
    pub(super) handled: u64,
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
}

impl Seen {
    fn take(&mut self, line: Line) {
        match line {
            Line::First { at } => self.first = Some(at),
            Line::Measured {
                handled,
                micros,
                cpu_micros,
            } => {
                self.measured = Some(Measured {
                    handled,
                    seconds: micros as f64 / 1e6,
                    cpu_seconds: cpu_micros as f64 / 1e6,
                });
            }
            Line::Latency { p50, p99, p999, max } => self.latency = Some([p50, p99, p999, max]),
            Line::End { handled, disorder } => self.end = Some((handled, disorder)),
            Line::Progress { .. } => self.progress.extend(Progress::of(&line)),
        }
    }

    pub(super) fn handled(&self) -> u64 {
        self.progress.last().map_or(0, |last| last.handled)
    }

    /// For how long it has been handling messages, as far as its lines of progress tell.
    pub(super) fn busy(&self) -> Duration {
        let first = self.progress.iter().find(|line| line.handled > 0);
        let span = first.zip(self.progress.last());
        Duration::from_micros(span.map_or(0, |(first, last)| last.micros - first.micros))
    }

    /// For how long it has run.
    pub(super) fn up(&self) -> Duration {
        Duration::from_micros(self.progress.last().map_or(0, |last| last.micros))
    }
}

/// What it has used so far.
pub(super) struct Usage {
    pub(super) cpu_seconds: f64,
    /// The most memory that was resident.
    pub(super) peak_mib: f64,
    /// The memory that is resident.
    pub(super) resident_mib: f64,
    /// How many messages it has handled with that.
    pub(super) handled: u64,
}

impl Subject {
    pub(super) fn start(mut command: Command) -> Result<Self> {
        let started = now();
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run `{}`", command.get_program().display()))?;
        let output = child.stdout.take().context("the program has no output")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // What is no line of ours is the program's own.
                let Ok(line) = line.parse() else { continue };
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            child,
            started,
            lines,
            seen: Seen::default(),
        })
    }

    /// Reads what it says until that is enough, or until it ends by itself.
    pub(super) fn watch(&mut self, enough: impl Fn(&Seen) -> bool) -> Result<&Seen> {
        let mut deadline = Instant::now() + PATIENCE;
        while self.seen.end.is_none() && !enough(&self.seen) {
            let handled = self.seen.handled();
            let patience = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(patience) {
                Ok(line) => self.seen.take(line),
                Err(RecvTimeoutError::Timeout) => bail!("nothing was heard of it for {PATIENCE:?}"),
                Err(RecvTimeoutError::Disconnected) => bail!("it ended without an `end` line"),
            }
            if self.seen.handled() > handled {
                deadline = Instant::now() + PATIENCE;
            }
            ensure!(
                Instant::now() < deadline,
                "it has handled {handled} messages and no more for {PATIENCE:?}"
            );
        }
        Ok(&self.seen)
    }

    /// How long it took from its start to a moment.
    pub(super) fn seconds_to(&self, micros_since_1970: u64) -> f64 {
        micros_since_1970.saturating_sub(self.started) as f64 / 1e6
    }

    /// What it has used since it began.
    pub(super) fn usage(&self) -> Result<Usage> {
        let folder = format!("/proc/{}", self.child.id());
        let stat = fs::read_to_string(format!("{folder}/stat")).context("the program is gone")?;
        // Behind the name, which may have blanks: the 14th and 15th fields are ticks in user and system mode.
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_ascii_whitespace()
            .collect();
        let ticks = |index: usize| {
            fields
                .get(index)
                .and_then(|field| field.parse::<f64>().ok())
                .unwrap_or_default()
        };
        let status = fs::read_to_string(format!("{folder}/status")).unwrap_or_default();
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_ascii_whitespace().next());
            kib.and_then(|kib| kib.parse().ok()).unwrap_or(0.0) / 1_024.0
        };
        Ok(Usage {
            cpu_seconds: (ticks(11) + ticks(12)) / TICKS,
            peak_mib: mib("VmHWM:"),
            resident_mib: mib("VmRSS:"),
            handled: self.seen.handled(),
        })
    }

    /// Tells it to end, and gives everything that it has said.
    pub(super) fn end(mut self) -> Result<(u64, Seen)> {
        if self.seen.end.is_none() {
            let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
            kill_process(pid.context("the program has no number")?, Signal::TERM)
                .context("cannot end the program")?;
        }
        let deadline = Instant::now() + END;
        while self.seen.end.is_none() {
            let patience = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(patience) {
                Ok(line) => self.seen.take(line),
                Err(RecvTimeoutError::Timeout) => bail!("it did not end within {END:?}"),
                Err(RecvTimeoutError::Disconnected) => bail!("it ended without an `end` line"),
            }
        }
        let status = self.child.wait().context("cannot wait for the program")?;
        ensure!(status.success(), "it ended with {status}");
        let seen = std::mem::take(&mut self.seen);
        let (handled, disorder) = seen.end.context("it said nothing at its end")?;
        ensure!(
            disorder == 0,
            "{disorder} of {handled} messages were out of order"
        );
        Ok((handled, seen))
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // One that has ended already can't be killed, and need not be.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
