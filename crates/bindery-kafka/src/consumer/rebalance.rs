//! What happens when partitions come and go. All of it runs on the poll thread, inside a poll.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::TopicPartitionList;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::Offset;
use rdkafka::types::RDKafkaRespErr;

use super::commit;
use super::committer::Committer;
use super::shared::{Shared, Stage};
use super::statistics;
use crate::context::log_line;

/// Where an assigned partition begins, the first time this consumer gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirstPosition {
    /// At the committed offset, else where `auto.offset.reset` says.
    Committed,
    /// At the beginning.
    Beginning,
    /// At the end as it is at that moment.
    End,
}

/// The context of a consumer.
pub(crate) struct ConsumeContext {
    pub(crate) shared: Arc<Shared>,
    pub(crate) first_position: FirstPosition,
    /// Partitions that were assigned before.
    pub(crate) known: Arc<Mutex<BTreeSet<i32>>>,
    pub(crate) committer: Committer,
}

/// How long the end of a partition is asked for.
const WATERMARK_TIMEOUT: Duration = Duration::from_secs(5);

impl ConsumeContext {
    fn assigned(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) {
        self.position(consumer, list);
        let partitions = partitions(list);
        for partition in &partitions {
            self.shared.assign(*partition);
        }
        let result = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(list),
            RebalanceProtocol::None | RebalanceProtocol::Eager => consumer.assign(list),
        };
        if let Err(error) = result {
            tracing::warn!(
                topic = &*self.shared.topic,
                "could not take over partitions: {error}"
            );
        }
        self.resume(consumer, &partitions);
        tracing::debug!(
            topic = &*self.shared.topic,
            ?partitions,
            "partitions were assigned"
        );
        self.shared.stage.send_if_modified(|stage| {
            let joined = *stage == Stage::Joining;
            if joined {
                *stage = Stage::Assigned;
            }
            joined
        });
    }

    /// Sets where partitions begin that this consumer sees for the first time.
    pub(crate) fn position(&self, consumer: &BaseConsumer<Self>, list: &mut TopicPartitionList) {
        if self.first_position == FirstPosition::Committed {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let topic = &self.shared.topic;
        for partition in partitions(list) {
            if !known.insert(partition) {
                continue;
            }
            let offset = match self.first_position {
                FirstPosition::Beginning => Offset::Beginning,
                // Asked for here and now: what is sent after the bind returned is not missed.
                _ => match consumer.fetch_watermarks(topic, partition, WATERMARK_TIMEOUT) {
                    Ok((_, high)) => Offset::Offset(high),
                    Err(_) => Offset::End,
                },
            };
            if let Err(error) = list.set_partition_offset(topic, partition, offset) {
                tracing::warn!(
                    topic = &**topic,
                    partition,
                    "could not set the first offset: {error}"
                );
            }
        }
    }

    /// librdkafka keeps a partition paused from one assignment to the next.
    fn resume(&self, consumer: &BaseConsumer<Self>, partitions: &[i32]) {
        let mut paused = TopicPartitionList::new();
        for place in self.shared.places() {
            if partitions.contains(&place.partition) && place.paused.swap(false, Ordering::AcqRel) {
                paused.add_partition(&self.shared.topic, place.partition);
            }
        }
        if paused.count() > 0
            && let Err(error) = consumer.resume(&paused)
        {
            tracing::warn!(
                topic = &*self.shared.topic,
                "could not resume partitions: {error}"
            );
        }
    }

    fn revoked(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let partitions = partitions(list);
        let lost = consumer.assignment_lost();
        self.shared.begin_revoke(&partitions);
        if lost {
            tracing::warn!(
                topic = &*self.shared.topic,
                ?partitions,
                "the group took partitions away; what was in progress is delivered again elsewhere"
            );
        } else if !self.shared.is_closing() {
            if !self.shared.await_drained(&partitions) {
                tracing::warn!(
                    topic = &*self.shared.topic,
                    ?partitions,
                    "partitions are given back with work in progress, which is delivered again elsewhere"
                );
            }
            commit::finish(consumer, &self.shared);
        }
        self.shared.end_revoke(&partitions);
        let result = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
            RebalanceProtocol::None | RebalanceProtocol::Eager => consumer.unassign(),
        };
        if let Err(error) = result {
            tracing::warn!(
                topic = &*self.shared.topic,
                "could not give partitions back: {error}"
            );
        }
        tracing::debug!(
            topic = &*self.shared.topic,
            ?partitions,
            lost,
            "partitions were revoked"
        );
    }
}

/// The partitions of a list; a consumer reads one topic.
pub(crate) fn partitions(list: &TopicPartitionList) -> Vec<i32> {
    list.elements()
        .iter()
        .map(|element| element.partition())
        .collect()
}

impl ClientContext for ConsumeContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        log_line(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.shared.reports.error(&error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        // The document changes with the library's version, so only what is needed is looked for.
        if let Ok(document) = serde_json::from_slice(statistics) {
            self.shared.reports.statistics(&document);
            self.shared.set_lag(statistics::lag(
                &document,
                &self.shared.topic,
                &self.shared.assigned(),
            ));
        }
    }
}

impl ConsumerContext for ConsumeContext {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, event: RDKafkaRespErr, list: &mut TopicPartitionList) {
        match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.assigned(consumer, list),
            _ => self.revoked(consumer, list),
        }
    }
}
