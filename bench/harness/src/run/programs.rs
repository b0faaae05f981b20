//! The programs that are measured, and how each is started.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

use super::feeder::Fed;
use super::plan::{How, Plan, Work};
use crate::stats::Program;

/// Where the programs are.
#[derive(Debug)]
pub struct Programs {
    /// `bench-feed`.
    pub feed: PathBuf,
    /// The twins.
    pub raw: PathBuf,
    /// The Bindery service.
    pub service: PathBuf,
    /// The RustStream peer.
    pub ruststream: PathBuf,
    /// The jar of the Spring peer.
    pub spring: PathBuf,
}

impl Programs {
    /// The command that runs `program`. A program that measures itself does so for `millis`.
    pub(super) fn command(&self, program: Program, plan: &Plan, fed: &Fed, millis: u128) -> Result<Command> {
        let path = match program {
            Program::Raw | Program::RawFuture => &self.raw,
            Program::Bindery | Program::Undisturbed => &self.service,
            Program::RustStream | Program::RustStreamTuned => &self.ruststream,
            Program::Spring | Program::SpringTuned => &self.spring,
        };
        ensure!(path.exists(), "`{}` is not built", path.display());
        let mut command = match program {
            Program::Spring | Program::SpringTuned => {
                let mut java = Command::new("java");
                java.arg("-jar").arg(path);
                java
            }
            _ => Command::new(path),
        };
        let scenario = match program {
            Program::RawFuture => format!("{}-future", plan.scenario),
            _ => plan.scenario.to_owned(),
        };
        let input = match program {
            // The twin knows queues, not destinations and groups.
            Program::Raw if plan.reads_a_queue() => fed.queue(),
            _ => fed.input.clone(),
        };
        if matches!(program, Program::RustStreamTuned | Program::SpringTuned) {
            command.env("BENCH_TUNED", "1");
        }
        if program == Program::Bindery && plan.rare > 0 {
            command.env("BENCH_SLOW", "1");
        }
        if plan.work == Work::Queue("quorum") {
            command.env("BENCH_QUORUM", "true");
        }
        if plan.keys > 0 {
            command.env("BENCH_BY_KEY", "1");
        }
        if plan.how == How::Whole && plan.work != Work::Nothing {
            command.env("BENCH_EXPECTED", fed.count.to_string());
        }
        command
            .env("BENCH_SCENARIO", scenario)
            .env("BENCH_INPUT", input)
            .env("BENCH_OUTPUT", &fed.output)
            .env("BENCH_GROUP", fed.group())
            .env("BENCH_COUNT", fed.count.to_string())
            .env("BENCH_BYTES", plan.bytes.to_string())
            .env("BENCH_BINDINGS", plan.bindings.to_string())
            .env("BENCH_MILLIS", millis.to_string())
            .env("BENCH_CALLERS", "64");
        Ok(command)
    }
}
