//! The suite that every binder passes: what the binder contract promises, as cases that run on a real broker.
//!
//! A binder's integration tests describe the broker with a [`Fixture`] and let the macro make one test of each case:
//!
//! ```text
//! bindery_conformance::conformance_suite! {
//!     fixture: fixture(),
//!     not_applicable: ["confirms::an_unroutable_record_fails"],
//! }
//! ```
//!
//! Cases are chosen by the binder's [`Capabilities`](bindery_core::Capabilities) and by what the fixture can do to its
//! broker. A case that doesn't apply prints why; the list of those is given to the macro and must be exact, so that
//! nothing is left out in silence.
//!
//! Every case has a binder and names of its own. Most cases work with the binder alone; those of the areas `attempts`,
//! `concurrency`, `services`, `observation` and `recovery` run an application over it, because what they promise takes
//! the runtime and the binder together.
//!
//! | what must hold | area: cases |
//! | --- | --- |
//! | payloads arrive as sent: unicode, empty, none, as large as brokers take by default | `delivery` |
//! | headers of every type, both ways | `headers` |
//! | key and partition are chosen stably | `partitions`, `ordering` |
//! | two groups get all each, members of one share; anonymous groups get new messages only, named ones what was sent while they were away | `groups` |
//! | a failing message is tried exactly N times, then dead-lettered with what failed; errors for good are not tried again; a panic is a failure | `attempts`: `a_failing_message_…`, `the_class_of_an_error_…`, `a_panic_…`; `dead_letter` |
//! | without a dead letter a message is held, or skipped where that is configured | `attempts`: `without_a_dead_letter_…`, `an_exhausted_message_…` |
//! | a dead letter that isn't confirmed settles nothing | `dead_letter`: `a_refused_copy_…`, `publishing_a_copy_…`; `attempts`: `a_refused_dead_letter_…` |
//! | an attempt doesn't see what the one before changed | `attempts`: `an_attempt_does_not_see_…` |
//! | concurrency is real, each key stays in order | `concurrency`, `ordering` |
//! | pause, resume, bounded memory | `back_pressure` |
//! | a stop waits for handlers; one that hangs is given up at the deadline; what stopped starts again | `services`, `lifecycle` |
//! | a dropped future loses nothing | `lifecycle`: `a_cancelled_bind_…`, `a_cancelled_wait_…`; `attempts`: `a_handler_that_takes_too_long_…` |
//! | publication errors surface, also after the end | `confirms`, `services`: `publishing_after_the_end_…` |
//! | two bindings share a destination | `services`: `two_inputs_…`, `groups`, `lifecycle`: `closing_one_consumer_…` |
//! | of a batch, the failing message alone is dead-lettered; a batch can be settled in part | `attempts`: `a_failing_message_of_a_batch_…`; `batch` |
//! | nothing is acknowledged beyond the first unsettled message | `settlement` |
//! | the broker may go away in the middle of all this | `outage`, `recovery` |
//! | health and counters are what happened | `observation`; `outage`: `health_…` |
//! | existing destinations aren't altered | `provisioning` |
//!
//! Cases wait for conditions and fail with what they waited for. To show that something does *not* arrive they send a
//! message behind it and look at what comes first.
#![expect(
    clippy::unwrap_used,
    reason = "a case fails by panicking, like any other test"
)]

#[doc(hidden)]
pub mod cases;
mod fixture;
mod gate;
mod log_watch;
mod member;
mod need;
mod relay;
mod run;
mod service;
mod shown;
mod suite;
mod table;

pub use fixture::{DeadLetterFixture, Fixture, Outage, Refuse};
pub use gate::Gate;
pub use log_watch::LogWatch;
pub use need::Need;
pub use relay::{Answers, Relay};
pub use run::{Case, assert_not_applicable, cases};
pub use shown::everything_shown;
#[doc(hidden)]
pub use {run::run, suite::Suite};
