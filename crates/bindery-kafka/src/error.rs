//! From librdkafka's error codes to the framework's error: kind, retry class, and a sentence without secrets.

use bindery_core::{Error, ErrorKind, Retry};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::secrets::is_secret;

/// What an error code means for whoever asked.
pub(crate) fn classify(code: Code) -> (ErrorKind, Retry) {
    match code {
        Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::InvalidRecord | Code::InvalidMessage => {
            (ErrorKind::Payload, Retry::Permanent)
        }
        Code::Authentication | Code::SaslAuthenticationFailed => (ErrorKind::Unauthorized, Retry::Temporary),
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed => (ErrorKind::Unauthorized, Retry::Temporary),
        Code::UnknownTopicOrPartition
        | Code::UnknownTopic
        | Code::UnknownPartition
        | Code::InvalidTopic
        | Code::InvalidPartitions
        | Code::InvalidReplicationFactor
        | Code::InvalidConfig
        | Code::PolicyViolation => (ErrorKind::Topology, Retry::Permanent),
        Code::InvalidArgument | Code::UnsupportedFeature | Code::UnsupportedSASLMechanism => {
            (ErrorKind::Configuration, Retry::Permanent)
        }
        Code::MessageTimedOut | Code::OperationTimedOut | Code::RequestTimedOut | Code::TimedOutQueue => {
            (ErrorKind::Timeout, Retry::Temporary)
        }
        Code::BrokerTransportFailure | Code::AllBrokersDown | Code::Resolve | Code::SSL => {
            (ErrorKind::Unavailable, Retry::Temporary)
        }
        // The client can't go on, or has no room: nobody has looked at the message.
        Code::Fatal | Code::PurgeQueue | Code::PurgeInflight | Code::QueueFull => {
            (ErrorKind::Unavailable, Retry::Temporary)
        }
        _ => (ErrorKind::Publish, Retry::Temporary),
    }
}

/// The error of a client call; `what` says what was tried, for example ``could not publish to `orders` ``.
pub(crate) fn failed(what: &str, error: &KafkaError) -> Error {
    match error {
        KafkaError::ClientConfig(_, description, key, _) => invalid_property(description, key),
        KafkaError::ClientCreation(reason) => {
            Error::new(ErrorKind::Configuration, format!("{what}: {}", one_line(reason)))
        }
        other => match other.rdkafka_error_code() {
            Some(code) => by_code(what, code),
            None => Error::temporary(ErrorKind::Unavailable, format!("{what}: {other}")),
        },
    }
}

/// The error of an error code.
pub(crate) fn by_code(what: &str, code: Code) -> Error {
    let (kind, retry) = classify(code);
    Error::new(kind, format!("{what}: {}", sentence(code))).with_retry(retry)
}

/// The code's sentence as librdkafka has it, without the `Broker:`/`Local:` prefix.
fn sentence(code: Code) -> String {
    let text = code.to_string();
    let text = text
        .split_once(" (")
        .map_or(text.as_str(), |(_, reason)| reason.trim_end_matches(')'));
    let text = text
        .strip_prefix("Broker: ")
        .or_else(|| text.strip_prefix("Local: "))
        .unwrap_or(text);
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => "unknown error".to_owned(),
    }
}

fn invalid_property(description: &str, key: &str) -> Error {
    let detail = if is_secret(key) {
        "its value is not accepted"
    } else {
        description
    };
    Error::new(
        ErrorKind::Configuration,
        format!(
            "the Kafka client property `{key}` can't be used: {}",
            one_line(detail)
        ),
    )
}

/// A text from the library as one line.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_too_large_is_permanently_a_payload_error() {
        let error = by_code("could not publish to `t`", Code::MessageSizeTooLarge);
        assert_eq!((error.kind(), error.is_temporary()), (ErrorKind::Payload, false));
        assert_eq!(
            error.message(),
            "could not publish to `t`: message size too large"
        );
    }

    #[test]
    fn a_timeout_is_temporary() {
        assert!(by_code("x", Code::MessageTimedOut).is_temporary());
    }

    #[test]
    fn the_value_of_a_secret_property_is_not_shown() {
        let error = invalid_property("Invalid value \"hunter2\" for property", "sasl.password");
        assert!(!error.report().contains("hunter2"), "{error}");
    }
}
