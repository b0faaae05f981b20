//! Whom a figure is from.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A program that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Program {
    /// The bare client, as an expert would use it by hand.
    Raw,
    /// The bare client once more, with a future for each record.
    RawFuture,
    /// Bindery without the disturbance that a scenario is about.
    Undisturbed,
    /// Bindery: what every target is asked of.
    Bindery,
    /// RustStream with its defaults.
    RustStream,
    /// RustStream, tuned by its own documentation.
    RustStreamTuned,
    /// Spring Cloud Stream with its defaults.
    Spring,
    /// Spring Cloud Stream, tuned by its own documentation.
    SpringTuned,
}

impl Program {
    /// All of them, in the order in which tables and charts show them.
    pub const ALL: [Self; 8] = [
        Self::Raw,
        Self::RawFuture,
        Self::Undisturbed,
        Self::Bindery,
        Self::RustStream,
        Self::RustStreamTuned,
        Self::Spring,
        Self::SpringTuned,
    ];

    /// Its name in files and verdicts, as `raw-future`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::RawFuture => "raw-future",
            Self::Undisturbed => "undisturbed",
            Self::Bindery => "bindery",
            Self::RustStream => "rust-stream",
            Self::RustStreamTuned => "rust-stream-tuned",
            Self::Spring => "spring",
            Self::SpringTuned => "spring-tuned",
        }
    }

    /// Whether it is a framework of others.
    pub fn is_peer(self) -> bool {
        matches!(
            self,
            Self::RustStream | Self::RustStreamTuned | Self::Spring | Self::SpringTuned
        )
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Raw => "raw client",
            Self::RawFuture => "raw client, futures",
            Self::Undisturbed => "Bindery, undisturbed",
            Self::Bindery => "Bindery",
            Self::RustStream => "RustStream",
            Self::RustStreamTuned => "RustStream, tuned",
            Self::Spring => "Spring Cloud Stream",
            Self::SpringTuned => "Spring Cloud Stream, tuned",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_has_one_name() {
        for program in Program::ALL {
            assert_eq!(serde_json::to_value(program).unwrap(), program.name());
        }
    }
}
