//! The whole way of a message, on the memory binder: what applications are promised, seen from outside.
#![allow(clippy::unwrap_used, missing_docs)]

mod acknowledgment;
mod batches;
mod bridge;
mod failures;
mod fixture;
mod forgotten;
mod guarantees;
mod holes;
mod lanes;
mod layers;
mod lifecycle;
mod logs;
mod no_room;
mod outputs;
mod properties;
mod regressions;
mod scripted;
mod sources;
mod suppliers;
mod waiting;
