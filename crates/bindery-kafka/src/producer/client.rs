//! One client that publishes, with its own thread, shared by all outputs of a binder that configure it alike.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::thread;
use std::time::{Duration, Instant};

use bindery_core::{Confirm, Error, ErrorKind, Position, Result};
use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer, ProducerContext};

use super::window::Window;
use crate::backoff::Backoff;
use crate::context::{Reports, log_line};
use crate::error::{by_code, failed, one_line};
use crate::health::Connectivity;

/// What travels with a record through the library, and what its answer ends.
pub(crate) struct InFlight {
    confirm: Option<Confirm>,
    window: Arc<Window>,
    bytes: usize,
    /// The topic that the record asks for, where that isn't the output's.
    elsewhere: Option<Arc<str>>,
    /// Whether the record asks for a topic or partition that the output doesn't have.
    strays: bool,
}

impl InFlight {
    /// `window` has room for `bytes` already.
    pub(crate) fn new(confirm: Confirm, window: Arc<Window>, bytes: usize) -> Self {
        Self {
            confirm: Some(confirm),
            window,
            bytes,
            elsewhere: None,
            strays: false,
        }
    }

    /// The record asks for a topic of its own, or a partition that the output doesn't have: that it isn't there is its
    /// own fault.
    pub(crate) fn straying(mut self, elsewhere: Option<Arc<str>>, strays: bool) -> Self {
        self.strays = strays || elsewhere.is_some();
        self.elsewhere = elsewhere;
        self
    }

    fn topic(&self) -> &Arc<str> {
        self.elsewhere.as_ref().unwrap_or(&self.window.topic)
    }

    pub(crate) fn complete(mut self, result: Result<Position>) {
        if let Some(confirm) = self.confirm.take() {
            confirm.complete(result);
        }
    }

    /// Gives the obligation back: nothing was sent.
    pub(crate) fn into_confirm(mut self) -> Option<Confirm> {
        self.confirm.take()
    }

    fn fail(self, error: &KafkaError) {
        let what = format!("could not publish to `{}`", self.topic());
        let error = match error.rdkafka_error_code() {
            // A topic that was deleted says nothing about the record, which waits until it is there again.
            Some(code) if is_missing(code) && !self.strays => {
                let error = by_code(&what, code);
                Error::temporary(ErrorKind::Unavailable, error.message())
            }
            Some(code) => by_code(&what, code),
            None => failed(&what, error),
        };
        self.complete(Err(error));
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        // First the answer, then the room: whoever waits for an empty window has all answers.
        drop(self.confirm.take());
        self.window.leave(self.bytes);
    }
}

fn is_missing(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownPartition
    )
}

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

    fn delivery(&self, result: &DeliveryResult<'_>, in_flight: Box<InFlight>) {
        match result {
            Ok(message) => {
                self.reports.alive();
                in_flight.complete(Ok(Position {
                    partition: Some(message.partition()),
                    offset: Some(message.offset()),
                }));
            }
            Err((error, _)) => {
                if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
                    self.broken.store(true, Ordering::Release);
                }
                if error.rdkafka_error_code().is_some_and(is_missing) {
                    note_missing(&self.missing, in_flight.topic());
                }
                in_flight.fail(error);
            }
        }
    }
}

/// A client that publishes.
pub(crate) struct ProducerClient {
    config: ClientConfig,
    inner: RwLock<Arc<BaseProducer<ProduceContext>>>,
    reports: Arc<Reports>,
    broken: Arc<AtomicBool>,
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
        let broken = Arc::new(AtomicBool::new(false));
        let missing = Missing::default();
        let inner = connect(&config, &reports, &broken, &missing)?;
        reports.connected();
        let client = Arc::new(Self {
            config,
            inner: RwLock::new(Arc::new(inner)),
            reports,
            broken,
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

    /// Hands a record to the library. What the library refuses at once completes the record's confirm, except a full
    /// queue: then the obligation comes back.
    pub(crate) fn send(&self, outgoing: Outgoing<'_>, in_flight: Box<InFlight>) -> Result<(), Box<InFlight>> {
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
        let sent = current.send(record);
        drop(current);
        let Err((error, record)) = sent else {
            return Ok(());
        };
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::QueueFull) => return Err(record.delivery_opaque),
            Some(RDKafkaErrorCode::Fatal) => self.broken.store(true, Ordering::Release),
            Some(code) if is_missing(code) => note_missing(&self.missing, record.delivery_opaque.topic()),
            _ => {}
        }
        record.delivery_opaque.fail(&error);
        Ok(())
    }

    /// Learns of partitions that a topic has got since the client heard of it: other outputs may have used it for long.
    pub(crate) fn look_up(&self, topic: &str) {
        if let Err(error) = self.current().client().fetch_metadata(Some(topic), LOOK_UP) {
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

    fn current(&self) -> Arc<BaseProducer<ProduceContext>> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces a producer that can't go on: what it had in flight fails through its confirms.
    fn replace(&self) {
        let reason = self
            .current()
            .client()
            .fatal_error()
            .map(|(_, reason)| one_line(&reason));
        let reason = reason.unwrap_or_else(|| "it can't go on".to_owned());
        self.reports.broken(&reason);
        match connect(&self.config, &self.reports, &self.broken, &self.missing) {
            Ok(made) => {
                self.broken.store(false, Ordering::Release);
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

fn connect(
    config: &ClientConfig,
    reports: &Arc<Reports>,
    broken: &Arc<AtomicBool>,
    missing: &Missing,
) -> Result<BaseProducer<ProduceContext>> {
    let context = ProduceContext {
        missing: missing.clone(),
        reports: reports.clone(),
        broken: broken.clone(),
    };
    config
        .create_with_context(context)
        .map_err(|error| failed("the Kafka producer can't be made", &error))
}

/// Serves a client's answers until the client is gone. The last reference to the library's producer is dropped here,
/// on a thread that may wait.
fn serve(client: &Weak<ProducerClient>) {
    let mut last = None;
    let mut backoff = Backoff::new();
    let mut replace_at = None;
    let mut looked_up = Instant::now();
    while let Some(client) = client.upgrade() {
        if client.broken.load(Ordering::Acquire) {
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
        current.poll(POLL);
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
