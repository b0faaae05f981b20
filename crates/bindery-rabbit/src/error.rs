//! What the broker and its client library report, as errors for people: one line, classified, without secrets.

use std::time::Duration;

use bindery_core::{Error, ErrorKind, Retry};
use lapin::ErrorKind as Client;

use crate::tls;

/// Codes of the protocol that decide how an error is classified.
const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;
const RESOURCE_LOCKED: u16 = 405;
const PRECONDITION_FAILED: u16 = 406;
const COMMAND_INVALID: u16 = 503;
const NOT_ALLOWED: u16 = 530;
const NOT_IMPLEMENTED: u16 = 540;

/// An error that can be kept and told several times: `Error` itself can't be cloned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) kind: ErrorKind,
    pub(crate) retry: Retry,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn temporary(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            retry: Retry::Temporary,
            message: message.into(),
        }
    }

    pub(crate) fn permanent(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            retry: Retry::Permanent,
            message: message.into(),
        }
    }

    /// Whether only a person can help: the next try may wait long.
    pub(crate) fn needs_a_person(&self) -> bool {
        self.kind == ErrorKind::Unauthorized || self.retry == Retry::Permanent
    }

    /// The same refusal of something that worked before: it is tried again soon.
    #[must_use]
    pub(crate) fn after_it_worked(mut self) -> Self {
        if self.kind == ErrorKind::Topology {
            self.kind = ErrorKind::Unavailable;
            self.retry = Retry::Temporary;
        }
        self
    }

    /// The same refusal with what was being done in front.
    #[must_use]
    pub(crate) fn while_doing(mut self, what: &str) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.kind, refusal.message).with_retry(refusal.retry)
    }
}

impl From<lapin::Error> for Refusal {
    fn from(error: lapin::Error) -> Self {
        match error.kind() {
            Client::ProtocolError(reply) => from_reply(reply.get_id(), reply.get_message().as_str()),
            Client::IOError(io) => {
                tls::explained(io).unwrap_or_else(|| Self::temporary(ErrorKind::Unavailable, io.to_string()))
            }
            Client::MissingHeartbeatError => Self::temporary(
                ErrorKind::Unavailable,
                "the broker sent no heartbeat for too long",
            ),
            Client::ParsingError(_) => Self::temporary(
                ErrorKind::Unavailable,
                "a frame from the broker can't be read, perhaps a message whose header names aren't UTF-8",
            ),
            Client::ChannelsLimitReached => Self::temporary(
                ErrorKind::Unavailable,
                "the connection has as many channels as the broker allows",
            ),
            Client::InvalidChannelState(..) | Client::InvalidConnectionState(_) => {
                Self::temporary(ErrorKind::Unavailable, "the connection is closed")
            }
            _ => Self::temporary(ErrorKind::Unavailable, error.to_string()),
        }
    }
}

fn from_reply(code: u16, text: &str) -> Refusal {
    match code {
        ACCESS_REFUSED if text.contains("Login was refused") => Refusal::temporary(
            ErrorKind::Unauthorized,
            "the broker refused the login: check `spring.rabbitmq.username` and `spring.rabbitmq.password`",
        ),
        ACCESS_REFUSED | NOT_ALLOWED => Refusal::temporary(ErrorKind::Unauthorized, text),
        PRECONDITION_FAILED | COMMAND_INVALID | NOT_IMPLEMENTED => {
            Refusal::permanent(ErrorKind::Topology, text)
        }
        NOT_FOUND => Refusal::temporary(ErrorKind::Topology, text),
        RESOURCE_LOCKED => Refusal::temporary(ErrorKind::Unavailable, text),
        _ => Refusal::temporary(ErrorKind::Unavailable, text),
    }
}

/// Whether the connection died because something the broker sent can't be parsed.
pub(crate) fn is_unreadable(error: &lapin::Error) -> bool {
    matches!(error.kind(), Client::ParsingError(_))
}

/// Awaits a call to the broker for at most `limit`: the client library has no timeouts of its own that work.
pub(crate) async fn within<T>(
    limit: Duration,
    what: &str,
    call: impl Future<Output = lapin::Result<T>>,
) -> Result<T, Refusal> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer.map_err(|error| Refusal::from(error).while_doing(what)),
        Err(_) => Err(Refusal::temporary(
            ErrorKind::Timeout,
            format!("{what}: the broker didn't answer within {} s", limit.as_secs()),
        )),
    }
}

/// A permanent configuration error.
pub(crate) fn misconfigured(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_credentials_are_retried_slowly_and_mismatches_not_at_all() {
        let refused = from_reply(ACCESS_REFUSED, "ACCESS_REFUSED - Login was refused");
        assert_eq!(
            (refused.kind, refused.retry),
            (ErrorKind::Unauthorized, Retry::Temporary)
        );
        assert!(refused.needs_a_person());
        let mismatch = from_reply(PRECONDITION_FAILED, "PRECONDITION_FAILED - inequivalent arg");
        assert_eq!(
            (mismatch.kind, mismatch.retry),
            (ErrorKind::Topology, Retry::Permanent)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_never_answers_ends_with_a_timeout() {
        let pending = std::future::pending::<lapin::Result<()>>();
        let refusal = within(Duration::from_secs(5), "declaring queue `q`", pending).await;
        assert_eq!(
            refusal,
            Err(Refusal::temporary(
                ErrorKind::Timeout,
                "declaring queue `q`: the broker didn't answer within 5 s"
            ))
        );
    }
}
