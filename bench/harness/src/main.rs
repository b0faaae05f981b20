//! `cargo xtask bench` runs this: the benches of Bindery against what an expert writes by hand on the bare clients, and
//! against its peers. The brokers' addresses come as `KAFKA_BROKERS` and `RABBITMQ_ADDRESSES`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use bench_harness::report::{Machine, Report, place, table, versions};
use bench_harness::run::{Bench, LATENCY_SECONDS, PLANS, Plan, Programs, checkout};
use clap::Parser;

/// Measures Bindery beside the bare clients and writes `bench/results/<date>`.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
    /// Only these scenarios, with commas between; a beginning of the name is enough, `kafka` for example.
    #[arg(long, value_delimiter = ',')]
    scenario: Vec<String>,
    /// Fails when a target is missed.
    #[arg(long)]
    check: bool,
    /// One short round of each, which is not judged and not written down.
    #[arg(long)]
    quick: bool,
    /// How many rounds.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Runs the peers as well: RustStream and Spring Cloud Stream, each with defaults and tuned.
    #[arg(long)]
    peers: bool,
    /// Lists the scenarios.
    #[arg(long)]
    list: bool,
    /// The day that the results are of; today when it is left out.
    #[arg(long)]
    date: Option<String>,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let plans = chosen(&arguments.scenario)?;
    if arguments.list {
        list(&plans, arguments.rounds);
        return Ok(ExitCode::SUCCESS);
    }
    let token = format!("b{}", seconds_since_1970() % 10_000_000);
    let mut bench = Bench::new(programs()?, token);
    bench.rounds = if arguments.quick { 1 } else { arguments.rounds };
    bench.quick = arguments.quick;
    bench.peers = arguments.peers;
    let results = checkout().join("bench/results");
    let mut whole = Report::default();
    for plan in plans {
        let report = Report {
            date: arguments.date.clone().unwrap_or_else(today),
            command: command(&arguments),
            machine: Machine::this(),
            versions: versions(&checkout()),
            scenarios: vec![bench.scenario(plan)?],
        };
        // Written after each scenario, so that a bench that is cut off has told what it had.
        if !arguments.quick {
            report.clone().save(&results)?;
            refresh_readme(&Report::read_all(&results)?)?;
        }
        whole.scenarios.extend(report.scenarios);
    }
    for line in whole.unjudged() {
        println!("{line}");
    }
    let missed = whole.missed();
    for line in &missed {
        println!("missed: {line}");
    }
    let failed = arguments.check && !missed.is_empty();
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn chosen(names: &[String]) -> Result<Vec<&'static Plan>> {
    if let Some(unknown) = names
        .iter()
        .find(|name| !PLANS.iter().any(|plan| plan.name.starts_with(name.as_str())))
    {
        let known: Vec<&str> = PLANS.iter().map(|plan| plan.name).collect();
        bail!("`{unknown}` is no scenario; there are {}", known.join(", "));
    }
    let wanted =
        |plan: &&Plan| names.is_empty() || names.iter().any(|name| plan.name.starts_with(name.as_str()));
    Ok(PLANS.iter().filter(wanted).collect())
}

/// What each scenario does, and about how long all its rounds take.
fn list(plans: &[&Plan], rounds: usize) {
    let rounds = u64::try_from(rounds).unwrap_or(1);
    let seconds = |plan: &Plan| plan.seconds * rounds + if plan.latency { LATENCY_SECONDS } else { 0 };
    for plan in plans {
        println!("{:<24} {:>5} s  {}", plan.name, seconds(plan), plan.what);
    }
    let all: u64 = plans.iter().map(|plan| seconds(plan)).sum();
    println!(
        "{:<24} {:>5} min for {rounds} rounds, without peers",
        "all of these",
        all.div_ceil(60)
    );
}

/// The programs stand beside this one; the peers have places of their own.
fn programs() -> Result<Programs> {
    let here = std::env::current_exe().context("this program has no path")?;
    let beside = |name: &str| here.with_file_name(name);
    Ok(Programs {
        feed: beside("bench-feed"),
        raw: beside("bench-raw"),
        service: beside("bench-service"),
        ruststream: checkout().join("target/peers/release/peer-ruststream"),
        spring: checkout().join("bench/peers/spring/target/peer-spring.jar"),
    })
}

/// The table in the README is of the latest results of each scenario.
fn refresh_readme(reports: &[Report]) -> Result<()> {
    let path: PathBuf = checkout().join("README.md");
    let readme = std::fs::read_to_string(&path).context("cannot read the README")?;
    let refreshed = place(&readme, &table(reports))?;
    std::fs::write(&path, refreshed).context("cannot write the README")
}

fn command(arguments: &Arguments) -> String {
    let mut command = "cargo xtask bench".to_owned();
    if arguments.peers {
        command += " --peers";
    }
    if !arguments.scenario.is_empty() {
        command += &format!(" --scenario {}", arguments.scenario.join(","));
    }
    command
}

fn seconds_since_1970() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// The day in UTC, as `2026-01-31`.
fn today() -> String {
    bindery_core::iso_8601(SystemTime::now())
        .chars()
        .take(10)
        .collect()
}
