//! Fills topics and queues, keeps up a steady rate, and drains what a program has published: always from a process of
//! its own, never by the program that is measured.

pub mod kafka;
mod keys;
pub mod rabbit;
mod tally;

pub use keys::Keys;
pub use tally::{Drained, Latency};
