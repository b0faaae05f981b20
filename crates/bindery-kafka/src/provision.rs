//! Topics: looked up, created where that is allowed, never altered beyond what configuration asks for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bindery_core::{Error, ErrorKind, Result};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::types::RDKafkaRespErr;
use tokio::runtime::Handle;

use crate::context::{PlainContext, Reports};
use crate::error::{by_code, failed};
use crate::options::{ProvisioningOptions, TopicOptions, topic_name};
use crate::refusal::{Refusal, about_the_certificate};

/// What a topic is needed for: who asks decides what too few partitions mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Too few partitions leave consumers idle: a warning.
    Consume,
    /// Too few partitions leave instances without a share: an error.
    ConsumeFixed,
    /// Too few partitions send records nowhere: an error.
    Publish,
    /// Too few partitions move dead letters to other partitions: a warning.
    Park,
}

/// A topic that is needed.
#[derive(Clone, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) topic: &'a str,
    pub(crate) partitions: u32,
    pub(crate) need: Need,
    pub(crate) options: &'a TopicOptions,
}

/// How long the brokers have to answer before they count as unreachable.
const REACH_TIMEOUT: Duration = Duration::from_secs(4);
/// The same once every connection was refused.
const REFUSED_TIMEOUT: Duration = Duration::from_millis(1500);
/// How long one attempt to reach them takes.
const SLICE: Duration = Duration::from_millis(500);
/// How long creating a topic may take.
const ADMIN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a created topic may take to be known everywhere.
const VISIBLE_TIMEOUT: Duration = Duration::from_secs(10);

/// Looks at topics and creates them. Every call blocks.
pub(crate) struct Provisioner<'a> {
    brokers: &'a str,
    config: ClientConfig,
    options: &'a ProvisioningOptions,
    runtime: Handle,
    probe: BaseConsumer<PlainContext>,
}

impl<'a> Provisioner<'a> {
    pub(crate) fn new(
        brokers: &'a str,
        config: ClientConfig,
        options: &'a ProvisioningOptions,
        reports: Reports,
        runtime: Handle,
    ) -> Result<Self> {
        let probe = config
            .create_with_context(PlainContext(reports))
            .map_err(|error| failed("the Kafka client can't be made", &error))?;
        Ok(Self {
            brokers,
            config,
            options,
            runtime,
            probe,
        })
    }

    /// Makes sure that a topic is there, and returns how many partitions it has.
    pub(crate) fn ensure(&self, wanted: &Wanted<'_>) -> Result<u32> {
        let needed = wanted.partitions.max(self.options.min_partition_count);
        match self.partitions(wanted.topic)? {
            None if !self.options.auto_create_topics => Err(missing(wanted.topic)),
            None => {
                self.create(wanted, needed)?;
                self.await_partitions(wanted.topic, needed)
            }
            Some(actual) if actual >= needed => Ok(actual),
            Some(actual) if self.options.auto_add_partitions => {
                tracing::info!(
                    topic = wanted.topic,
                    from = actual,
                    to = needed,
                    "adding partitions"
                );
                self.add_partitions(wanted.topic, needed)?;
                self.await_partitions(wanted.topic, needed)
            }
            Some(actual) => too_few(wanted, actual, needed),
        }
    }

    /// How many partitions a topic has; `None` when it doesn't exist.
    pub(crate) fn partitions(&self, topic: &str) -> Result<Option<u32>> {
        topic_name(topic, "destination")?;
        let started = Instant::now();
        loop {
            let answer = self.probe.fetch_metadata(Some(topic), SLICE);
            // Errors of the connection arrive through the client's own queue.
            while self.probe.poll(Duration::ZERO).is_some() {}
            let error = match answer {
                Ok(metadata) => {
                    self.reports().connected();
                    let found = metadata.topics().iter().find(|found| found.name() == topic);
                    let count = found.map_or(0, |found| found.partitions().len());
                    return match found.and_then(|found| found.error()) {
                        None => Ok(u32::try_from(count).ok().filter(|count| *count > 0)),
                        Some(
                            RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
                            | RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID,
                        ) => Ok(None),
                        // A topic that was created a moment ago has no leaders yet.
                        Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) if count > 0 => {
                            Ok(u32::try_from(count).ok())
                        }
                        Some(code) => Err(by_code(
                            &format!("topic `{topic}` can't be looked up"),
                            code.into(),
                        )),
                    };
                }
                Err(error) => error,
            };
            let waited = started.elapsed();
            let hopeless = match self.reports().refusal() {
                Some(Refusal::Login) => true,
                Some(_) => self.reports().is_down(),
                None => self.reports().is_down() && waited >= REFUSED_TIMEOUT,
            };
            if hopeless || waited >= REACH_TIMEOUT {
                return Err(self.unreachable(&error));
            }
        }
    }

    fn unreachable(&self, error: &KafkaError) -> Error {
        let detail = self.reports().reason().unwrap_or_else(|| error.to_string());
        let brokers = self.brokers;
        let (kind, message) = match self.reports().refusal() {
            None => (
                ErrorKind::Unavailable,
                format!("the Kafka brokers `{brokers}` can't be reached: {detail}"),
            ),
            Some(Refusal::Login) => (
                ErrorKind::Unauthorized,
                format!("the Kafka brokers `{brokers}` refused the login: {detail}"),
            ),
            Some(Refusal::ClientCertificate) => (
                ErrorKind::Unauthorized,
                format!("the Kafka brokers `{brokers}` refused the connection: {detail}"),
            ),
            Some(Refusal::Certificate) => (
                ErrorKind::Unauthorized,
                format!(
                    "the connection to the Kafka brokers `{brokers}` was ended: {}",
                    about_the_certificate(&self.config)
                ),
            ),
        };
        Error::temporary(kind, message)
    }

    fn reports(&self) -> &Reports {
        &self.probe.client().context().0
    }

    fn create(&self, wanted: &Wanted<'_>, partitions: u32) -> Result<()> {
        let replication = wanted
            .options
            .replication_factor
            .unwrap_or(self.options.replication_factor);
        let count = i32::try_from(partitions).unwrap_or(i32::MAX);
        let mut topic = NewTopic::new(wanted.topic, count, TopicReplication::Fixed(replication));
        for (key, value) in checked(&wanted.options.properties)? {
            topic = topic.set(key, value);
        }
        tracing::info!(topic = wanted.topic, partitions, "creating a topic");
        let what = format!("topic `{}` could not be created", wanted.topic);
        let admin = self.admin()?;
        let results = self
            .runtime
            .block_on(admin.create_topics([&topic], &admin_options()))
            .map_err(|error| failed(&what, &error))?;
        outcome(&what, results, Code::TopicAlreadyExists)
    }

    fn add_partitions(&self, topic: &str, count: u32) -> Result<()> {
        let what = format!("partitions could not be added to topic `{topic}`");
        let wanted = NewPartitions::new(topic, usize::try_from(count).unwrap_or(usize::MAX));
        let admin = self.admin()?;
        let results = self
            .runtime
            .block_on(admin.create_partitions([&wanted], &admin_options()))
            .map_err(|error| failed(&what, &error))?;
        // Another instance may have been quicker.
        outcome(&what, results, Code::InvalidPartitions)
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        self.config
            .create()
            .map_err(|error| failed("the Kafka admin client can't be made", &error))
    }

    /// Waits until the brokers tell of as many partitions as were asked for.
    fn await_partitions(&self, topic: &str, needed: u32) -> Result<u32> {
        let deadline = Instant::now() + VISIBLE_TIMEOUT;
        loop {
            match self.partitions(topic)? {
                Some(actual) if actual >= needed => return Ok(actual),
                found if Instant::now() >= deadline => {
                    return Err(Error::temporary(
                        ErrorKind::Timeout,
                        format!(
                            "topic `{topic}` was created with {needed} partitions, but the brokers tell of {} so far",
                            found.unwrap_or(0)
                        ),
                    ));
                }
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

fn admin_options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(ADMIN_TIMEOUT))
        .operation_timeout(Some(ADMIN_TIMEOUT))
}

/// The one result of a call for one topic.
fn outcome(what: &str, results: Vec<rdkafka::admin::TopicResult>, fine: Code) -> Result<()> {
    match results.into_iter().next() {
        Some(Err((_, code))) if code != fine => Err(by_code(what, code)),
        _ => Ok(()),
    }
}

/// Topic properties become C strings in the library.
fn checked(properties: &BTreeMap<String, String>) -> Result<impl Iterator<Item = (&str, &str)>> {
    if let Some(key) = properties
        .iter()
        .find(|(key, value)| key.contains('\0') || value.contains('\0'))
    {
        let message = format!(
            "`topic.properties` holds a NUL character at `{}`",
            key.0.escape_debug()
        );
        return Err(Error::new(ErrorKind::Configuration, message));
    }
    Ok(properties
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str())))
}

/// Somebody may create the topic later, so the bind is tried again.
fn missing(topic: &str) -> Error {
    Error::temporary(
        ErrorKind::Topology,
        format!(
            "topic `{topic}` doesn't exist and `kafka.binder.auto-create-topics` is `false`: create the topic, or allow \
             its creation"
        ),
    )
}

fn too_few(wanted: &Wanted<'_>, actual: u32, needed: u32) -> Result<u32> {
    let topic = wanted.topic;
    match wanted.need {
        Need::Consume => tracing::warn!(
            topic,
            actual,
            needed,
            "the topic has fewer partitions than `instance-count` times `concurrency`: some consumers stay idle"
        ),
        Need::Park => tracing::warn!(
            topic,
            actual,
            needed,
            "the dead letter topic has fewer partitions than its source: dead letters are spread over those it has"
        ),
        Need::ConsumeFixed | Need::Publish => {
            return Err(Error::new(
                ErrorKind::Topology,
                format!(
                    "topic `{topic}` has {actual} partitions, but {needed} are configured: lower `partition-count` (or \
                     `instance-count` and `concurrency`), add partitions, or set `kafka.binder.auto-add-partitions`"
                ),
            ));
        }
    }
    Ok(actual)
}
