//! The bench itself: `cargo xtask faults` runs it.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Parser;
use faults::brokers::{Kafka, Rabbit};
use faults::cases::{ALL, Case};
use faults::context::{Broker, Context, Scale};
use faults::report::{CaseReport, Machine, Report, line};
use tokio::sync::RwLock;

/// Kills, freezes and cuts off service processes and brokers while messages flow, and says what became of each message.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask faults")]
struct Arguments {
    /// Only this broker.
    #[arg(long)]
    broker: Option<Broker>,
    /// Only these cases: `T2,T6,dead-letter-missing`.
    #[arg(long, value_delimiter = ',')]
    case: Vec<String>,
    /// Where everything random follows from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How much is done.
    #[arg(long, default_value = "short")]
    scale: Scale,
    /// Report what depends on how fast the machine is, such as recovery times, and leave it out of the verdict.
    #[arg(long)]
    untimed: bool,
    /// Print the cases and the brokers they apply to.
    #[arg(long)]
    list: bool,
    /// Where the report, the ledgers and the logs go.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/faults"))]
    folder: PathBuf,
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if arguments.list {
        for case in ALL {
            let brokers: Vec<_> = case.brokers.iter().map(|broker| broker.name()).collect();
            println!("{:<28} {:<20} {}", case.name, brokers.join(" "), case.title);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let unknown: Vec<_> = arguments
        .case
        .iter()
        .filter(|name| ALL.iter().all(|case| case.name != **name))
        .collect();
    ensure!(
        unknown.is_empty(),
        "no such case: {unknown:?}; `--list` names them"
    );
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter("error,librdkafka=off,rdkafka=off,lapin=off")
        .init();

    // The service processes have another working directory.
    let folder = std::path::absolute(&arguments.folder)?;
    let (kafka, rabbit) = (Kafka::from_environment()?, Rabbit::from_environment()?);
    let machine = RwLock::new(());
    let tracks = [Broker::Kafka, Broker::Rabbit, Broker::Memory]
        .into_iter()
        .filter(|broker| arguments.broker.is_none_or(|only| only == *broker))
        .map(|broker| {
            let context = Context {
                broker,
                scale: arguments.scale,
                seed: arguments.seed,
                kafka: kafka.clone(),
                rabbit: rabbit.clone(),
                folder: folder.clone(),
            };
            track(context, &arguments, &machine)
        });
    let reports: Vec<_> = futures_util::future::join_all(tracks)
        .await
        .into_iter()
        .flatten()
        .collect();
    let report = Report {
        command: format!("cargo xtask faults{}", rest_of_the_command()),
        seed: arguments.seed,
        scale: arguments.scale.name().to_owned(),
        product: env!("CARGO_PKG_VERSION").to_owned(),
        brokers: vec![("RabbitMQ".to_owned(), rabbit.version().await.unwrap_or_default())],
        machine: Machine::this(),
        cases: reports,
    };
    report.write(&folder)?;
    let held = report.cases.iter().filter(|case| case.holds()).count();
    println!(
        "{held} of {} cases hold; {}",
        report.cases.len(),
        folder.join("report.md").display()
    );
    Ok(if report.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What this program was told, as it would be told again.
fn rest_of_the_command() -> String {
    std::env::args()
        .skip(1)
        .map(|argument| format!(" {argument}"))
        .collect()
}

/// Runs the cases of one broker one after the other.
async fn track(context: Context, arguments: &Arguments, machine: &RwLock<()>) -> Vec<CaseReport> {
    let only = &arguments.case;
    let chosen = |case: &&Case| {
        case.brokers.contains(&context.broker)
            && (only.is_empty() || only.iter().any(|name| name == case.name))
    };
    let mut reports = Vec::new();
    for case in ALL.iter().filter(chosen) {
        // Whoever counts what happens at a certain rate has the machine for itself; the others share it.
        let alone = case.counts_at_a_rate();
        let _alone = if alone { Some(machine.write().await) } else { None };
        let _shared = if alone { None } else { Some(machine.read().await) };
        let began = Instant::now();
        let mut report = case.run(&context).await.unwrap_or_else(|error| {
            CaseReport::broken(case.name, context.broker.name(), &error, began.elapsed())
        });
        if arguments.untimed {
            report.judge_untimed();
        }
        println!("{}", line(&report));
        reports.push(report);
    }
    reports
}
