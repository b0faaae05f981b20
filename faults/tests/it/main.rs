//! Facts about the bench itself, which nothing else judges.
#![allow(clippy::unwrap_used, missing_docs)]

mod check;
mod check_properties;
mod report;
mod synth;
