//! One run of one target: starts the program, and reads what it did and what it left.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};

use crate::{paths, process};

/// What all targets have in common.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) program: PathBuf,
    /// What the program calls its engine.
    pub(super) command: &'static str,
    pub(super) seconds: u64,
    pub(super) runs: Option<u64>,
    pub(super) seed: u64,
    /// Whether the kept inputs are replaced by those that reach as much.
    pub(super) keep: bool,
}

/// What a target did.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) inputs: u64,
    pub(super) took: Duration,
    pub(super) corpus: String,
    pub(super) new_paths: String,
    /// What is wrong, the file with the input, and how to run it again.
    pub(super) failure: Option<String>,
}

/// What a run may take beyond its time: reading the corpus, the last input, writing what was found.
const GRACE: Duration = Duration::from_secs(120);
/// Beginnings of the names of files with inputs that made a target fail.
const CULPRITS: [&str; 4] = ["crash-", "timeout-", "oom-", "leak-"];

/// Runs a target.
pub(super) fn target(plan: &Plan, name: &str) -> Result<Outcome> {
    let found = paths::workspace().join("target/fuzz/found").join(name);
    fs::create_dir_all(&found).with_context(|| format!("cannot create `{}`", found.display()))?;
    let log = found.join("log");
    let (start, began) = (Instant::now(), SystemTime::now());
    let mut command = command(plan, &[plan.command, name], &log)?;
    command.arg("--found").arg(&found).args([
        "--seconds",
        &plan.seconds.to_string(),
        "--seed",
        &plan.seed.to_string(),
    ]);
    if let Some(runs) = plan.runs {
        command.args(["--runs", &runs.to_string()]);
    }
    let mut child = command.spawn().context("cannot start the fuzz program")?;
    let status = wait(&mut child, Duration::from_secs(plan.seconds) + GRACE)?;
    let took = start.elapsed();
    let text = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
    let failure = match status {
        Some(status) if status.success() => None,
        status => Some(explain(name, status, &text, culprit(&found, began))),
    };
    if plan.keep && failure.is_none() {
        keep(plan, name, &found)?;
    }
    Ok(Outcome {
        failure,
        ..numbers(&text, took)
    })
}

fn command(plan: &Plan, arguments: &[&str], log: &Path) -> Result<Command> {
    let file = File::create(log).with_context(|| format!("cannot write `{}`", log.display()))?;
    let mut command = Command::new(&plan.program);
    command
        .current_dir(paths::workspace())
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file);
    Ok(command)
}

/// Waits for the end; `None` when it didn't come in time and was brought about.
fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let mut status = None;
    let ended = process::wait_until(limit, || {
        status = child.try_wait()?;
        Ok(status.is_some())
    })?;
    if !ended {
        child.kill().ok();
        child.wait()?;
    }
    Ok(status)
}

/// Reads the numbers from what either engine printed.
fn numbers(text: &str, took: Duration) -> Outcome {
    let after = |mark: &str| {
        let rest = &text[text.rfind(mark)? + mark.len()..];
        rest.split_whitespace().next().map(str::to_owned)
    };
    let number = |mark: &str| after(mark)?.parse().ok();
    let millis = number("millis=").map(Duration::from_millis);
    let corpus = after("corp: ").map(|corpus| corpus.split('/').next().unwrap_or_default().to_owned());
    Outcome {
        inputs: number("stat::number_of_executed_units:")
            .or_else(|| number("inputs="))
            .unwrap_or(0),
        took: millis.unwrap_or(took),
        corpus: corpus.or_else(|| after("corpus=")).unwrap_or_default(),
        new_paths: after("stat::new_units_added:")
            .or_else(|| after("new="))
            .unwrap_or_default(),
        failure: None,
    }
}

/// The file with the input that made a target fail: what the engine wrote, or the input that it had in hand.
fn culprit(found: &Path, began: SystemTime) -> Option<PathBuf> {
    let is_new = |file: &PathBuf| {
        let written = file.metadata().and_then(|metadata| metadata.modified());
        written.is_ok_and(|written| written + Duration::from_secs(1) >= began)
    };
    let named = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        CULPRITS.iter().any(|mark| name.starts_with(mark))
    };
    let files = fs::read_dir(found).ok()?.flatten().map(|entry| entry.path());
    if let Some(file) = files.into_iter().filter(named).find(is_new) {
        return Some(file);
    }
    let current = fs::read(found.join("current")).ok()?;
    let (length, rest) = current.split_first_chunk::<4>()?;
    let input = rest.get(..usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
    let file = found.join("crash-in-hand");
    fs::write(&file, input).ok()?;
    Some(file)
}

fn explain(name: &str, status: Option<ExitStatus>, log: &str, culprit: Option<PathBuf>) -> String {
    let end = status.map_or("it did not end in time".to_owned(), |status| status.to_string());
    let mut text = format!("  {end}\n");
    let told = log
        .lines()
        .filter(|line| !line.starts_with("stat::") && !line.trim().is_empty());
    let told: Vec<&str> = told.collect();
    // What was wrong is said before a backtrace of any length.
    let panic = told.iter().position(|line| line.contains("panicked at"));
    let end = told.len().saturating_sub(12);
    let begin = panic.map_or(end..end, |panic| panic..end.min(panic + 6).max(panic));
    for line in told[begin].iter().chain(&told[end..]) {
        let _ = writeln!(text, "  | {line}");
    }
    match culprit {
        Some(file) => {
            let root = paths::workspace();
            let file = file.strip_prefix(&root).unwrap_or(&file).display();
            let _ = write!(
                text,
                "  input: {file}\n  again: cargo run -p fuzz -- replay {name} {file}"
            );
        }
        None => text.push_str("  the input is not known"),
    }
    text
}

/// Replaces the kept inputs by the smallest that reach what they and the found ones reach.
fn keep(plan: &Plan, name: &str, found: &Path) -> Result<()> {
    let merged = found.join("merged");
    fs::remove_dir_all(&merged).ok();
    fs::create_dir_all(&merged)?;
    let mut command = command(plan, &["merge", name], &found.join("merge-log"))?;
    let status = command
        .arg("--found")
        .arg(found)
        .status()
        .context("cannot start the fuzz program")?;
    if !status.success() {
        bail!("merging the inputs of `{name}` ended with {status}");
    }
    let kept = paths::workspace().join("fuzz/corpus").join(name);
    fs::remove_dir_all(&kept)?;
    fs::create_dir_all(&kept)?;
    for entry in fs::read_dir(&merged)? {
        let file = entry?.path();
        fs::copy(&file, kept.join(file.file_name().unwrap_or_default()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_both_engines_are_read() {
        let coverage = "#9 INITED cov: 9 ft: 9 corp: 3/9b exec/s: 0\n#99 DONE cov: 9 ft: 9 corp: 12/34Kb lim: 8\n\
            stat::number_of_executed_units: 99\nstat::new_units_added: 7\n";
        let read = numbers(coverage, Duration::from_secs(2));
        assert_eq!((read.inputs, read.took), (99, Duration::from_secs(2)));
        assert_eq!((read.corpus.as_str(), read.new_paths.as_str()), ("12", "7"));
        let read = numbers("inputs=5 millis=1000 corpus=3 new=-\n", Duration::from_secs(2));
        assert_eq!((read.inputs, read.took), (5, Duration::from_secs(1)));
        assert_eq!((read.corpus.as_str(), read.new_paths.as_str()), ("3", "-"));
    }

    #[test]
    fn what_was_wrong_is_told_however_long_the_backtrace() {
        let trace: String = (0..40).map(|n| format!("  {n}: frame\n")).collect();
        let log = format!("#1 INITED\nthread panicked at a.rs:1\nit changes at each hop\n{trace}SUMMARY\n");
        let text = explain("avro", None, &log, None);
        assert!(text.contains("| it changes at each hop\n"), "{text}");
        assert!(
            text.contains("| SUMMARY\n") && text.lines().count() < 24,
            "{text}"
        );
        assert!(!text.contains("INITED"), "{text}");
    }

    #[test]
    fn a_failure_names_the_input_and_the_way_to_run_it_again() {
        let file = paths::workspace().join("target/fuzz/found/avro/crash-1");
        let text = explain("avro", None, "a\npanicked: x\nstat::y: 1\n", Some(file));
        assert!(
            text.contains("| panicked: x") && !text.contains("stat::"),
            "{text}"
        );
        assert!(
            text.ends_with("again: cargo run -p fuzz -- replay avro target/fuzz/found/avro/crash-1"),
            "{text}"
        );
    }
}
