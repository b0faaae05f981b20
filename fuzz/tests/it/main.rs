//! The targets as ordinary tests, and every key and many a text of the configuration.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test fails where it panics")]

mod catalogue;
mod documents;
mod keys;
mod survive;
