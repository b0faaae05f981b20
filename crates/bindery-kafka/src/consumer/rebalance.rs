//! What happens when partitions come and go. All of it runs on the poll thread.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
use crate::error::one_line;

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
    /// How many partitions the topic had when the input was bound.
    pub(crate) partitions_at_bind: i32,
    /// Whether configuration gives this instance its partitions, once and for all.
    pub(crate) is_fixed: bool,
    /// Partitions that were assigned before.
    pub(crate) known: Arc<Mutex<BTreeSet<i32>>>,
    pub(crate) committer: Committer,
    /// Partitions that are given back as soon as their started work is settled.
    pub(crate) leaving: Mutex<Option<Leaving>>,
    /// Set when the consumer ends.
    pub(crate) ending: AtomicBool,
}

/// Partitions on their way out.
#[derive(Debug)]
pub(crate) struct Leaving {
    list: TopicPartitionList,
    /// Until when started work is waited for.
    deadline: Instant,
}

/// Under this name librdkafka logs that it goes on at another offset than it was told to.
const OFFSET_RESET: &str = "OFFSET";
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
        // A member of the group works, whatever was wrong before.
        self.shared.reports.connected();
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
                // It was added since: everything in it was sent after the bind.
                _ if partition >= self.partitions_at_bind => Offset::Beginning,
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

    /// Partitions are to be given back. That is done when started work is settled, in [`ConsumeContext::let_go`]; until
    /// then the poll thread goes on, and with it the partitions that stay.
    fn revoked(&self, consumer: &BaseConsumer<Self>, list: &TopicPartitionList) {
        let partitions = partitions(list);
        self.shared.begin_revoke(&partitions);
        let leaving = Leaving {
            list: list.clone(),
            deadline: Instant::now() + self.shared.drain,
        };
        if consumer.assignment_lost() {
            tracing::warn!(
                topic = &*self.shared.topic,
                ?partitions,
                "the group took partitions away; what was in progress is delivered again elsewhere"
            );
            self.give_back(consumer, &leaving);
        } else if self.is_ending() {
            self.give_back(consumer, &leaving);
        } else {
            *self.leaving() = Some(leaving);
        }
    }

    /// Gives partitions back when their started work is settled, or took too long. Called again and again.
    pub(crate) fn let_go(&self, consumer: &BaseConsumer<Self>) {
        let mut leaving = self.leaving();
        let Some(ready) = leaving.take_if(|leaving| {
            self.is_ending()
                || self.shared.is_drained(&partitions(&leaving.list))
                || Instant::now() >= leaving.deadline
        }) else {
            return;
        };
        drop(leaving);
        let partitions = partitions(&ready.list);
        if !self.shared.is_drained(&partitions) {
            tracing::warn!(
                topic = &*self.shared.topic,
                ?partitions,
                "partitions are given back with work in progress, which is delivered again elsewhere"
            );
        }
        if !self.is_ending() {
            commit::finish(consumer, &self.shared);
        }
        self.give_back(consumer, &ready);
    }

    /// The consumer ends: from here on partitions are given back at once.
    pub(crate) fn end(&self, consumer: &BaseConsumer<Self>) {
        self.ending.store(true, Ordering::Release);
        self.let_go(consumer);
        self.committer.end();
    }

    fn is_ending(&self) -> bool {
        self.ending.load(Ordering::Acquire) || self.shared.is_closing()
    }

    fn leaving(&self) -> MutexGuard<'_, Option<Leaving>> {
        self.leaving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_back(&self, consumer: &BaseConsumer<Self>, leaving: &Leaving) {
        let partitions = partitions(&leaving.list);
        self.shared.end_revoke(&partitions);
        let result = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_unassign(&leaving.list),
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
            "partitions were given back"
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
        if matches!(level, RDKafkaLogLevel::Warning) && facility == OFFSET_RESET {
            // Either messages are gone that nobody saw, or some come again: that is more than a matter for debugging.
            tracing::warn!(
                topic = &*self.shared.topic,
                "an offset is out of range: {}",
                one_line(line)
            );
        } else {
            log_line(level, facility, line);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.shared.reports.error(&error, reason);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        // The document changes with the library's version, so only what is needed is looked for.
        if let Ok(document) = serde_json::from_slice(statistics) {
            self.shared.reports.statistics(&document);
            if self.is_fixed
                && let Some(partitions) = statistics::partitions(&document, &self.shared.topic)
            {
                self.shared.note_growth(self.partitions_at_bind, partitions);
            }
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
