//! Storing and committing offsets: what was accepted without a gap, as the next offset to consume.

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

/// Commits what is stored. Waiting for the answer has no deadline of its own: with the coordinator gone it may take
/// as long as the session.
pub(crate) fn commit(consumer: &BaseConsumer<ConsumeContext>, shared: &Shared, mode: CommitMode) {
    shared.reset_settled();
    match consumer.commit_consumer_state(mode) {
        Ok(()) => {}
        Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::NoOffset) => {}
        // The next commit carries the same offsets and more.
        Err(error) => tracing::debug!(topic = &*shared.topic, "offsets were not committed: {error}"),
    }
}
