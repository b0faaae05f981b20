//! `bench-cost report` prints what a message costs; `fill` and `run` are the processes that it counts.

use std::alloc::System;

use anyhow::Result;
use bench_cost::measure::Measure;
use bench_cost::subject::Subject;
use bench_cost::{Binder, Case, report};
use clap::{Args, Parser, Subcommand};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[derive(Debug, Parser)]
#[command(about = "What a message costs in allocations and instructions")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Publishes messages for a `run`.
    Fill(Service),
    /// Handles messages, and prints how often memory was asked for and for how many bytes.
    Run(Service),
    /// Prints a table of what a message costs in this build.
    Report,
}

#[derive(Debug, Args)]
struct Service {
    binder: Binder,
    case: Case,
    /// What topics and queues are called.
    #[arg(long)]
    name: String,
    /// How many messages.
    #[arg(long)]
    count: u64,
}

impl From<Service> for Subject {
    fn from(service: Service) -> Self {
        Self {
            binder: service.binder,
            case: service.case,
            name: service.name,
            count: service.count,
        }
    }
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Fill(service) => Subject::from(service).fill(),
        Command::Run(service) => {
            let allocated = Subject::from(service).run()?;
            println!("{} {}", allocated.times, allocated.bytes);
            Ok(())
        }
        Command::Report => report::print(&Measure {
            program: &std::env::current_exe()?,
            messages: 10_000,
            messages_in_valgrind: 2_000,
        }),
    }
}
