//! Fuzz targets: what reads bytes that others write, and one function each that must survive all of them.
//!
//! The same targets run on two engines: libFuzzer, guided by coverage, where a C++ compiler is at hand, and mutation of
//! the kept inputs everywhere. `cargo xtask fuzz` chooses; `cargo test -p fuzz` runs every kept input and a few mutations.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`targets`] | the targets |
//! | [`corpus`] | the inputs that are kept, in `fuzz/corpus/<target>` |
//! | [`mutate`], [`random`] | the engine that needs nothing |

pub mod corpus;
pub mod mutate;
pub mod pieces;
pub mod random;
pub mod targets;

pub use targets::{TARGETS, Target};
