//! Orders: takes them over HTTP, and follows each one until it ends.

mod book;

pub use book::{Counts, OrderBook, Status};
