//! Problems and warnings: where a key was given, what is wrong with it, and the way out. Never a secret.

use std::fmt;
use std::sync::Arc;

/// Where a key or value was given.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A YAML file, or YAML text given by code. Line and column count from 1.
    File {
        /// The file's name, as it was looked up.
        file: Arc<str>,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// An environment variable.
    Environment(Arc<str>),
    /// A command line argument, without its value.
    Argument(Arc<str>),
    /// A property given by code.
    Code,
    /// The program itself: a listener without configuration.
    Program,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Argument(name) => write!(f, "argument {name}"),
            Self::Code => f.write_str("property given in code"),
            Self::Program => f.write_str("program"),
        }
    }
}

/// One thing that is wrong with the configuration.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where it was given.
    pub origin: Origin,
    /// The full key as it was given; empty when the problem is with a whole file.
    pub key: String,
    /// The value that was found, unless it may be a secret.
    pub value: Option<String>,
    /// What is wrong, what is accepted, the way out.
    pub message: String,
}

impl Problem {
    /// A problem with a key.
    pub fn new(origin: Origin, key: impl fmt::Display, message: impl Into<String>) -> Self {
        Self {
            origin,
            key: key.to_string(),
            value: None,
            message: message.into(),
        }
    }

    /// Shows the value that was found.
    #[must_use]
    pub fn found(mut self, value: impl Into<String>) -> Self {
        self.value = Some(shortened(&value.into()));
        self
    }
}

/// A value as it is shown: on one line, cut where it gets long.
fn shortened(value: &str) -> String {
    let line: String = value
        .chars()
        .take(61)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    match line.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.origin)?;
        if !self.key.is_empty() && !matches!(self.origin, Origin::Argument(_)) {
            write!(f, "   {}", self.key)?;
        }
        if let Some(value) = &self.value {
            write!(f, " = \"{value}\"")?;
        }
        write!(f, "\n    {}", self.message)
    }
}

/// Everything that is wrong with the configuration, in the order of its places. Its `Display` is what a program
/// prints before it exits with code 2.
#[derive(Clone, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Sorts the problems by place; one that was found twice counts once.
    pub fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort();
        problems.dedup();
        Self(problems)
    }

    /// Gives `value` when there is no problem.
    ///
    /// # Errors
    /// The problems, when there are some.
    pub fn none_or<T>(problems: Vec<Problem>, value: T) -> Result<T, Self> {
        if problems.is_empty() {
            Ok(value)
        } else {
            Err(Self::new(problems))
        }
    }

    /// The problems, in the order of their places.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.0.iter()
    }

    /// How many there are; at least one.
    #[expect(clippy::len_without_is_empty, reason = "there is always a problem")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = match self.len() {
            1 => "1 problem".to_owned(),
            count => format!("{count} problems"),
        };
        writeln!(f, "error: {count} in the configuration\n")?;
        for problem in self {
            for line in problem.to_string().lines() {
                writeln!(f, "  {line}")?;
            }
            writeln!(f)?;
        }
        f.write_str("nothing was started")
    }
}

impl fmt::Debug for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Problems {}

/// A line for the log at startup: something that was given and isn't honoured as it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// Where it was given.
    pub origin: Origin,
    /// The full key as it was given.
    pub key: String,
    /// What becomes of it.
    pub message: String,
}

impl Warning {
    /// A warning about a key.
    pub fn new(origin: Origin, key: impl fmt::Display, message: impl Into<String>) -> Self {
        Self {
            origin,
            key: key.to_string(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}   {}: {}", self.origin, self.key, self.message)
    }
}
