//! The endpoints over HTTP, on loopback.
#![allow(missing_docs, clippy::unwrap_used, reason = "these are tests")]

mod bindings;
mod fixture;
mod health;
mod limits;
