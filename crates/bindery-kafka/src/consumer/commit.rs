//! Storing and committing offsets: what was accepted without a gap, as the next offset to consume.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use bindery_core::fail_point;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};
use rdkafka::topic_partition_list::Offset;

use super::rebalance::ConsumeContext;
use super::shared::Shared;

/// Stores the offsets that moved, and tells whether any did. Storing is the fence: the library refuses partitions that
/// aren't assigned.
pub(crate) fn store(consumer: &BaseConsumer<ConsumeContext>, shared: &Shared) -> bool {
    let next = shared.committable();
    if next.is_empty() {
        return false;
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
        return false;
    }
    let mut moved = false;
    // A list that was stored in part is a success to the library; each element has its own result.
    for element in list.elements() {
        match (element.error(), next.get(&element.partition())) {
            (Ok(()), Some(offset)) => {
                shared.mark_stored(element.partition(), *offset);
                moved = true;
            }
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
    moved
}

/// The thread that commits.
pub(crate) type Committing = JoinHandle<()>;

/// Starts the thread that commits. It ends when the consumer is closed or replaced.
pub(crate) fn start(topic: &Arc<str>, consumer: &Arc<BaseConsumer<ConsumeContext>>) -> Option<Committing> {
    let (name, consumer) = (topic.clone(), consumer.clone());
    let started = thread::Builder::new()
        .name(format!("kafka-commit-{topic}"))
        .spawn(move || {
            let committer = &consumer.client().context().committer;
            committer.run(&name, || commit(&consumer));
        });
    started
        .inspect_err(|error| {
            tracing::error!(
                topic = &**topic,
                "offsets are committed at the end only, for want of a thread: {error}"
            );
        })
        .ok()
}

/// Ends the thread that commits and waits for it, where it is given.
pub(crate) fn end(consumer: &BaseConsumer<ConsumeContext>, committing: Option<Committing>) {
    consumer.client().context().end(consumer);
    if let Some(committing) = committing {
        // It panics nowhere; and if it did, nothing would follow from it here.
        let _ = committing.join();
    }
}

/// Commits what is stored and waits for the answer. The wait has no deadline of its own: with the coordinator gone it
/// may take as long as the session.
pub(crate) fn commit(consumer: &BaseConsumer<ConsumeContext>) -> KafkaResult<()> {
    fail_point!("after-store-before-commit");
    consumer.commit_consumer_state(CommitMode::Sync)
}

/// Stores and commits before partitions are given back, behind the commit that may be under way.
pub(crate) fn finish(consumer: &BaseConsumer<ConsumeContext>, shared: &Shared) {
    let _hold = consumer.client().context().committer.hold();
    store(consumer, shared);
    fail_point!("in-revoke-before-commit");
    if let Err(error) = consumer.commit_consumer_state(CommitMode::Sync)
        && !is_empty(&error)
    {
        tracing::warn!(
            topic = &*shared.topic,
            "offsets were not committed, what they stand for is delivered again: {error}"
        );
    }
}

/// Whether a commit failed because there was nothing to commit.
pub(crate) fn is_empty(error: &KafkaError) -> bool {
    error.rdkafka_error_code() == Some(Code::NoOffset)
}

/// Whether a commit failed because the group is being shared out anew, which is no trouble by itself.
pub(crate) fn is_rebalance(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            Code::RebalanceInProgress
                | Code::IllegalGeneration
                | Code::UnknownMemberId
                | Code::AssignmentLost
        )
    )
}
