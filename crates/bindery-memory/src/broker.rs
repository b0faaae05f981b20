//! The broker: topics by name, the link to its clients, and the faults that a test injects.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bindery_core::{Error, ErrorKind, Result};

use crate::faults::Faults;
use crate::link::Link;
use crate::log::Retention;
use crate::sync::{Watch, lock};
use crate::topic::Topic;

/// A broker in memory: a value, and a cheap handle to it. Several can live in one process and know nothing of each
/// other.
///
/// The crate's documentation says what is kept and for how long.
#[derive(Clone)]
pub struct MemoryBroker {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    topics: Mutex<BTreeMap<Arc<str>, Arc<Topic>>>,
    ids: AtomicU64,
    pub(crate) link: Arc<Link>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) faults: Faults,
}

/// What a destination must be like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand {
    /// How many partitions a new topic gets.
    pub(crate) partitions: u32,
    /// How many partitions an existing topic must have.
    pub(crate) at_least: u32,
    /// What a new topic keeps.
    pub(crate) retention: Retention,
}

impl Default for MemoryBroker {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryBroker {
    /// An empty broker.
    pub fn new() -> Self {
        Self {
            shared: Arc::new(Shared {
                topics: Mutex::default(),
                ids: AtomicU64::new(1),
                link: Arc::new(Link::new()),
                watch: Arc::default(),
                faults: Faults::default(),
            }),
        }
    }

    /// The faults to inject.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// Cuts every connection: assignments end, publications and binds fail as temporary, binders are down.
    pub fn disconnect(&self) {
        self.shared.link.set_connected(false);
        for topic in self.shared.topics() {
            for partition in topic.partitions() {
                partition.disconnect();
            }
        }
        self.shared.faults.fail_held();
    }

    /// Lets the clients in again: partitions are assigned anew, and what was unsettled is delivered again.
    pub fn reconnect(&self) {
        self.shared.link.set_connected(true);
        for topic in self.shared.topics() {
            for partition in topic.partitions() {
                partition.reconnect();
            }
        }
    }
}

impl Shared {
    /// A number that nothing else of this broker has.
    pub(crate) fn next_id(&self) -> u64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    /// The topic of that name, made when there is none.
    ///
    /// # Errors
    /// When the name is empty, or the topic exists with fewer partitions than demanded.
    pub(crate) fn topic(&self, name: &str, demand: Demand) -> Result<Arc<Topic>> {
        if name.trim().is_empty() {
            return Err(Error::new(
                ErrorKind::Configuration,
                "the destination's name is empty; give the binding a `destination`",
            ));
        }
        let mut topics = lock(&self.topics);
        let topic = topics.entry(name.into()).or_insert_with(|| {
            let partitions = demand.partitions.max(demand.at_least);
            Arc::new(Topic::new(
                name.into(),
                partitions,
                demand.retention,
                &self.link,
                &self.watch,
            ))
        });
        if topic.partition_count() < demand.at_least {
            return Err(too_few_partitions(topic, demand.at_least));
        }
        Ok(topic.clone())
    }

    /// The topic of that name, if there is one.
    pub(crate) fn known_topic(&self, name: &str) -> Option<Arc<Topic>> {
        lock(&self.topics).get(name).cloned()
    }

    /// All topics.
    pub(crate) fn topics(&self) -> Vec<Arc<Topic>> {
        lock(&self.topics).values().cloned().collect()
    }
}

fn too_few_partitions(topic: &Topic, wanted: u32) -> Error {
    Error::new(
        ErrorKind::Topology,
        format!(
            "`{}` exists with {} partitions, but the configuration asks for {wanted}; lower `partition-count` or \
             `instance-count`, or bind the output with the most partitions first",
            topic.name,
            topic.partition_count(),
        ),
    )
}

impl fmt::Debug for MemoryBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.fmt(f)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topics = self.topics();
        f.debug_struct("MemoryBroker")
            .field(
                "topics",
                &topics.iter().map(|topic| &topic.name).collect::<Vec<_>>(),
            )
            .field("connected", &self.link.is_connected())
            .finish()
    }
}
