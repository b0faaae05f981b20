//! Storing and committing offsets: what was accepted without a gap, as the next offset to consume.

use std::sync::atomic::Ordering;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::topic_partition_list::Offset;

use super::rebalance::ConsumeContext;
use super::shared::Shared;

/// Stores the offsets that moved. Storing is the fence: the library refuses partitions that aren't assigned.
pub(crate) fn store(consumer: &BaseConsumer<ConsumeContext>, shared: &Shared) {
    let next = shared.committable();
    if next.is_empty() {
        return;
    }
    let mut list = TopicPartitionList::with_capacity(next.len());
    for (partition, offset) in &next {
        if let Err(error) = list.add_partition_offset(&shared.topic, *partition, Offset::Offset(*offset)) {
            tracing::warn!(
                topic = &*shared.topic,
                partition,
                "an offset can't be stored: {error}"
            );
        }
    }
    if let Err(error) = consumer.store_offsets(&list) {
        tracing::debug!(topic = &*shared.topic, "offsets were not stored: {error}");
        return;
    }
    // A list that was stored in part is a success to the library; each element has its own result.
    for element in list.elements() {
        match (element.error(), next.get(&element.partition())) {
            (Ok(()), Some(offset)) => shared.mark_stored(element.partition(), *offset),
            (Ok(()), None) => {}
            (Err(error), _) => {
                tracing::debug!(
                    topic = &*shared.topic,
                    partition = element.partition(),
                    "not stored: {error}"
                );
            }
        }
    }
}

/// Commits what is stored.
pub(crate) fn commit(consumer: &BaseConsumer<ConsumeContext>, shared: &Shared, mode: CommitMode) {
    shared.reset_settled();
    let outstanding = matches!(mode, CommitMode::Async);
    if outstanding {
        shared.commits.fetch_add(1, Ordering::AcqRel);
    }
    let Err(error) = consumer.commit_consumer_state(mode) else {
        return;
    };
    if outstanding {
        shared.commits.fetch_sub(1, Ordering::AcqRel);
    }
    if error.rdkafka_error_code() != Some(RDKafkaErrorCode::NoOffset) {
        tracing::debug!(topic = &*shared.topic, "offsets were not committed: {error}");
    }
}
