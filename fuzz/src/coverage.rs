//! The engine that is guided by coverage: libFuzzer, started in this process.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use fuzz::mutate::MAX_LENGTH;
use fuzz::{Target, corpus};

use crate::Run;

/// Where libFuzzer's arguments are read from.
const ARGUMENTS: &str = "BOLERO_LIBFUZZER_ARGS";

/// Runs libFuzzer for the given time.
pub(crate) fn run(run: &Run) -> Result<ExitCode> {
    let grown = run.found.join("corpus");
    std::fs::create_dir_all(&grown).with_context(|| format!("cannot create `{}`", grown.display()))?;
    let words = run.found.join("words");
    std::fs::write(&words, dictionary(run.target)).context("cannot write the words")?;
    let mut arguments = vec![
        grown.display().to_string(),
        corpus::folder(run.target).display().to_string(),
        format!("-artifact_prefix={}/", run.found.display()),
        format!("-dict={}", words.display()),
        format!("-max_total_time={}", run.seconds),
        format!("-seed={}", run.seed),
        format!("-max_len={MAX_LENGTH}"),
        "-timeout=10".to_owned(),
        "-rss_limit_mb=2048".to_owned(),
        "-print_final_stats=1".to_owned(),
    ];
    if run.runs < u64::MAX {
        arguments.push(format!("-runs={}", run.runs));
    }
    with(run.target, &arguments)
}

/// Lets libFuzzer choose the smallest inputs that reach everything; how often a line is reached doesn't count.
pub(crate) fn merge(run: &Run) -> Result<ExitCode> {
    let folders = [
        run.found.join("merged"),
        corpus::folder(run.target),
        run.found.join("corpus"),
    ];
    let mut arguments = vec!["-merge=1".to_owned(), "-use_counters=0".to_owned()];
    arguments.extend(folders.iter().map(|folder| folder.display().to_string()));
    with(run.target, &arguments)
}

/// libFuzzer takes its arguments from the environment, which is set before a process starts: so this program starts
/// itself once more.
fn with(target: &'static Target, arguments: &[String]) -> Result<ExitCode> {
    if std::env::var_os(ARGUMENTS).is_some() {
        start(target);
        bail!("libFuzzer returned");
    }
    if arguments.iter().any(|argument| argument.contains(' ')) {
        bail!("libFuzzer takes no path with a blank in it");
    }
    let program = std::env::current_exe().context("cannot find this program")?;
    let status = Command::new(program)
        .args(std::env::args_os().skip(1))
        .env(ARGUMENTS, arguments.join(" "))
        .status()
        .context("cannot start libFuzzer")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn start(target: &'static Target) {
    let run = target.run;
    bolero::check!().for_each(move |input: &[u8]| run(input));
}

/// The target's words as libFuzzer reads them.
fn dictionary(target: &Target) -> String {
    let escaped = |word: &&str| {
        let bytes: String = word.bytes().map(|byte| format!("\\x{byte:02x}")).collect();
        format!("\"{bytes}\"\n")
    };
    target.words.iter().map(escaped).collect()
}
