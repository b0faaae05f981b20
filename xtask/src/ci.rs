//! `cargo xtask ci`: the checks besides the tests. All of them run, and the summary says which failed and what could
//! not be checked here.

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::{paths, process, tidy};

enum Verdict {
    Passed,
    Failed,
    NotChecked(&'static str),
}

/// Runs every check; the exit code is 0 only when none failed.
pub(crate) fn run() -> Result<ExitCode> {
    let clippy_all = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ];
    let clippy_none = [
        "clippy",
        "-p",
        "bindery",
        "--no-default-features",
        "--",
        "-D",
        "warnings",
    ];
    let verdicts = [
        ("format", cargo(&["fmt", "--all", "--check"])),
        ("clippy, all features", cargo(&clippy_all)),
        ("clippy, no default features", cargo(&clippy_none)),
        ("documentation", documentation()),
        ("house rules", house_rules()?),
        ("bans, licences, sources", deny(&["bans", "licenses", "sources"])),
        ("advisories", advisories()),
    ];
    println!();
    let mut failed = false;
    for (name, verdict) in verdicts {
        match verdict {
            Verdict::Passed => println!("passed       {name}"),
            Verdict::NotChecked(reason) => println!("NOT CHECKED  {name}: {reason}"),
            Verdict::Failed => {
                failed = true;
                println!("FAILED       {name}");
            }
        }
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn cargo(arguments: &[&str]) -> Verdict {
    println!("\n> cargo {}", arguments.join(" "));
    verdict_of(process::cargo().args(arguments))
}

fn documentation() -> Verdict {
    let arguments = ["doc", "--workspace", "--no-deps", "--all-features"];
    println!("\n> RUSTDOCFLAGS=\"-D warnings\" cargo {}", arguments.join(" "));
    verdict_of(
        process::cargo()
            .args(arguments)
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

fn house_rules() -> Result<Verdict> {
    println!("\n> cargo xtask tidy");
    Ok(if tidy::run()? == ExitCode::SUCCESS {
        Verdict::Passed
    } else {
        Verdict::Failed
    })
}

fn deny(checks: &[&str]) -> Verdict {
    let Some(program) = cargo_deny() else {
        return Verdict::NotChecked("`cargo-deny` is not installed");
    };
    println!("\n> cargo deny check {}", checks.join(" "));
    let mut command = Command::new(program);
    verdict_of(
        command
            .current_dir(paths::workspace())
            .args(["deny", "--log-level", "error", "check"])
            .args(checks),
    )
}

/// The list of advisories is a git repository, which a machine that reaches only package registries cannot fetch.
fn advisories() -> Verdict {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let present = home.is_some_and(|home| home.join("advisory-dbs").is_dir());
    if !present {
        return Verdict::NotChecked(
            "the advisory database is not on this machine (`cargo deny fetch` gets it)",
        );
    }
    deny(&["--disable-fetch", "advisories"])
}

fn cargo_deny() -> Option<PathBuf> {
    let local = paths::workspace().join("target/tools/bin/cargo-deny");
    process::find("cargo-deny").or_else(|| local.is_file().then_some(local))
}

fn verdict_of(command: &mut Command) -> Verdict {
    match process::run(command) {
        Ok(()) => Verdict::Passed,
        Err(error) => {
            eprintln!("{error:#}");
            Verdict::Failed
        }
    }
}
