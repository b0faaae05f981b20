//! Why a broker and a client don't let each other in, from librdkafka's texts: what is wrong, and the key to look at.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::{ClientConfig, ClientContext};

use crate::context::log_line;
use crate::error::one_line;

/// What only a person can put right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The client doesn't accept the broker's certificate.
    Certificate,
    /// The broker doesn't accept the client's certificate, or got none.
    ClientCertificate,
    /// The broker doesn't accept user and password.
    Login,
}

/// The texts by which the TLS library tells that it didn't accept the broker's certificate.
const UNVERIFIED: &[&str] = &["certificate verify failed", "error:0A000086"];

/// Alerts with which a broker answers the client's certificate, or the lack of one.
const ALERTS: &[&str] = &[
    "alert bad certificate",
    "alert certificate required",
    "alert certificate unknown",
    "alert certificate expired",
    "alert unknown ca",
    "alert handshake failure",
];

impl Refusal {
    /// What a text of librdkafka's about a broken connection tells of.
    pub(crate) fn of(reason: &str) -> Option<Self> {
        let has = |parts: &[&str]| parts.iter().any(|part| reason.contains(part));
        if has(UNVERIFIED) {
            Some(Self::Certificate)
        } else if has(ALERTS) {
            Some(Self::ClientCertificate)
        } else if reason.contains("SASL authentication error") {
            Some(Self::Login)
        } else {
            None
        }
    }
}

/// A text of librdkafka's about a broken connection, for people: without what changes from one attempt to the next, so
/// that the same trouble has the same text, and with the way out when there is one.
pub(crate) fn explained(reason: &str) -> String {
    let reason = one_line(reason);
    let lasting = reason.split(" (after ").next().unwrap_or(&reason);
    match Refusal::of(lasting) {
        Some(Refusal::Certificate) => {
            "the broker's certificate is not trusted or is for another name: check \
             `spring.kafka.ssl.trust-store-location` and `bootstrap-servers`"
        }
        Some(Refusal::ClientCertificate) => {
            "the broker wants a client certificate that it trusts: check `spring.kafka.ssl.key-store-location`"
        }
        Some(Refusal::Login) => {
            let said = lasting.split("SASL authentication error: ").last().unwrap_or_default();
            return format!("{said}: check user and password in `sasl.jaas.config`");
        }
        None => return lasting.to_owned(),
    }
    .to_owned()
}

/// Which of the two is wrong with a certificate that isn't accepted: librdkafka doesn't tell. Blocks for seconds.
///
/// A connection that leaves out the name, and only the name, gets further when the name is what was wrong. It sends no
/// login and is used for nothing else.
pub(crate) fn about_the_certificate(config: &ClientConfig) -> &'static str {
    match passes_without_its_name(config) {
        Some(true) => {
            "the broker's certificate is for another name: put the name that it is for into `bootstrap-servers`, or \
             have one issued for the broker's name"
        }
        Some(false) => {
            "the broker's certificate is not trusted: set `spring.kafka.ssl.trust-store-location` to a PEM file with \
             the authority that signed it, and see that neither has expired"
        }
        None => {
            "the broker's certificate is not trusted or is for another name: check \
             `spring.kafka.ssl.trust-store-location` and `bootstrap-servers`"
        }
    }
}

/// How long the additional connection may take.
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);

fn passes_without_its_name(config: &ClientConfig) -> Option<bool> {
    let mut nameless = ClientConfig::new();
    // The library's own map hides the values of secrets.
    for key in config.config_map().into_keys() {
        let is_about_trust = key.starts_with("ssl.") && key != "ssl.endpoint.identification.algorithm";
        if let Some(value) = config.get(key)
            && (is_about_trust || key == "bootstrap.servers" || key == "client.id")
        {
            nameless.set(key, value);
        }
    }
    nameless.set("security.protocol", "ssl");
    nameless.set("ssl.endpoint.identification.algorithm", "none");
    let probe: BaseConsumer<Probe> = nameless.create_with_context(Probe::default()).ok()?;
    let started = Instant::now();
    while started.elapsed() < PROBE_TIMEOUT {
        let answered = probe.fetch_metadata(None, Duration::from_millis(200)).is_ok();
        while probe.poll(Duration::ZERO).is_some() {}
        let broken = probe.client().context().broken();
        // A broker that waits for a login, or for a client certificate, ends the connection after the handshake.
        match broken.as_deref().map(Refusal::of) {
            Some(Some(Refusal::Certificate)) => return Some(false),
            Some(_) => return Some(true),
            None if answered => return Some(true),
            None => {}
        }
    }
    None
}

/// Keeps why the connection broke, and says nothing: the trouble has been told.
#[derive(Default)]
struct Probe(Mutex<Option<String>>);

impl Probe {
    fn broken(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ClientContext for Probe {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() != Some(Code::AllBrokersDown) {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *known = Some(reason.to_owned());
        }
    }
}

impl ConsumerContext for Probe {}

#[cfg(test)]
mod tests {
    use super::*;

    const UNTRUSTED: &str = "sasl_ssl://h:1/bootstrap: SSL handshake failed: error:0A000086:SSL routines::certificate \
                             verify failed: broker certificate could not be verified (after 4ms in state SSL_HANDSHAKE)";
    const NO_CERTIFICATE: &str = "ssl://h:1/bootstrap: Receive failed: error:0A000412:SSL routines::ssl/tls alert bad \
                                  certificate: SSL alert number 42 (after 1ms in state APIVERSION_QUERY)";
    const LOGIN: &str = "sasl_ssl://h:1/bootstrap: SASL authentication error: Authentication failed during \
                         authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512 (after 160ms in \
                         state AUTH_REQ, 1 identical error(s) suppressed)";

    #[test]
    fn each_refusal_names_the_key_to_look_at() {
        for (reason, refusal, key) in [
            (UNTRUSTED, Refusal::Certificate, "ssl.trust-store-location"),
            (
                NO_CERTIFICATE,
                Refusal::ClientCertificate,
                "ssl.key-store-location",
            ),
            (LOGIN, Refusal::Login, "sasl.jaas.config"),
        ] {
            assert_eq!(Refusal::of(reason), Some(refusal));
            assert!(explained(reason).contains(key), "{}", explained(reason));
        }
    }

    #[test]
    fn the_same_trouble_has_the_same_text() {
        let first = "127.0.0.1:1/bootstrap: Connect failed: refused (after 0ms in state CONNECT)";
        let later = "127.0.0.1:1/bootstrap: Connect failed: refused (after 3ms in state CONNECT, 2 identical error(s))";
        assert_eq!(explained(first), explained(later));
        assert_eq!(explained(first), "127.0.0.1:1/bootstrap: Connect failed: refused");
    }
}
