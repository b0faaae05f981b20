//! What a binder can do by itself; what it can't is said when a binding asks for it.

/// What a binder can do. The conformance suite chooses its cases by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Sources are numbered partitions, and a record can name one.
    pub partitions: bool,
    /// A record can have a key of its own (else the key travels in a header).
    pub keys: bool,
    /// A record can have no value (a tombstone).
    pub tombstones: bool,
    /// The broker can dead-letter a rejected message itself.
    pub native_dead_letter: bool,
    /// A released message is delivered again at once; else when its source is next assigned.
    pub redelivers_released: bool,
    /// A publication that reaches no queue is reported as a failure.
    pub reports_unroutable: bool,
    /// Messages stay readable after they are settled, so a new group can start from the beginning.
    pub retains: bool,
}
