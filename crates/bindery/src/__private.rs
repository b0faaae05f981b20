//! What expansions name, and nothing else uses.

use bindery_core::{Convert, FromInvocation, Handler};
pub use bindery_core::{ListenerDefinition, Probe, Registration};
use futures_core::Stream;

pub use crate::run_main::{MainResult, run_main};

/// The lookups of a [`Probe`], imported together.
pub mod probes {
    pub use bindery_core::{
        ProbeExact as _, ProbeFallible as _, ProbePlain as _, ProbeShape as _, ProbeTuple as _,
    };
}

/// `T`, provided that the constant `N` compiled.
///
/// The compiler reports a broken constant once, where it stands, and keeps silent about types that depend on it: so a
/// mistake in an argument or a result has one message, at that argument or result.
pub type Checked<T, const N: usize> = <[(); N] as Same<T>>::Type;

/// See [`Checked`].
pub trait Same<T> {
    /// `T` itself.
    type Type;
}

impl<T, const N: usize> Same<T> for [(); N] {
    type Type = T;
}

/// Checks an argument of a listener, after those that take `before` payloads.
#[track_caller]
pub const fn listener_argument<A: FromInvocation<Via>, Via>(before: usize) -> usize {
    assert!(
        before + A::PAYLOADS <= 1,
        "a stream listener takes one payload: take other values as `Header<..>`, `Headers`, `Key` or `State<T>`, or put both into one type"
    );
    before + A::PAYLOADS
}

/// Checks an argument of a supplier.
#[track_caller]
pub const fn supplier_argument<A: FromInvocation<Via>, Via>(_before: usize) -> usize {
    assert!(
        A::PAYLOADS == 0,
        "a stream supplier takes no payload: there is no message to take it from; take what it needs as `State<T>`"
    );
    0
}

/// How many outputs a result has; the closure, which isn't called, says of which kind it is.
pub const fn outputs<R, K: Convert<R>, F: Fn() -> K>(_kind: &F) -> usize {
    K::OUTPUTS
}

/// A probe for a result whose type can't be written.
pub fn probe_of<F: Handler<Args>, Args>(_function: &F) -> Probe<F::Result> {
    Probe::new()
}

/// What a supplier that isn't async returns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no stream: a stream supplier that isn't `async` returns one",
    note = "return `impl Stream<Item = T>`, or write `async fn` for a supplier that is called at an interval"
)]
pub trait Items {
    /// What it yields.
    type Item;
}

#[diagnostic::do_not_recommend]
impl<S: Stream> Items for S {
    type Item = S::Item;
}

/// Checks the result of a supplier that isn't async.
pub const fn supplier_stream<S: Items>() -> usize {
    0
}
