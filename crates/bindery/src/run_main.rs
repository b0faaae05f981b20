//! What `#[bindery::main]` calls: a runtime around the program, an exit code after it.

use std::error::Error as StdError;
use std::process::ExitCode;
use std::time::Duration;

use bindery_core::{Error, ErrorKind};

/// The exit code of a program whose configuration can't be honoured.
const CONFIGURATION: u8 = 2;
/// How long blocking work that outlived the program may take before it is left behind.
const LINGER: Duration = Duration::from_secs(1);

/// What an `async fn main` may return: nothing, or a `Result` of nothing with any error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the result of `main`",
    note = "`main` returns nothing or `bindery::Result`"
)]
pub trait MainResult {
    /// Prints what went wrong for people, and says with which code the program ends.
    fn exit_code(self) -> ExitCode;
}

impl MainResult for () {
    fn exit_code(self) -> ExitCode {
        ExitCode::SUCCESS
    }
}

impl MainResult for ExitCode {
    fn exit_code(self) -> ExitCode {
        self
    }
}

impl<R: MainResult, E: Into<Box<dyn StdError + Send + Sync>>> MainResult for Result<R, E> {
    fn exit_code(self) -> ExitCode {
        match self {
            Ok(result) => result.exit_code(),
            Err(error) => {
                let error = error.into();
                eprintln!("error: {}", report(&*error));
                ExitCode::from(code_of(&*error))
            }
        }
    }
}

/// Runs `program` on a new multi-threaded runtime and returns its exit code.
pub fn run_main<F: Future<Output: MainResult>>(program: F) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let result = runtime.block_on(program);
            runtime.shutdown_timeout(LINGER);
            result.exit_code()
        }
        Err(error) => Err::<(), _>(error).exit_code(),
    }
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The error and its causes, separated by `: `, each said once.
fn report(error: &(dyn StdError + 'static)) -> String {
    let mut text = String::new();
    for part in chain(error).map(ToString::to_string) {
        if text.is_empty() {
            text = part;
        } else if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
    }
    text
}

fn code_of(error: &(dyn StdError + 'static)) -> u8 {
    let ours = chain(error).find_map(|error| error.downcast_ref::<Error>());
    match ours.map(Error::kind) {
        Some(ErrorKind::Configuration) => CONFIGURATION,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Boxed = Box<dyn StdError + Send + Sync>;

    #[test]
    fn a_configuration_problem_has_its_own_code() {
        let configuration = Error::new(ErrorKind::Configuration, "no binder of this name");
        let boxed: Boxed = configuration.into();
        assert_eq!(code_of(&*boxed), 2);
        let other: Boxed = Error::new(ErrorKind::Unavailable, "the broker is away").into();
        assert_eq!(code_of(&*other), 1);
        let wrapped: Boxed = Error::new(ErrorKind::Handler, "the service can't start")
            .caused_by("a cause")
            .into();
        assert_eq!(report(&*wrapped), "the service can't start: a cause");
        assert_eq!(code_of(&*wrapped), 1);
    }

    #[test]
    fn the_program_runs_on_a_runtime_with_time_and_threads() {
        async fn program() -> Result<(), Boxed> {
            tokio::time::sleep(Duration::ZERO).await;
            tokio::spawn(async {}).await?;
            Ok(())
        }
        assert_eq!(
            format!("{:?}", run_main(program())),
            format!("{:?}", ExitCode::SUCCESS)
        );
        let failing = async { Err::<(), _>(Error::new(ErrorKind::Configuration, "wrong")) };
        assert_eq!(
            format!("{:?}", run_main(failing)),
            format!("{:?}", ExitCode::from(2))
        );
    }
}
