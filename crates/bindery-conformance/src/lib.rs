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
