//! What every client of the binder has in common: its log lines, errors and statistics end up here.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};

use crate::error::one_line;
use crate::health::ClientHealth;
use crate::refusal::{Refusal, explained};

/// Keeps a client's health from what librdkafka reports.
///
/// librdkafka reports each broken connection and, when none is left, that all brokers are down. Only the latter (or a
/// refused login) is bad news; the reason is that of the last broken connection.
#[derive(Debug)]
pub(crate) struct Reports {
    brokers: String,
    health: ClientHealth,
    down: AtomicBool,
    /// The trouble isn't the connection, so a connection alone doesn't end it.
    stuck: AtomicBool,
    refusal: Mutex<Option<Refusal>>,
    last_reason: Mutex<Option<String>>,
    /// How many connections broke or could not be made since the client last worked.
    attempts: AtomicU32,
}

impl Reports {
    pub(crate) fn new(brokers: impl Into<String>, health: ClientHealth) -> Self {
        Self {
            brokers: brokers.into(),
            health,
            down: AtomicBool::new(false),
            stuck: AtomicBool::new(false),
            refusal: Mutex::new(None),
            last_reason: Mutex::new(None),
            attempts: AtomicU32::new(0),
        }
    }

    /// The client did its work: messages came, or were confirmed.
    pub(crate) fn alive(&self) {
        // Called for every message, so the lock behind the health is taken on changes only.
        if self.down.load(Ordering::Relaxed) {
            self.connected();
        }
    }

    /// The client works, as far as is known.
    pub(crate) fn connected(&self) {
        self.down.store(false, Ordering::Relaxed);
        self.stuck.store(false, Ordering::Relaxed);
        self.attempts.store(0, Ordering::Relaxed);
        self.health.up();
    }

    /// The client can't go on, for a reason of its own.
    pub(crate) fn failed(&self, reason: String) {
        self.down.store(true, Ordering::Relaxed);
        self.health.down(reason);
    }

    /// The client can't go on until something changes at the broker, such as a right. The connection is not to blame.
    pub(crate) fn stuck(&self, reason: String) {
        self.stuck.store(true, Ordering::Relaxed);
        self.down.store(true, Ordering::Relaxed);
        self.health.stuck(reason);
    }

    /// The client can't go on and is made anew.
    pub(crate) fn broken(&self, reason: &str) {
        tracing::debug!("a Kafka client is made anew: {reason}");
        self.failed(format!("a Kafka client had to be made anew: {reason}"));
    }

    pub(crate) fn health(&self) -> bindery_core::Health {
        self.health.get()
    }

    /// The reason of the last broken connection.
    pub(crate) fn reason(&self) -> Option<String> {
        self.last_reason
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// Whether no broker can be reached, as far as is known.
    pub(crate) fn is_down(&self) -> bool {
        self.down.load(Ordering::Relaxed)
    }

    /// Why broker and client don't let each other in, if they don't.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        *self
            .refusal
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Takes one of librdkafka's error reports.
    pub(crate) fn error(&self, error: &KafkaError, reason: &str) {
        tracing::debug!(target: "librdkafka", "{error}: {}", one_line(reason));
        if let Some(refusal) = Refusal::of(reason) {
            let mut known = self
                .refusal
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            *known = Some(refusal);
        }
        let reason = explained(reason);
        match error.rdkafka_error_code() {
            Some(Code::AllBrokersDown) => {
                let detail = self.reason().unwrap_or(reason);
                let attempts = self.attempts.load(Ordering::Relaxed).max(1);
                self.failed(format!(
                    "no broker of `{}` can be reached: {detail}, attempt {attempts}",
                    self.brokers
                ));
            }
            Some(Code::Authentication | Code::SaslAuthenticationFailed) => {
                self.keep(&reason);
                self.failed(format!(
                    "the Kafka brokers `{}` refused the login: {reason}",
                    self.brokers
                ));
            }
            Some(Code::BrokerTransportFailure | Code::Resolve | Code::SSL) => {
                self.attempts.fetch_add(1, Ordering::Relaxed);
                self.keep(&reason);
            }
            _ => {}
        }
    }

    fn keep(&self, reason: &str) {
        *self
            .last_reason
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(reason.to_owned());
    }

    /// Takes one of librdkafka's statistics documents: any broker that is up means that the client is connected.
    pub(crate) fn statistics(&self, document: &serde_json::Value) {
        let up = document
            .get("brokers")
            .and_then(serde_json::Value::as_object)
            .is_some_and(|brokers| {
                brokers
                    .values()
                    .any(|broker| broker.get("state").and_then(serde_json::Value::as_str) == Some("UP"))
            });
        if up && !self.stuck.load(Ordering::Relaxed) {
            self.connected();
        }
    }
}

/// Writes one of librdkafka's log lines: its own idea of their importance is about single connections, so they are
/// all for debugging; what matters is told by [`Reports`].
pub(crate) fn log_line(level: RDKafkaLogLevel, facility: &str, line: &str) {
    tracing::debug!(target: "librdkafka", ?level, "{facility} {line}");
}

/// The context of clients that only ask questions.
#[derive(Debug)]
pub(crate) struct PlainContext(pub(crate) Reports);

impl ClientContext for PlainContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(&error, reason);
    }

    fn stats_raw(&self, _statistics: &[u8]) {}
}

impl rdkafka::consumer::ConsumerContext for PlainContext {}
