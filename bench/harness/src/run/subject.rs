//! A program that is being measured.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use bench_common::Line;
use rustix::process::{Pid, Signal, kill_process};

use crate::stats::Progress;

/// How long a program may take to its first message. A JVM on a busy machine takes a while.
const FIRST_MESSAGE: Duration = Duration::from_secs(90);
/// How long it may take to settle everything and end.
const END: Duration = Duration::from_secs(60);
/// Ticks of a second in `/proc/<pid>/stat`, on every Linux that Rust runs on.
const TICKS: f64 = 100.0;

/// The running program. It is killed when it is dropped.
pub(super) struct Subject {
    child: Child,
    lines: Receiver<Line>,
    handled: u64,
    end: Option<(u64, u64)>,
}

/// What it has used so far.
pub(super) struct Usage {
    pub(super) cpu_seconds: f64,
    pub(super) peak_mib: f64,
    /// How many messages it has handled with that.
    pub(super) handled: u64,
}

impl Subject {
    pub(super) fn start(mut command: Command) -> Result<Self> {
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
            lines,
            handled: 0,
            end: None,
        })
    }

    /// Reads its progress until `span` after the first message, or until it ends by itself.
    pub(super) fn watch(&mut self, span: Duration) -> Result<Vec<Progress>> {
        let mut seen = Vec::new();
        let mut deadline = Instant::now() + FIRST_MESSAGE;
        let mut first = None;
        loop {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(Line::End { handled, disorder }) => {
                    self.end = Some((handled, disorder));
                    return Ok(seen);
                }
                Ok(line) => {
                    let Some(progress) = Progress::of(&line) else {
                        continue;
                    };
                    self.handled = progress.handled;
                    seen.push(progress);
                    if progress.handled == 0 {
                        continue;
                    }
                    let first = *first.get_or_insert(progress.micros);
                    deadline = Instant::now() + FIRST_MESSAGE;
                    // Two lines more than asked, because the measure begins and ends at lines.
                    let enough = span + Duration::from_millis(200);
                    if Duration::from_micros(progress.micros - first) >= enough {
                        return Ok(seen);
                    }
                }
                Err(RecvTimeoutError::Timeout) => bail!("nothing was heard of it for {FIRST_MESSAGE:?}"),
                Err(RecvTimeoutError::Disconnected) => bail!("it ended without an `end` line"),
            }
        }
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
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap_or_default();
        let kib: f64 = peak
            .split_ascii_whitespace()
            .next()
            .and_then(|text| text.parse().ok())
            .unwrap_or_default();
        Ok(Usage {
            cpu_seconds: (ticks(11) + ticks(12)) / TICKS,
            peak_mib: kib / 1_024.0,
            handled: self.handled,
        })
    }

    /// Tells it to end, and gives what it has handled in all and how much of that was out of order.
    pub(super) fn end(mut self) -> Result<(u64, u64)> {
        if self.end.is_none() {
            let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
            kill_process(pid.context("the program has no number")?, Signal::TERM)
                .context("cannot end the program")?;
        }
        let deadline = Instant::now() + END;
        while self.end.is_none() {
            match self
                .lines
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(Line::End { handled, disorder }) => self.end = Some((handled, disorder)),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => bail!("it did not end within {END:?}"),
                Err(RecvTimeoutError::Disconnected) => bail!("it ended without an `end` line"),
            }
        }
        let status = self.child.wait().context("cannot wait for the program")?;
        ensure!(status.success(), "it ended with {status}");
        self.end.context("it said nothing at its end")
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // One that has ended already can't be killed, and need not be.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
