//! Other programs: run them with a time limit, start them in a session of their own, find, signal and await them.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::paths;

const POLL: Duration = Duration::from_millis(50);

/// Runs a program to its end and returns what it printed; a failure carries the end of its error output.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run `{name}`"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    bail!(
        "`{name}` ended with {}: {}",
        output.status,
        last_lines(&text_of(&output), 12)
    )
}

/// Runs a program with its output on the terminal.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("cannot run `{name}`"))?;
    if status.success() {
        Ok(())
    } else {
        bail!("`{name}` ended with {status}")
    }
}

/// The cargo that runs this program, in the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(paths::workspace());
    command
}

/// Runs a program with its output on the terminal and takes its exit code over; one that a signal ended has 130.
pub(crate) fn exit_code(command: &mut Command) -> Result<ExitCode> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("cannot run `{name}`"))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(130)))
}

/// Runs a program for `limit` at most. `None` when it could not be started, failed or took longer.
pub(crate) fn quick(command: &mut Command, limit: Duration) -> Option<String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut pipe = child.stdout.take()?;
    let reader = thread::spawn(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).ok().map(|_| text)
    });
    let succeeded = wait_child(&mut child, limit)?;
    let text = reader.join().ok()??;
    succeeded.then_some(text)
}

fn wait_child(child: &mut Child, limit: Duration) -> Option<bool> {
    let deadline = Instant::now() + limit;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status.success()),
            Ok(None) if Instant::now() < deadline => thread::sleep(POLL),
            Ok(None) | Err(_) => {
                // The program is only asked a question, so ending it the hard way loses nothing.
                child.kill().ok();
                child.wait().ok();
                return None;
            }
        }
    }
}

/// Starts a program that outlives this one: in a session of its own, its output appended to `log`.
pub(crate) fn detach(mut command: Command, log: &Path) -> Result<Child> {
    let out = File::options().create(true).append(true).open(log);
    let out = out.with_context(|| format!("cannot write `{}`", log.display()))?;
    command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
    let name = command.get_program().to_string_lossy().into_owned();
    command.spawn().with_context(|| format!("cannot run `{name}`"))
}

/// Makes the command that starts `program` in a new session, so that no terminal takes it down on closing.
/// `setsid` replaces itself by the program: the process id is the program's.
pub(crate) fn in_new_session(program: &Path) -> Command {
    let mut command = Command::new("setsid");
    command.arg(program);
    command
}

/// Tells whether a live process with this id has `marker` among its arguments: an id alone may belong to a
/// stranger after a reboot. A process that is ending has lost its arguments and still counts as alive.
pub(crate) fn is_alive(pid: u32, marker: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let recognised = arguments.is_empty() || String::from_utf8_lossy(&arguments).contains(marker);
    state.is_some_and(|state| state != 'Z') && recognised
}

/// Sends a signal by name, `TERM` or `KILL`.
pub(crate) fn signal(pid: u32, name: &str) -> Result<()> {
    output(Command::new("sh").args(["-c", &format!("kill -{name} {pid}")])).map(drop)
}

/// Waits until `done` holds; `limit` is generous, a healthy machine needs a fraction of it.
pub(crate) fn wait_until(limit: Duration, mut done: impl FnMut() -> Result<bool>) -> Result<bool> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if done()? {
            return Ok(true);
        }
        thread::sleep(POLL);
    }
    done()
}

/// Finds a program on the search path, with the system folders that an ordinary user's path may lack.
pub(crate) fn find(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    folders
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// The last lines of a text, for an error message.
pub(crate) fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Some programs explain themselves on one stream and some on the other.
fn text_of(output: &Output) -> String {
    let streams = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    streams
        .join("\n")
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_lines_keeps_the_end() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 5), "a");
    }

    #[test]
    fn a_failure_carries_what_the_program_said() {
        let script = "echo first; echo second >&2; exit 3";
        let error = output(Command::new("sh").args(["-c", script]))
            .unwrap_err()
            .to_string();
        assert!(error.contains("first\nsecond"), "{error}");
    }

    #[test]
    fn a_process_is_alive_only_under_its_own_name() {
        let me = std::process::id();
        assert!(is_alive(me, "xtask"));
        assert!(!is_alive(me, "no such argument"));
    }

    #[test]
    fn a_program_that_takes_too_long_has_no_answer() {
        assert_eq!(
            quick(Command::new("sleep").arg("60"), Duration::from_millis(100)),
            None
        );
        assert_eq!(
            quick(Command::new("echo").arg("yes"), Duration::from_secs(10)).as_deref(),
            Some("yes\n")
        );
    }
}
