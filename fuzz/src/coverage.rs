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

/// Copies the inputs that together reach what all kept and found ones reach into `merged`, within the corpus's limits.
/// libFuzzer says what each reaches; a file that a person named is kept whatever it reaches.
pub(crate) fn merge(run: &Run) -> Result<ExitCode> {
    let control = run.found.join("reached");
    let arguments = [
        "-merge_inner=1".to_owned(),
        format!("-merge_control_file={}", control.display()),
        format!("-max_len={MAX_LENGTH}"),
    ];
    if std::env::var_os(ARGUMENTS).is_none() {
        let inputs = corpus::read(&[corpus::folder(run.target), run.found.join("corpus")])?;
        let names: String = inputs
            .iter()
            .map(|(file, _)| format!("{}\n", file.display()))
            .collect();
        std::fs::write(&control, format!("{}\n0\n{names}", inputs.len()))
            .context("cannot write the list of inputs")?;
        with(run.target, &arguments)?;
        let reached = std::fs::read_to_string(&control).context("cannot read what the inputs reach")?;
        let merged = run.found.join("merged");
        for index in corpus::choose(&inputs, &reached) {
            let (file, _) = &inputs[index];
            std::fs::copy(file, merged.join(file.file_name().unwrap_or_default()))
                .with_context(|| format!("cannot copy `{}`", file.display()))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
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
