//! What a handler's failure says: the error and what shall become of the message.

use std::error::Error as StdError;
use std::fmt;

use crate::{Error, ErrorKind};

/// What shall become of a message whose handler failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// Try again, up to `max-attempts` deliveries; then the dead letter. The class of every `Err`, unless it says otherwise.
    Retryable,
    /// Trying again can't help: straight to the dead letter.
    Permanent,
    /// The payload or a header can't be read: straight to the dead letter.
    Undecodable,
    /// Drop the message: settle it as done, count it, and log it at `warn`.
    Discard,
}

impl FailureClass {
    /// The class as a word, for logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Retryable => "retryable",
            Self::Permanent => "permanent",
            Self::Undecodable => "undecodable",
            Self::Discard => "discard",
        }
    }
}

/// A handler's failure. Every error converts into a retryable one with `?`.
///
/// ```
/// use bindery_core::HandlerError;
///
/// fn check(quantity: i32) -> Result<(), HandlerError> {
///     if quantity < 0 {
///         return Err(HandlerError::permanent("the quantity is negative"));
///     }
///     let _: u8 = "7".parse()?;
///     Ok(())
/// }
/// assert!(check(-1).is_err() && check(1).is_ok());
/// ```
pub struct HandlerError {
    class: FailureClass,
    error_type: String,
    source: Box<dyn StdError + Send + Sync>,
}

impl HandlerError {
    fn classed<E: Into<Box<dyn StdError + Send + Sync>>>(class: FailureClass, error: E) -> Self {
        Self {
            class,
            error_type: std::any::type_name::<E>().to_owned(),
            source: error.into(),
        }
    }

    /// A failure after which the message is tried again.
    pub fn retryable<E: Into<Box<dyn StdError + Send + Sync>>>(error: E) -> Self {
        Self::classed(FailureClass::Retryable, error)
    }

    /// A failure after which the message goes straight to its dead letter.
    pub fn permanent<E: Into<Box<dyn StdError + Send + Sync>>>(error: E) -> Self {
        Self::classed(FailureClass::Permanent, error)
    }

    /// A failure after which the message is dropped.
    pub fn discard<E: Into<Box<dyn StdError + Send + Sync>>>(error: E) -> Self {
        Self::classed(FailureClass::Discard, error)
    }

    /// A payload or header that can't be read.
    pub fn undecodable<E: Into<Box<dyn StdError + Send + Sync>>>(error: E) -> Self {
        Self::classed(FailureClass::Undecodable, error)
    }

    /// The class.
    pub fn class(&self) -> FailureClass {
        self.class
    }

    /// The type of the error, as a path.
    pub fn error_type(&self) -> &str {
        &self.error_type
    }

    /// The error and its causes, one a line.
    pub fn trace(&self) -> String {
        let mut lines = format!("{}: {}", self.error_type, self.source);
        let mut cause = self.source.source();
        while let Some(error) = cause {
            lines.push_str(&format!("\nCaused by: {error}"));
            cause = error.source();
        }
        lines
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for HandlerError {
    fn from(error: E) -> Self {
        let class = match (&error as &dyn std::any::Any).downcast_ref::<Error>() {
            Some(known) if known.kind() == ErrorKind::Payload => FailureClass::Permanent,
            _ => FailureClass::Retryable,
        };
        Self::classed(class, error)
    }
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl fmt::Debug for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class.as_str(), self.trace())
    }
}
