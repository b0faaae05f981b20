//! Avro as its users meet it: round trips, defaults, hostile bytes.
#![allow(missing_docs, clippy::unwrap_used, reason = "these are tests")]

mod avro;
mod hostile;
mod round_trip;
