//! `cargo xtask bench`: builds the benches as releases, runs them on brokers of their own, and stops what it started.

use std::process::{Command, ExitCode};

use anyhow::Result;
use clap::Args;

use crate::brokers::{self, Up, Way};
use crate::{install, paths, process};

/// The brokers that belong to the benches.
const SET: &str = "bench";

/// What the command takes.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// Everything is for the benches themselves: `--help` says what they take.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    bench: Vec<String>,
}

/// Runs the benches; the exit code is their own.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let asks = |names: &[&str]| {
        let mut given = arguments.bench.iter();
        given.any(|argument| names.contains(&argument.as_str()))
    };
    install::provide(&install::missing_for_the_build(), false)?;
    println!(
        "bench: building the harness, then the service and the twins; the first time this takes minutes"
    );
    build("bench-harness")?;
    if asks(&["--list", "--help", "-h"]) {
        return bench(arguments, None);
    }
    // One by one: these are measured, and nothing else may choose their features.
    build("bench-service")?;
    build("bench-raw")?;
    paths::set_by_default(SET);
    install::provide(&install::missing_for_the_brokers(), false)?;
    if asks(&["--peers"]) {
        build_peers()?;
    }
    println!("bench: starting Kafka and RabbitMQ of their own; the first time takes a minute");
    brokers::during(Way::Packages, None, |up| bench(arguments, Some(up)))
}

fn build(package: &str) -> Result<()> {
    process::run(process::cargo().args(["build", "--release", "--package", package]))
}

/// The peers are no members of the workspace: they have their own versions of everything.
fn build_peers() -> Result<()> {
    let target = paths::workspace().join("target/peers");
    process::run(
        process::cargo()
            .args([
                "build",
                "--release",
                "--locked",
                "--manifest-path",
                "bench/peers/ruststream/Cargo.toml",
            ])
            .arg("--target-dir")
            .arg(target),
    )?;
    process::run(Command::new("mvn").current_dir(paths::workspace()).args([
        "--quiet",
        "--batch-mode",
        "--file",
        "bench/peers/spring/pom.xml",
        "package",
    ]))
}

fn bench(arguments: &Arguments, up: Option<&Up>) -> Result<ExitCode> {
    let mut command = Command::new(paths::workspace().join("target/release/bench"));
    command.current_dir(paths::workspace()).args(&arguments.bench);
    command.envs(up.iter().flat_map(|up| up.settings.variables()));
    process::exit_code(&mut command)
}
