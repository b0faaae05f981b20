//! The service under test: an ordinary Bindery service that writes down what it does.

mod desk;
pub mod publisher;

use std::time::Duration;

use bindery::Origin;
use bindery::prelude::*;

pub use desk::Desk;

use crate::work::{Conduct, Done, Work};

/// Runs the service until it is told to stop. With the variable `BENCH_PUBLISH` it publishes so many messages by hand
/// besides. The variable `FAILPOINTS` makes it abort at a step between receive and
/// settle.
///
/// # Errors
/// When the surroundings are incomplete, or the application can't start or end properly.
pub async fn run() -> bindery::Result {
    let misplaced =
        |error: std::io::Error| bindery::Error::new(bindery::ErrorKind::Configuration, error.to_string());
    let desk = Desk::from_environment().map_err(misplaced)?;
    let ledger = Desk::ledger_from_environment().map_err(misplaced)?;
    let application = application(desk);
    match publisher::wanted() {
        Some(count) => publisher::run(application, count, ledger).await,
        None => application.run().await,
    }
}

/// The service with its listeners, before anybody says where its messages are.
pub fn application(desk: Desk) -> Application {
    Application::new().state(desk).listeners(listeners![transfer])
}

/// Has its effect, which the ledger shows, and says so downstream.
#[stream_listener]
async fn transfer(
    work: Work,
    attempt: Attempt,
    origin: Origin,
    desk: State<Desk>,
) -> Result<Done, HandlerError> {
    desk.start(&work, attempt.0, &origin)
        .map_err(HandlerError::retryable)?;
    if work.micros > 0 {
        tokio::time::sleep(Duration::from_micros(work.micros)).await;
    }
    match work.conduct {
        Conduct::Succeed => {}
        Conduct::FailTimes(times) if attempt.0 > times => {}
        Conduct::FailTimes(_) | Conduct::FailAlways => return Err(HandlerError::retryable("told to fail")),
        Conduct::Refuse => return Err(HandlerError::permanent("told to refuse")),
        Conduct::Panic => panic!("told to panic"),
        Conduct::WaitForGate => desk.wait_for_gate().await,
    }
    desk.store(&work).map_err(HandlerError::retryable)?;
    desk.end(&work, &origin).map_err(HandlerError::retryable)?;
    Ok(Done {
        cause: work.id,
        key: work.key,
        seq: work.seq,
        pad: "x".repeat(work.output_bytes),
    })
}
