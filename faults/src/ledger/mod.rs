//! Ledgers: append-only files of JSON lines, one per writer, one system call per record.
//!
//! A killed process loses nothing that it has written, so `write` is enough; only a machine fault would need `fsync`.

mod record;
mod run;
mod tail;
mod writer;

pub use record::{Moment, Outcome, Record};
pub use run::Run;
pub use tail::Tail;
pub use writer::Writer;
