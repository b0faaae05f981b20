//! One client that publishes, with its own thread, shared by all outputs of a binder that configure it alike.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use bindery_core::{Error, ErrorKind, Position, Result};
use crossbeam_utils::sync::ShardedLock;
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::in_flight::{InFlight, is_missing};
use crate::backoff::Backoff;
use crate::context::{Reports, log_line};
use crate::error::{failed, one_line};
use crate::health::Connectivity;

/// Topics that weren't there when a record was published.
type Missing = Arc<Mutex<BTreeSet<Arc<str>>>>;

/// The context of a producer.
struct ProduceContext {
    missing: Missing,
    reports: Arc<Reports>,
    broken: Arc<AtomicBool>,
}

impl ClientContext for ProduceContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.broken.store(true, Ordering::Release);
        }
        self.reports.error(&error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        if let Ok(document) = serde_json::from_slice(statistics) {
            self.reports.statistics(&document);
        }
    }
}

impl ProducerContext for ProduceContext {
    type DeliveryOpaque = Box<InFlight>;

    fn delivery(&self, result: &DeliveryResult<'_>, mut in_flight: Box<InFlight>) {
        match result {
            Ok(message) => {
                self.reports.alive();
                in_flight.confirmed(Position {
                    partition: Some(message.partition()),
                    offset: Some(message.offset()),
                });
            }
            Err((error, message)) => {
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
                    self.broken.store(true, Ordering::Release);
                }
                if error.rdkafka_error_code().is_some_and(is_missing) {
                    note_missing(&self.missing, in_flight.topic());
                }
                in_flight.fail(error, message.payload(), message.key());
            }
        }
    }
}

/// The library's producer, and whether it can't go on: what a producer that was replaced still reports is not about the
/// one that replaced it.
struct Connected {
    producer: BaseProducer<ProduceContext>,
    broken: Arc<AtomicBool>,
}

/// A client that publishes.
pub(crate) struct ProducerClient {
    config: ClientConfig,
    /// Read for each record, by threads that publish to any output.
    inner: ShardedLock<Arc<Connected>>,
    reports: Arc<Reports>,
    missing: Missing,
}

/// One record for the client.
pub(crate) struct Outgoing<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partition: Option<i32>,
    pub(crate) timestamp: Option<i64>,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) payload: Option<&'a [u8]>,
    pub(crate) headers: Option<OwnedHeaders>,
}

/// How long one poll of the producer takes; answers are served within it as they come.
const POLL: Duration = Duration::from_millis(100);

/// How long looking up a topic takes at most; what isn't known then is learned with the first record.
const LOOK_UP: Duration = Duration::from_secs(2);
/// How often topics that weren't there are looked up at most.
const LOOK_UP_PAUSE: Duration = Duration::from_secs(1);

impl ProducerClient {
    /// Makes a client and its thread, which ends when the client is dropped.
    fn start(config: ClientConfig, reports: Reports) -> Result<Arc<Self>> {
        let reports = Arc::new(reports);
        let missing = Missing::default();
        let inner = connect(&config, &reports, &missing)?;
        reports.connected();
        let client = Arc::new(Self {
            config,
            inner: ShardedLock::new(Arc::new(inner)),
            reports,
            missing,
        });
        let weak = Arc::downgrade(&client);
        thread::Builder::new()
            .name("kafka-producer".to_owned())
            .spawn(move || serve(&weak))
            .map_err(|error| {
                Error::temporary(
                    ErrorKind::Unavailable,
                    "the producer's thread could not be started",
                )
                .caused_by(error)
            })?;
        Ok(client)
    }

    /// Hands a record to the library. What the library refuses at once comes back with its error.
    pub(crate) fn send(
        &self,
        outgoing: Outgoing<'_>,
        in_flight: Box<InFlight>,
    ) -> Result<(), (KafkaError, Box<InFlight>)> {
        let record = BaseRecord::<[u8], [u8], Box<InFlight>> {
            topic: outgoing.topic,
            partition: outgoing.partition,
            payload: outgoing.payload,
            key: outgoing.key,
            timestamp: outgoing.timestamp,
            headers: outgoing.headers,
            delivery_opaque: in_flight,
        };
        let current = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        let Err((error, record)) = current.producer.send(record) else {
            return Ok(());
        };
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Fatal) => current.broken.store(true, Ordering::Release),
            Some(code) if is_missing(code) => note_missing(&self.missing, record.delivery_opaque.topic()),
            _ => {}
        }
        Err((error, record.delivery_opaque))
    }

    /// Learns of partitions that a topic has got since the client heard of it: other outputs may have used it for long.
    pub(crate) fn look_up(&self, topic: &str) {
        if let Err(error) = self
            .current()
            .producer
            .client()
            .fetch_metadata(Some(topic), LOOK_UP)
        {
            tracing::debug!(topic, "the producer could not look its topic up: {error}");
        }
    }

    /// Looks up the topics that weren't there: by itself the library does so every few minutes.
    fn look_up_missing(&self) {
        let missing = std::mem::take(&mut *self.missing.lock().unwrap_or_else(PoisonError::into_inner));
        for topic in missing {
            self.look_up(&topic);
        }
    }

    pub(crate) fn health(&self) -> bindery_core::Health {
        self.reports.health()
    }

    fn current(&self) -> Arc<Connected> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces a producer that can't go on: what it had in flight fails through its confirms.
    fn replace(&self) {
        let reason = self
            .current()
            .producer
            .client()
            .fatal_error()
            .map(|(_, reason)| one_line(&reason));
        let reason = reason.unwrap_or_else(|| "it can't go on".to_owned());
        self.reports.broken(&reason);
        match connect(&self.config, &self.reports, &self.missing) {
            Ok(made) => {
                *self.inner.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(made);
            }
            Err(error) => self.reports.failed(error.report()),
        }
    }
}

fn note_missing(missing: &Missing, topic: &Arc<str>) {
    let mut missing = missing.lock().unwrap_or_else(PoisonError::into_inner);
    missing.insert(topic.clone());
}

fn connect(config: &ClientConfig, reports: &Arc<Reports>, missing: &Missing) -> Result<Connected> {
    let broken = Arc::new(AtomicBool::new(false));
    let context = ProduceContext {
        missing: missing.clone(),
        reports: reports.clone(),
        broken: broken.clone(),
    };
    let producer = config
        .create_with_context(context)
        .map_err(|error| failed("the Kafka producer can't be made", &error))?;
    Ok(Connected { producer, broken })
}

/// Serves a client's answers until the client is gone. The last reference to the library's producer is dropped here,
/// on a thread that may wait.
fn serve(client: &Weak<ProducerClient>) {
    let mut last = None;
    let mut backoff = Backoff::new();
    let mut replace_at = None;
    let mut looked_up = Instant::now();
    while let Some(client) = client.upgrade() {
        if client.current().broken.load(Ordering::Acquire) {
            let at = *replace_at.get_or_insert_with(|| Instant::now() + backoff.next());
            if Instant::now() >= at {
                replace_at = None;
                client.replace();
            }
        }
        if looked_up.elapsed() >= LOOK_UP_PAUSE {
            client.look_up_missing();
            looked_up = Instant::now();
        }
        let current = client.current();
        drop(client);
        current.producer.poll(POLL);
        last = Some(current);
    }
    drop(last);
}

/// The clients of one binder by their configuration.
#[derive(Default)]
pub(crate) struct ProducerClients(Mutex<HashMap<String, Weak<ProducerClient>>>);

impl ProducerClients {
    /// The client of the given configuration; made when there is none.
    pub(crate) fn get(
        &self,
        config: &ClientConfig,
        brokers: &str,
        connectivity: &Arc<Connectivity>,
    ) -> Result<Arc<ProducerClient>> {
        let mut clients = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        clients.retain(|_, client| client.strong_count() > 0);
        let key = format!("{:?}", config.config_map());
        if let Some(client) = clients.get(&key).and_then(Weak::upgrade) {
            return Ok(client);
        }
        let client = ProducerClient::start(config.clone(), Reports::new(brokers, connectivity.client()))?;
        clients.insert(key, Arc::downgrade(&client));
        Ok(client)
    }
}
