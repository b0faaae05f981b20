//! `cargo xtask bench`: builds the benches as releases, runs them on brokers of their own, and stops what it started.

use std::env;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
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
        arguments
            .bench
            .iter()
            .any(|argument| names.contains(&argument.as_str()))
    };
    install::provide(&install::missing_for_the_build(), false)?;
    // The twins and the service are the programs that are measured; nothing else may choose their features.
    process::run(cargo().args(["build", "--release", "--package", "bench-service"]))?;
    process::run(cargo().args([
        "build",
        "--release",
        "--package",
        "bench-raw",
        "--package",
        "bench-harness",
    ]))?;
    if asks(&["--list", "--help", "-h"]) {
        return bench(arguments, None);
    }
    paths::set_by_default(SET);
    // Ctrl-C reaches the benches as well and ends them; this program must live on to stop the brokers.
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted)).context("cannot listen to signals")?;
    }
    install::provide(&install::missing_for_the_brokers(), false)?;
    if asks(&["--peers"]) {
        build_peers()?;
    }
    let up = brokers::up(Some(Way::Packages), None)?;
    let outcome = if interrupted.load(Ordering::Relaxed) {
        Ok(ExitCode::from(130))
    } else {
        bench(arguments, Some(&up))
    };
    brokers::stop_started(&up)?;
    outcome
}

/// The peers are no members of the workspace: they have their own versions of everything.
fn build_peers() -> Result<()> {
    let target = paths::workspace().join("target/peers");
    process::run(
        cargo()
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
    let status = command.status().context("cannot run the benches")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(130)))
}

fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(paths::workspace());
    command
}
