//! What a binder's tests tell the suite about their broker.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bindery_core::{Binder, BinderFactory, BinderSpec, ConsumerSpec, Options};

/// Makes a broker refuse what is published to a dead letter destination; the argument is the destination of the
/// consumer's [`DeadLetterRoute`](bindery_core::DeadLetterRoute).
pub type Refuse = Arc<dyn Fn(String) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A broker to run the suite on.
pub struct Fixture {
    /// Makes the binder.
    pub factory: Arc<dyn BinderFactory>,
    /// How it connects.
    pub binder: BinderSpec,
    /// How long anything may take before a case fails.
    pub deadline: Duration,
    /// Whether the broker assigns partitions to the members of a group, and moves them as members come and go; else
    /// each instance has the partition of its index.
    pub assigns_partitions: bool,
    /// How dead letters are published and read, where the binder publishes copies.
    pub dead_letter: Option<DeadLetterFixture>,
    /// The consumer's options under which the broker dead-letters what is rejected.
    pub native_dead_letter: Option<Options>,
    /// A binder whose broker can't be reached.
    pub unreachable: Option<Arc<dyn Binder>>,
    /// Makes a line to the broker that can be cut, for the cases that cut it; each gets one of its own.
    pub outage: Option<Arc<dyn Fn() -> Outage + Send + Sync>>,
}

/// A line to the broker that can be cut and joined again. [`Relay::outage`](crate::Relay::outage) makes one for any
/// broker that speaks TCP.
pub struct Outage {
    /// How a binder connects over this line.
    pub binder: BinderSpec,
    /// Breaks every connection over this line and lets none in.
    pub cut: Box<dyn Fn() + Send + Sync>,
    /// Lets connections in again.
    pub restore: Box<dyn Fn() + Send + Sync>,
}

/// How dead letters are published and read.
pub struct DeadLetterFixture {
    /// The consumer's options that switch the dead letter on.
    pub options: Options,
    /// The input that reads the dead letters: made of the failing input's spec, and of the destination that its
    /// dead letter route names.
    pub input: fn(&ConsumerSpec, &str) -> ConsumerSpec,
    /// Makes the broker refuse dead letters.
    pub refuse: Option<Refuse>,
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture")
            .field("kind", &self.factory.kind())
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Outage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outage")
            .field("binder", &self.binder.name)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for DeadLetterFixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetterFixture")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
