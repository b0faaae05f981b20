//! What every client of the binder has in common: its log lines, errors and statistics end up here.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

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
    /// No broker can be reached; nothing else is wrong.
    unreachable: AtomicBool,
    /// How many connections broke or could not be made since the client last worked.
    attempts: AtomicU64,
    /// How many connections had been tried when the client last worked.
    connects: AtomicU64,
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
            unreachable: AtomicBool::new(false),
            attempts: AtomicU64::new(0),
            connects: AtomicU64::new(0),
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
        self.unreachable.store(false, Ordering::Relaxed);
        self.attempts.store(0, Ordering::Relaxed);
        self.health.up();
    }

    /// The client can't go on, for a reason of its own.
    pub(crate) fn failed(&self, reason: String) {
        self.unreachable.store(false, Ordering::Relaxed);
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
            Some(Code::AllBrokersDown) => self.unreachable(&reason),
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

    /// No broker can be reached: because of the last broken connection, if there is one.
    fn unreachable(&self, otherwise: &str) {
        let detail = self.reason();
        let detail = detail.as_deref().unwrap_or(otherwise);
        let attempts = self.attempts.load(Ordering::Relaxed).max(1);
        self.failed(format!(
            "no broker of `{}` can be reached: {detail}, attempt {attempts}",
            self.brokers
        ));
        self.unreachable.store(true, Ordering::Relaxed);
    }

    fn keep(&self, reason: &str) {
        *self
            .last_reason
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(reason.to_owned());
    }

    /// Takes one of librdkafka's statistics documents: any broker that is up means that the client is connected. While
    /// none is, it tells how many connections were tried; as errors the library reports equal ones once in 30 s.
    pub(crate) fn statistics(&self, document: &serde_json::Value) {
        let brokers = document.get("brokers").and_then(serde_json::Value::as_object);
        let mut is_up = false;
        let mut connects = 0_u64;
        for broker in brokers.into_iter().flat_map(serde_json::Map::values) {
            is_up |= broker.get("state").and_then(serde_json::Value::as_str) == Some("UP");
            let tried = broker.get("connects").and_then(serde_json::Value::as_u64);
            connects = connects.saturating_add(tried.unwrap_or_default());
        }
        if is_up {
            self.connects.store(connects, Ordering::Relaxed);
            if !self.stuck.load(Ordering::Relaxed) {
                self.connected();
            }
            return;
        }
        let tried = connects.saturating_sub(self.connects.load(Ordering::Relaxed));
        self.attempts.fetch_max(tried, Ordering::Relaxed);
        if self.unreachable.load(Ordering::Relaxed) {
            self.unreachable("no connection can be made");
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

#[cfg(test)]
mod tests {
    use bindery_core::Status;
    use serde_json::json;

    use super::*;
    use crate::health::Connectivity;

    fn brokers(state: &str, connects: [u64; 2]) -> serde_json::Value {
        let [bootstrap, coordinator] = connects;
        json!({"brokers": {
            "a:1/bootstrap": {"state": "DOWN", "connects": bootstrap},
            "GroupCoordinator": {"state": state, "connects": coordinator},
        }})
    }

    #[test]
    fn attempts_are_counted_also_where_the_library_keeps_quiet_about_equal_errors() {
        let reports = Reports::new("a:1", Connectivity::new("kafka".into()).client());
        reports.statistics(&brokers("UP", [1, 1]));
        let refused = KafkaError::Global(Code::BrokerTransportFailure);
        reports.error(&refused, "Connect to a:1 failed: Connection refused");
        reports.error(&KafkaError::Global(Code::AllBrokersDown), "1/1 brokers are down");
        let reason = || reports.health().reason.unwrap_or_default();
        let said = "no broker of `a:1` can be reached: Connect to a:1 failed: Connection refused, attempt ";
        assert_eq!(reason(), format!("{said}1"));
        reports.statistics(&brokers("TRY_CONNECT", [4, 6]));
        assert_eq!(reason(), format!("{said}8"));
        reports.statistics(&brokers("UP", [4, 9]));
        assert_eq!(reports.health().status, Status::Up);
        reports.error(&KafkaError::Global(Code::AllBrokersDown), "1/1 brokers are down");
        reports.statistics(&brokers("INIT", [5, 9]));
        assert_eq!(reason(), format!("{said}1"));
    }

    #[test]
    fn a_client_that_fails_for_another_reason_keeps_it() {
        let reports = Reports::new("a:1", Connectivity::new("kafka".into()).client());
        reports.error(&KafkaError::Global(Code::AllBrokersDown), "1/1 brokers are down");
        reports.broken("fenced");
        reports.statistics(&brokers("DOWN", [3, 3]));
        let reason = reports.health().reason.unwrap_or_default();
        assert_eq!(reason, "a Kafka client had to be made anew: fenced");
    }
}
