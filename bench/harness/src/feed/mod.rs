//! Fills topics and queues, keeps up a steady rate, and drains what a program has published: always from a process of
//! its own, never by the program that is measured.

pub mod kafka;
pub mod rabbit;
mod tally;

pub use tally::{Drained, Latency};
