//! The binder and its factory: bindings become topics, groups and members of the broker.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bindery_core::{
    Binder, BinderFactory, BinderSpec, Capabilities, Consumer, ConsumerSpec, DeadLetterRoute, Health,
    Producer, ProducerSpec, PropertyCatalog, Result,
};
use uuid::Uuid;

use crate::MemoryBroker;
use crate::broker::Demand;
use crate::consumer::{BATCH_LIMIT, Membership, MemoryDeliveries};
use crate::dead_letter::MemoryDeadLetters;
use crate::member::Member;
use crate::options::{self, BinderOptions, CATALOG};
use crate::partition::Start;
use crate::producer::MemoryProducer;
use crate::sync::lock;
use crate::topic::Topic;

/// Makes memory binders.
///
/// The default factory has one broker for each binder name, so that two configured binders are two brokers.
/// [`MemoryBinderFactory::new`] makes one whose binders all use the given broker, which a test looks into.
#[derive(Debug, Default)]
pub struct MemoryBinderFactory {
    shared: Option<MemoryBroker>,
    brokers: Mutex<BTreeMap<Arc<str>, MemoryBroker>>,
}

impl MemoryBinderFactory {
    /// A factory whose binders all use `broker`.
    pub fn new(broker: MemoryBroker) -> Self {
        Self {
            shared: Some(broker),
            brokers: Mutex::default(),
        }
    }

    /// The broker behind the binder of that name.
    pub fn broker(&self, binder: &str) -> MemoryBroker {
        match &self.shared {
            Some(broker) => broker.clone(),
            None => lock(&self.brokers).entry(binder.into()).or_default().clone(),
        }
    }
}

impl BinderFactory for MemoryBinderFactory {
    fn kind(&self) -> &'static str {
        "memory"
    }

    fn properties(&self) -> PropertyCatalog {
        CATALOG
    }

    fn create(&self, spec: &BinderSpec) -> Result<Arc<dyn Binder>> {
        Ok(Arc::new(MemoryBinder {
            broker: self.broker(&spec.name),
            options: BinderOptions::read(spec),
        }))
    }

    fn check_consumer(&self, spec: &ConsumerSpec) -> Result<()> {
        options::dead_letter(spec).map(drop)
    }

    fn dead_letter_destination(&self, spec: &ConsumerSpec) -> Option<String> {
        Some(options::dead_letter(spec).ok()??.destination)
    }
}

struct MemoryBinder {
    broker: MemoryBroker,
    options: BinderOptions,
}

impl MemoryBinder {
    fn demand(&self, partitions: u32, at_least: u32) -> Demand {
        Demand {
            partitions: partitions.max(self.options.min_partition_count),
            at_least,
            retention: self.options.retention,
        }
    }

    fn check_connection(&self) -> Result<()> {
        self.broker.shared.link.check()?;
        self.broker.shared.faults.check_bind()
    }

    /// The dead letter topic of an input and whether the broker fills it by itself.
    fn dead_letter_topic(&self, spec: &ConsumerSpec, source: &Topic) -> Result<Option<(Arc<Topic>, bool)>> {
        let Some(dead_letter) = options::dead_letter(spec)? else {
            return Ok(None);
        };
        let partitions = dead_letter.partitions.unwrap_or(source.partition_count());
        let demand = Demand {
            partitions,
            at_least: dead_letter.partitions.unwrap_or(1),
            retention: self.options.retention,
        };
        let topic = self.broker.shared.topic(&dead_letter.destination, demand)?;
        Ok(Some((topic, dead_letter.native)))
    }

    fn dead_letters(&self, topic: &Arc<Topic>) -> MemoryDeadLetters {
        MemoryDeadLetters::new(self.broker.shared.clone(), topic.clone())
    }
}

#[async_trait]
impl Binder for MemoryBinder {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            partitions: true,
            keys: true,
            tombstones: true,
            native_dead_letter: true,
            redelivers_released: true,
            reports_unroutable: false,
            retains: true,
        }
    }

    async fn bind_consumer(&self, spec: &ConsumerSpec) -> Result<Consumer> {
        self.check_connection()?;
        let shared = &self.broker.shared;
        let instances = if spec.partitioned { spec.instance_count } else { 1 };
        let wanted = spec.concurrency.saturating_mul(spec.instance_count);
        let topic = shared.topic(&spec.destination, self.demand(wanted, instances))?;
        let dead_letter = self.dead_letter_topic(spec, &topic)?;
        let anonymous = spec.group.is_none();
        let name = spec
            .group
            .clone()
            .unwrap_or_else(|| format!("anonymous.{}", Uuid::new_v4()).into());
        let group = topic.group(&name, shared.next_id(), options::start(spec));
        let member = Member::new(shared.next_id(), spec.max_in_flight as usize);
        let native = dead_letter.as_ref().filter(|(_, native)| *native);
        let membership = Arc::new(Membership {
            shared: shared.clone(),
            topic,
            group: group.clone(),
            member: member.clone(),
            anonymous,
            rejected: native.map(|(topic, _)| self.dead_letters(topic)),
            left: AtomicBool::new(false),
        });
        group.join(member, self.options.drain_timeout);
        shared.watch.changed();
        let limit = spec.batch.map_or(BATCH_LIMIT, |size| size.max(1) as usize);
        Ok(Consumer {
            deliveries: Box::pin(MemoryDeliveries::new(membership.clone(), limit)),
            settler: membership.clone(),
            control: membership,
            dead_letter: match dead_letter {
                None => DeadLetterRoute::None,
                Some((topic, true)) => DeadLetterRoute::Native {
                    destination: topic.name.clone(),
                },
                Some((topic, false)) => DeadLetterRoute::Publish {
                    destination: topic.name.clone(),
                    publisher: Arc::new(self.dead_letters(&topic)),
                },
            },
            group: name,
        })
    }

    async fn bind_producer(&self, spec: &ProducerSpec) -> Result<Arc<dyn Producer>> {
        self.check_connection()?;
        let shared = &self.broker.shared;
        let partitions = spec.partition_count.unwrap_or(1);
        let topic = shared.topic(&spec.destination, self.demand(partitions, partitions))?;
        for group in &spec.required_groups {
            topic.group(group, shared.next_id(), Start::Earliest);
        }
        shared.watch.changed();
        Ok(Arc::new(MemoryProducer::new(
            shared.clone(),
            topic,
            spec.max_in_flight,
            self.options.max_backlog,
            spec.confirm_timeout,
        )))
    }

    fn health(&self) -> Health {
        self.broker.shared.link.health()
    }

    async fn close(&self) {}
}

impl fmt::Debug for MemoryBinder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryBinder")
            .field("broker", &self.broker)
            .finish()
    }
}
