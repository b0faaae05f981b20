//! Topics: made, deleted, how far they reach, and what a group has committed.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use serde_json::json;
use tokio::runtime::Builder;

use super::{Topic, config, tell};

/// How long an answer of the brokers may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes a topic unless it is there with as many partitions.
pub(super) fn create(topic: &Topic) -> Result<()> {
    let partitions = i32::try_from(topic.partitions)?;
    // What was filled once serves for days.
    let new = NewTopic::new(&topic.name, partitions, TopicReplication::Fixed(1)).set("retention.ms", "-1");
    let made = ask(async |admin, options| admin.create_topics([&new], options).await)?;
    match made.into_iter().next() {
        Some(Ok(_)) => await_that(|| Ok(ends(&topic.name).is_ok_and(|ends| !ends.is_empty()))),
        Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => {
            let found = ends(&topic.name)?.len();
            ensure!(
                found == topic.partitions as usize,
                "`{}` has {found} partitions, not {partitions}; delete it first",
                topic.name
            );
            Ok(())
        }
        Some(Err((_, code))) => bail!("`{}` can't be made: {code}", topic.name),
        None => bail!("the brokers did not say whether `{}` was made", topic.name),
    }
}

/// Deletes the topics that are there, and waits until they are gone.
pub(super) fn delete(topics: &[String]) -> Result<()> {
    let names: Vec<&str> = topics.iter().map(String::as_str).collect();
    for result in ask(async |admin, options| admin.delete_topics(&names, options).await)? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
            Err((topic, code)) => bail!("`{topic}` can't be deleted: {code}"),
        }
    }
    let reader: BaseConsumer = config()?.create()?;
    await_that(|| {
        let there = reader.fetch_metadata(None, PATIENCE)?;
        Ok(!there.topics().iter().any(|topic| names.contains(&topic.name())))
    })
}

/// By partition, the offset that the next message will have.
pub(super) fn ends(topic: &str) -> Result<Vec<i64>> {
    Ok(reaches(topic)?.into_iter().map(|(_, end)| end).collect())
}

/// Whether the first message of each partition is still there.
pub(super) fn is_whole(topic: &str) -> Result<bool> {
    Ok(reaches(topic)?.into_iter().all(|(start, _)| start == 0))
}

/// By partition, where it begins and ends.
fn reaches(topic: &str) -> Result<Vec<(i64, i64)>> {
    let reader: BaseConsumer = config()?.create()?;
    partitions(&reader, topic)?
        .into_iter()
        .map(|partition| {
            let marks = reader.fetch_watermarks(topic, partition, PATIENCE);
            marks.with_context(|| format!("how far partition {partition} of `{topic}` reaches is not known"))
        })
        .collect()
}

/// Tells the sum of the offsets that a group has committed.
pub(super) fn committed(group: &str, topics: &[String]) -> Result<()> {
    let reader: BaseConsumer = config()?.set("group.id", group).create()?;
    let mut asked = TopicPartitionList::new();
    for topic in topics {
        for partition in partitions(&reader, topic)? {
            asked.add_partition(topic, partition);
        }
    }
    let found = reader.committed_offsets(asked, PATIENCE)?;
    let offset = |offset| match offset {
        Offset::Offset(offset) => offset,
        // Nothing was committed there.
        _ => 0,
    };
    let sum: i64 = found
        .elements()
        .iter()
        .map(|element| offset(element.offset()))
        .sum();
    tell(&json!({ "committed": sum }))
}

/// The partitions of a topic, in order.
fn partitions(reader: &BaseConsumer, topic: &str) -> Result<Vec<i32>> {
    let metadata = reader.fetch_metadata(Some(topic), PATIENCE)?;
    let found = metadata
        .topics()
        .first()
        .context("the brokers know nothing of the topic")?;
    if let Some(error) = found.error() {
        bail!("`{topic}` can't be read: {}", RDKafkaErrorCode::from(error));
    }
    let mut partitions: Vec<i32> = found
        .partitions()
        .iter()
        .map(|partition| partition.id())
        .collect();
    partitions.sort_unstable();
    Ok(partitions)
}

/// Asks the brokers to change something.
fn ask<T>(
    question: impl AsyncFnOnce(
        &AdminClient<DefaultClientContext>,
        &AdminOptions,
    ) -> rdkafka::error::KafkaResult<T>,
) -> Result<T> {
    let runtime = Builder::new_current_thread().enable_time().build()?;
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    let admin: AdminClient<DefaultClientContext> = config()?.create()?;
    Ok(runtime.block_on(question(&admin, &options))?)
}

fn await_that(mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !holds()? {
        ensure!(
            Instant::now() < deadline,
            "the brokers have not done it within {PATIENCE:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
