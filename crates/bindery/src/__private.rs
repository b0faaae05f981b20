//! What expansions name, and nothing else uses.

pub use bindery_core::{ListenerDefinition, Probe, Registration};
pub use futures_core::Stream;

pub use crate::run_main::{MainResult, run_main};

use bindery_core::{Convert, FromInvocation};

/// The lookups of a [`Probe`], imported together.
pub mod probes {
    pub use bindery_core::{ProbeExact, ProbeFallible, ProbePlain, ProbeShape, ProbeTuple};
}

/// How many payloads an argument takes.
pub const fn payloads<A: FromInvocation<Via>, Via>() -> usize {
    A::PAYLOADS
}

/// How many outputs a result has; the closure, which isn't called, says of which kind it is.
pub const fn outputs<R, K: Convert<R>, F: Fn() -> K>(_kind: &F) -> usize {
    K::OUTPUTS
}

/// Asks for a future that can move between threads.
pub fn is_send<F: Future + Send>(_future: F) {}
