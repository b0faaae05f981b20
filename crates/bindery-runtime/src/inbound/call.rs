//! One call of a listener: its time is bounded, and a panic is a failure like any other.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;
use std::time::Duration;

use bindery_core::{Call, HandlerError, Invocation, Listener, Outcome};

/// Calls `listener` and waits for its outcome, at most for `limit`.
///
/// # Cancel safety
/// A dropped call has run the handler up to an await point; nothing of it is published.
pub(crate) async fn run(
    listener: &dyn Listener,
    invocation: &Invocation,
    call: &mut Call,
    limit: Option<Duration>,
) -> Outcome {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| listener.call(invocation, call))) {
        return Outcome::Failed(panicked(&*panic));
    }
    let running = poll_fn(
        |task| match catch_unwind(AssertUnwindSafe(|| call.get_pin().poll(task))) {
            Ok(poll) => poll,
            Err(panic) => Poll::Ready(Outcome::Failed(panicked(&*panic))),
        },
    );
    let Some(limit) = limit else { return running.await };
    match tokio::time::timeout(limit, running).await {
        Ok(outcome) => outcome,
        Err(_) => {
            call.set(std::future::pending());
            Outcome::Failed(HandlerError::retryable(format!(
                "the handler took longer than {limit:?}"
            )))
        }
    }
}

fn panicked(panic: &(dyn Any + Send)) -> HandlerError {
    let text = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    HandlerError::retryable(format!("the handler panicked: {text}"))
}
