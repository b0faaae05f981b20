//! The one error of the framework: what kind, whether to try again, and a sentence for people.

use std::error::Error as StdError;
use std::fmt;

/// What went wrong, coarsely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration can't be honoured.
    Configuration,
    /// The broker can't be reached, or the connection broke: it says nothing about the message. A publication that
    /// fails so is published again for as long as it takes.
    Unavailable,
    /// The broker refused the credentials or a right, or one side refused the other's certificate.
    Unauthorized,
    /// A destination exists with other properties than the configured ones, or doesn't exist.
    Topology,
    /// A message doesn't fit: too large, malformed, undecodable.
    Payload,
    /// The broker refused a publication (negative confirmation, unroutable): the message that caused it has failed.
    Publish,
    /// Something took longer than its limit.
    Timeout,
    /// The program's own code failed.
    Handler,
    /// The binder or binding is closed.
    Closed,
    /// The binder can't do this.
    Unsupported,
}

/// Whether trying the same again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// It can: the cause may pass.
    Temporary,
    /// It can't: the same input fails the same way.
    Permanent,
    /// It could have, but was tried often enough: no outer layer starts again.
    Persistent,
}

/// An error with kind, retry class, a sentence, what it happened to, and its cause.
///
/// `Display` gives the sentence and the context, without the cause; [`Error::report`] gives the chain. Binders never
/// put secrets in either.
pub struct Error {
    kind: ErrorKind,
    retry: Retry,
    message: String,
    context: Vec<(&'static str, String)>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The result of what can fail with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A permanent error of the given kind. The message is lower case, without a full stop, and names the way out.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            retry: Retry::Permanent,
            message: message.into(),
            context: Vec::new(),
            source: None,
        }
    }

    /// A temporary error of the given kind.
    pub fn temporary(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::new(kind, message).with_retry(Retry::Temporary)
    }

    /// The same error with another retry class.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Adds what the error happened to, for example `("binding", name)`.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.context.push((key, value.to_string()));
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What went wrong, coarsely.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// Whether it is worth trying again.
    pub fn is_temporary(&self) -> bool {
        self.retry == Retry::Temporary
    }

    /// The sentence alone.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The sentence and every cause, separated by `: `.
    pub fn report(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let part = error.to_string();
            if !text.contains(&part) {
                text = format!("{text}: {part}");
            }
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (index, (key, value)) in self.context.iter().enumerate() {
            write!(f, "{}{key} `{value}`", if index == 0 { " (" } else { ", " })?;
        }
        if self.context.is_empty() {
            Ok(())
        } else {
            f.write_str(")")
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({:?}): {}", self.kind, self.retry, self.report())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_names_context_and_cause_once() {
        let error = Error::temporary(ErrorKind::Unavailable, "connection refused")
            .with("binder", "kafka")
            .caused_by("os error 111");
        assert_eq!(
            error.report(),
            "connection refused (binder `kafka`): os error 111"
        );
        assert!(error.is_temporary());
    }
}
