//! `cargo xtask test`: the one test command. It provides what the tests need, starts both brokers unless they run,
//! tests the workspace on all three binders, and stops what it started.

use std::env;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::brokers::{self, Up, Way};
use crate::{install, process};

/// What the test command takes.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Install what is missing, on Debian and Ubuntu, with apt.
    #[arg(long)]
    install: bool,
    /// Everything else is for `cargo test`: a name filter, `-p <crate>`, `-- --nocapture`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    cargo: Vec<String>,
}

/// Runs the tests; the exit code is that of `cargo test`.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let way = brokers::way()?;
    let mut missing = install::missing_for_the_build();
    missing.extend(install::missing_for_the_tests());
    if way == Way::Packages {
        missing.extend(install::missing_for_the_brokers());
    }
    install::provide(&missing, arguments.install)?;
    brokers::during(way, None, |up| cargo_test(arguments, up))
}

fn cargo_test(arguments: &Arguments, up: &Up) -> Result<ExitCode> {
    let mut command = process::cargo();
    command.args(scope(&arguments.cargo)).args(&arguments.cargo);
    if up.settings.way == Way::Docker {
        println!(
            "the containers have no encrypted listeners: the tests `security::` are left out; `cargo xtask brokers up \
             --with packages` first to run them"
        );
        command.args(without_security(&arguments.cargo));
    }
    for (name, value) in up.settings.variables() {
        println!("{name}={value}");
        command.env(name, value);
    }
    // A test that restarts a broker does it through this program.
    if let Ok(program) = env::current_exe() {
        command.env("XTASK", program);
    }
    process::exit_code(&mut command)
}

/// Leaves out what needs encrypted listeners, behind what the caller gives to the test binaries.
fn without_security(arguments: &[String]) -> Vec<&'static str> {
    let skip = ["--skip", "security::"];
    if arguments.iter().any(|argument| argument == "--") {
        skip.to_vec()
    } else {
        [["--"].as_slice(), &skip].concat()
    }
}

/// What is tested: everything, with every feature, unless the caller names packages.
fn scope(arguments: &[String]) -> Vec<&'static str> {
    let for_cargo = arguments.iter().take_while(|argument| *argument != "--");
    let named = for_cargo
        .clone()
        .any(|argument| argument.starts_with("-p") || argument.starts_with("--package"));
    if named {
        vec!["test"]
    } else {
        vec!["test", "--workspace", "--all-features", "--no-fail-fast"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn without_a_package_everything_is_tested() {
        assert!(scope(&words("order_of_events")).contains(&"--workspace"));
        assert!(scope(&words("-- -p")).contains(&"--workspace"));
    }

    #[test]
    fn containers_have_no_encrypted_listeners() {
        assert_eq!(without_security(&words("-p a")), ["--", "--skip", "security::"]);
        assert_eq!(
            without_security(&words("-p a -- --nocapture")),
            ["--skip", "security::"]
        );
    }

    #[test]
    fn a_named_package_narrows_the_scope() {
        assert_eq!(scope(&words("-p bindery-kafka")), ["test"]);
        assert_eq!(scope(&words("--package bindery-kafka")), ["test"]);
    }
}
