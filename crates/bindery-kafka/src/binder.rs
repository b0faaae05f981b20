//! The binder: provisions topics, then starts consumers and producers on one cluster.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use bindery_core::{
    Binder, BinderFactory, BinderSpec, Capabilities, Consumer, ConsumerSpec, DeadLetterRoute, Error,
    ErrorKind, Health, Producer, ProducerSpec, PropertyCatalog, Result,
};
use rdkafka::ClientConfig;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::catalog;
use crate::connection::Connection;
use crate::consumer::{self, FirstPosition, Plan};
use crate::context::Reports;
use crate::dead_letter::DeadLetters;
use crate::headers::patterns::Patterns;
use crate::health::Connectivity;
use crate::options::{
    ConsumerOptions, DeadLetterOptions, ProducerOptions, ProvisioningOptions, dead_letter_topic,
};
use crate::producer::KafkaProducer;
use crate::producer::client::ProducerClients;
use crate::producer::window::Window;
use crate::provision::{Need, Provisioner, Wanted};

/// Makes binders for Apache Kafka; the kind is `kafka`.
#[derive(Clone, Copy, Debug, Default)]
pub struct KafkaBinderFactory;

impl BinderFactory for KafkaBinderFactory {
    fn kind(&self) -> &'static str {
        "kafka"
    }

    fn properties(&self) -> PropertyCatalog {
        catalog::CATALOG
    }

    fn create(&self, spec: &BinderSpec) -> Result<Arc<dyn Binder>> {
        Ok(Arc::new(KafkaBinder {
            shared: Arc::new(Shared {
                connection: Connection::new(spec)?,
                provisioning: ProvisioningOptions::read(&spec.options),
                connectivity: Connectivity::new(spec.name.clone()),
                clients: ProducerClients::default(),
            }),
        }))
    }

    fn check_consumer(&self, spec: &ConsumerSpec) -> Result<()> {
        ConsumerOptions::read(spec).map(|_| ())
    }

    fn check_producer(&self, spec: &ProducerSpec) -> Result<()> {
        ProducerOptions::read(spec).map(|_| ())
    }

    fn dead_letter_destination(&self, spec: &ConsumerSpec) -> Option<String> {
        dead_letter_topic(spec)
    }
}

/// How long a dead letter may stay unconfirmed.
const DEAD_LETTER_TIMEOUT: Duration = Duration::from_secs(30);
/// How many dead letters of one input may be unconfirmed.
const DEAD_LETTER_WINDOW: u32 = 1024;

struct KafkaBinder {
    shared: Arc<Shared>,
}

/// What the blocking calls need as well.
struct Shared {
    connection: Connection,
    provisioning: ProvisioningOptions,
    connectivity: Arc<Connectivity>,
    clients: ProducerClients,
}

#[async_trait]
impl Binder for KafkaBinder {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            partitions: true,
            keys: true,
            tombstones: true,
            native_dead_letter: false,
            redelivers_released: false,
            reports_unroutable: false,
            retains: true,
        }
    }

    async fn bind_consumer(&self, spec: &ConsumerSpec) -> Result<Consumer> {
        let options = ConsumerOptions::read(spec)?;
        let wants_assignment = spec.group.is_none();
        let (shared, spec) = (self.shared.clone(), spec.clone());
        let (consumer, handle) =
            off_the_workers(move |runtime| shared.consumer(&spec, &options, runtime)).await?;
        if wants_assignment {
            handle.assigned().await;
        }
        Ok(consumer)
    }

    async fn bind_producer(&self, spec: &ProducerSpec) -> Result<Arc<dyn Producer>> {
        let options = ProducerOptions::read(spec)?;
        let (shared, spec) = (self.shared.clone(), spec.clone());
        off_the_workers(move |runtime| shared.producer(&spec, &options, runtime)).await
    }

    fn health(&self) -> Health {
        self.shared.connectivity.overall()
    }

    async fn close(&self) {
        // Clients end with the consumers and producers that use them, on threads of their own.
    }
}

impl Shared {
    fn provisioner(&self, runtime: &Handle) -> Result<Provisioner<'_>> {
        let brokers = self.connection.brokers();
        let reports = Reports::new(brokers, self.connectivity.client());
        let config = self.connection.questions()?;
        Provisioner::new(brokers, config, &self.provisioning, reports, runtime.clone())
    }

    fn consumer(
        &self,
        spec: &ConsumerSpec,
        options: &ConsumerOptions,
        runtime: &Handle,
    ) -> Result<(Consumer, Arc<consumer::Handle>)> {
        let provisioner = self.provisioner(runtime)?;
        let partitions = provisioner.ensure(&Wanted {
            topic: &spec.destination,
            partitions: spec.instance_count.max(1).saturating_mul(spec.concurrency.max(1)),
            need: if options.auto_rebalance {
                Need::Consume
            } else {
                Need::ConsumeFixed
            },
            options: &options.topic,
        })?;
        let dead_letter = match &options.dead_letter {
            None => DeadLetterRoute::None,
            Some(letter) => self.dead_letters(&provisioner, letter, options, partitions)?,
        };
        let group: Arc<str> = match &spec.group {
            Some(group) => group.clone(),
            None => format!("anonymous.{}", Uuid::new_v4()).into(),
        };
        let config = self.connection.consumer(spec.group.as_deref(), &group, options)?;
        let running = consumer::start(Plan {
            topic: spec.destination.clone(),
            commit_interval: options.commit_interval,
            first_position: first_position(spec, options, &config),
            config,
            partitions,
            fixed_partitions: (!options.auto_rebalance).then(|| share(spec, partitions)),
            reports: Reports::new(self.connection.brokers(), self.connectivity.client()),
        })?;
        let consumer = Consumer {
            deliveries: running.deliveries,
            settler: running.handle.clone(),
            control: running.handle.clone(),
            dead_letter,
            group,
        };
        Ok((consumer, running.handle))
    }

    fn dead_letters(
        &self,
        provisioner: &Provisioner<'_>,
        letter: &DeadLetterOptions,
        options: &ConsumerOptions,
        source_partitions: u32,
    ) -> Result<DeadLetterRoute> {
        let partitions = provisioner.ensure(&Wanted {
            topic: &letter.topic,
            partitions: letter.partitions.unwrap_or(source_partitions).max(1),
            need: Need::Park,
            options: &options.topic,
        })?;
        let config = self
            .connection
            .dead_letters(&letter.configuration, DEAD_LETTER_TIMEOUT)?;
        let topic: Arc<str> = letter.topic.as_str().into();
        let publisher = DeadLetters {
            partitions,
            configured_partitions: letter.partitions,
            client: self
                .clients
                .get(&config, self.connection.brokers(), &self.connectivity)?,
            window: Arc::new(Window::new(topic.clone(), DEAD_LETTER_WINDOW)),
            // A little longer than the client's own limit, so that the client's reason is the one that is told.
            confirm_timeout: DEAD_LETTER_TIMEOUT + Duration::from_secs(5),
        };
        Ok(DeadLetterRoute::Publish {
            destination: topic,
            publisher: Arc::new(publisher),
        })
    }

    fn producer(
        &self,
        spec: &ProducerSpec,
        options: &ProducerOptions,
        runtime: &Handle,
    ) -> Result<Arc<dyn Producer>> {
        let partitions = self.provisioner(runtime)?.ensure(&Wanted {
            topic: &spec.destination,
            partitions: spec.partition_count.unwrap_or(1).max(1),
            need: Need::Publish,
            options: &options.topic,
        })?;
        let config = self
            .connection
            .producer(options, spec.confirm_timeout, spec.awaited)?;
        let client = self
            .clients
            .get(&config, self.connection.brokers(), &self.connectivity)?;
        client.look_up(&spec.destination);
        Ok(Arc::new(KafkaProducer {
            partitions,
            client,
            window: Arc::new(Window::new(spec.destination.clone(), spec.max_in_flight)),
            patterns: (!options.header_mode_none).then(|| Patterns::new(&options.header_patterns)),
            use_topic_header: options.use_topic_header,
            close_timeout: options.close_timeout_s.map(Duration::from_secs),
            closed: AtomicBool::new(false),
        }))
    }
}

/// Where a partition begins that the consumer gets for the first time: a lasting group goes on where it was.
fn first_position(spec: &ConsumerSpec, options: &ConsumerOptions, config: &ClientConfig) -> FirstPosition {
    let lasting = spec.group.is_some() && !options.reset_offsets;
    match config.get("auto.offset.reset") {
        Some("earliest" | "smallest" | "beginning") if !lasting => FirstPosition::Beginning,
        Some("latest" | "largest" | "end") if !lasting => FirstPosition::End,
        _ => FirstPosition::Committed,
    }
}

/// The partitions of this instance where no group shares them out.
fn share(spec: &ConsumerSpec, partitions: u32) -> Vec<i32> {
    (0..partitions)
        .filter(|partition| partition % spec.instance_count.max(1) == spec.instance_index)
        .filter_map(|partition| i32::try_from(partition).ok())
        .collect()
}

/// Runs calls of the client library that block on a thread made for that.
async fn off_the_workers<T: Send + 'static>(
    call: impl FnOnce(&Handle) -> Result<T> + Send + 'static,
) -> Result<T> {
    let runtime = Handle::current();
    tokio::task::spawn_blocking(move || call(&runtime))
        .await
        .unwrap_or_else(|error| {
            Err(Error::temporary(ErrorKind::Unavailable, "binding ended unexpectedly").caused_by(error))
        })
}

impl fmt::Debug for KafkaBinder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaBinder")
            .field("connection", &self.shared.connection)
            .finish_non_exhaustive()
    }
}
