//! `cargo xtask faults`: runs the fault bench on brokers of its own, because it kills them, and stops what it started.

use std::env;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::brokers::{self, Broker, Up, Way};
use crate::{install, paths, process};

/// The brokers that belong to the bench.
const SET: &str = "faults";
/// What the names of cases begin with whose output is on another broker than their input.
const BETWEEN_BROKERS: &str = "output-down";

/// What the command takes.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// Everything is for the bench itself: `--help` says what it takes.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    bench: Vec<String>,
}

/// Runs the bench; the exit code is its own.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    if arguments.bench.iter().any(|argument| is_question(argument)) {
        return bench(arguments, None);
    }
    paths::set_by_default(SET);
    let mut missing = install::missing_for_the_build();
    missing.extend(install::missing_for_the_brokers());
    install::provide(&missing, false)?;
    // The program and the service beside it; a run alone would build only the program.
    process::run(process::cargo().args(["build", "--package", "faults", "--bins"]))?;
    // Processes, not containers: a relay stands before Kafka's second listener, which containers don't have.
    brokers::during(Way::Packages, only(&arguments.bench), |up| {
        bench(arguments, Some(up))
    })
}

/// Whether the bench only answers something, for which it needs no brokers.
fn is_question(argument: &str) -> bool {
    matches!(argument, "--list" | "--help" | "-h")
}

/// The one broker that the bench is told to use, so that two benches with one broker each don't meet. Cases with the
/// output on another broker than the input need both.
fn only(arguments: &[String]) -> Option<Broker> {
    let needs_both = match value_of("--case", arguments) {
        Some(cases) => cases.contains(BETWEEN_BROKERS),
        None => true,
    };
    let named = value_of("--broker", arguments).filter(|_| !needs_both);
    named.and_then(|name| Broker::from_str(name, true).ok())
}

/// The value of an option, behind a space or a `=`.
fn value_of<'a>(option: &str, arguments: &'a [String]) -> Option<&'a str> {
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        match argument.strip_prefix(option) {
            Some("") => return rest.next().map(String::as_str),
            Some(value) => return value.strip_prefix('='),
            None => {}
        }
    }
    None
}

fn bench(arguments: &Arguments, up: Option<&Up>) -> Result<ExitCode> {
    let mut command = process::cargo();
    command.args(["run", "--quiet", "--package", "faults", "--bin", "faults", "--"]);
    command.args(&arguments.bench);
    command.envs(up.iter().flat_map(|up| up.settings.variables()));
    if let Ok(program) = env::current_exe() {
        command.env("XTASK", program);
    }
    process::exit_code(&mut command)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(text: &str) -> Option<Broker> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        only(&words)
    }

    #[test]
    fn only_the_broker_that_is_named_is_started() {
        assert_eq!(chosen("--case T2 --broker kafka"), Some(Broker::Kafka));
        assert_eq!(
            chosen("--broker=rabbit --seed 3 --case=T2,T6"),
            Some(Broker::Rabbit)
        );
        assert_eq!(chosen("--case T2 --broker memory"), None);
        assert_eq!(chosen("--case T2"), None);
    }

    #[test]
    fn cases_between_brokers_have_both() {
        assert_eq!(chosen("--broker kafka"), None);
        assert_eq!(chosen("--broker kafka --case T2,output-down"), None);
    }
}
