//! The broker as tests see it: publish without a binding, look into topics, wait for what must happen.

use std::sync::Arc;
use std::time::Duration;

use bindery_core::{Error, ErrorKind, Message, OutboundRecord, Position, RawMessage, Result};
use bytes::Bytes;

use crate::MemoryBroker;
use crate::broker::Demand;
use crate::options::DEFAULT_RETENTION;
use crate::topic::Refusal;

impl MemoryBroker {
    /// Publishes a message; the destination is made with one partition when there is none.
    ///
    /// # Errors
    /// When the destination's name is empty.
    pub fn publish<P: Into<Bytes>>(&self, destination: &str, message: Message<P>) -> Result<Position> {
        self.publish_record(
            destination,
            OutboundRecord {
                payload: Some(message.payload.into()),
                key: message.key,
                headers: message.headers,
                partition: None,
                routing_key: None,
            },
        )
    }

    /// Publishes a record, for example a tombstone or one that names its partition.
    ///
    /// # Errors
    /// When the destination's name is empty or it has no such partition.
    pub fn publish_record(&self, destination: &str, record: OutboundRecord) -> Result<Position> {
        let demand = Demand {
            partitions: 1,
            at_least: 1,
            retention: DEFAULT_RETENTION,
        };
        let topic = self.shared.topic(destination, demand)?;
        topic.append(record, u64::MAX).map_err(|refusal| match refusal {
            Refusal::NoPartition(partition) => Error::new(
                ErrorKind::Publish,
                format!("`{destination}` has no partition {partition}"),
            ),
            Refusal::Full => Error::temporary(ErrorKind::Publish, format!("`{destination}` is full")),
        })
    }

    /// The messages that the destination still keeps, partition by partition.
    pub fn messages(&self, destination: &str) -> Vec<RawMessage> {
        let Some(topic) = self.shared.known_topic(destination) else {
            return Vec::new();
        };
        topic
            .partitions()
            .iter()
            .flat_map(|partition| partition.messages())
            .collect()
    }

    /// The names of all destinations.
    pub fn destinations(&self) -> Vec<Arc<str>> {
        self.shared
            .topics()
            .iter()
            .map(|topic| topic.name.clone())
            .collect()
    }

    /// How many partitions the destination has; `None` when it doesn't exist.
    pub fn partition_count(&self, destination: &str) -> Option<u32> {
        Some(self.shared.known_topic(destination)?.partition_count())
    }

    /// The names of the destination's groups.
    pub fn groups(&self, destination: &str) -> Vec<Arc<str>> {
        let topic = self.shared.known_topic(destination);
        topic.map_or_else(Vec::new, |topic| topic.group_names())
    }

    /// How many messages the group has not settled; `None` when there is no such group.
    pub fn lag(&self, destination: &str, group: &str) -> Option<u64> {
        let topic = self.shared.known_topic(destination)?;
        Some(topic.known_group(group)?.lag())
    }

    /// Waits until the destination keeps at least `count` messages, and returns them. Cancel safe.
    ///
    /// # Errors
    /// When the deadline passes; the error says how many there were.
    pub async fn await_messages(
        &self,
        destination: &str,
        count: usize,
        deadline: Duration,
    ) -> Result<Vec<RawMessage>> {
        let enough = || (self.retained(destination) >= count as u64).then_some(());
        match tokio::time::timeout(deadline, self.shared.watch.until(enough)).await {
            Ok(()) => Ok(self.messages(destination)),
            Err(_) => Err(late(format!(
                "`{destination}` has {} of {count} messages after {deadline:?}",
                self.retained(destination)
            ))),
        }
    }

    /// Waits until the group exists and has settled every message of the destination. Cancel safe.
    ///
    /// # Errors
    /// When the deadline passes; the error says how many messages are unsettled.
    pub async fn await_settled(&self, destination: &str, group: &str, deadline: Duration) -> Result<()> {
        let settled = || (self.lag(destination, group) == Some(0)).then_some(());
        match tokio::time::timeout(deadline, self.shared.watch.until(settled)).await {
            Ok(()) => Ok(()),
            Err(_) => Err(late(match self.lag(destination, group) {
                Some(lag) => {
                    format!("`{group}` has {lag} messages of `{destination}` unsettled after {deadline:?}")
                }
                None => format!("`{destination}` has no group `{group}` after {deadline:?}"),
            })),
        }
    }

    fn retained(&self, destination: &str) -> u64 {
        self.shared.known_topic(destination).map_or(0, |topic| {
            topic
                .partitions()
                .iter()
                .map(|partition| partition.retained())
                .sum()
        })
    }
}

fn late(message: String) -> Error {
    Error::temporary(ErrorKind::Timeout, message)
}
