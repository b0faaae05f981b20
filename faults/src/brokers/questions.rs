//! Where partitions end, how far groups are and who is in them: blocking questions to Kafka, for a thread that may wait.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::Offset;
use rdkafka::{ClientConfig, TopicPartitionList};

use super::kafka::is_unknown;

const LIMIT: Duration = Duration::from_secs(30);

/// The partitions of a topic that have a leader; none when there is no such topic.
pub(super) fn partitions(consumer: &BaseConsumer, topic: &str) -> Result<Vec<i32>> {
    let metadata = consumer
        .fetch_metadata(Some(topic), LIMIT)
        .with_context(|| format!("cannot ask for `{topic}`"))?;
    let mut partitions = Vec::new();
    for found in metadata.topics().iter().filter(|found| found.name() == topic) {
        match found.error().map(Into::into) {
            Some(code) if is_unknown(code) => return Ok(Vec::new()),
            Some(code) => bail!("cannot ask for `{topic}`: {code}"),
            None => partitions.extend(
                found
                    .partitions()
                    .iter()
                    .filter(|partition| partition.leader() >= 0)
                    .map(|partition| partition.id()),
            ),
        }
    }
    Ok(partitions)
}

/// The end of each partition.
pub(super) fn ends(config: &ClientConfig, topic: &str) -> Result<BTreeMap<i32, i64>> {
    let consumer: BaseConsumer = config.create()?;
    let mut ends = BTreeMap::new();
    for partition in partitions(&consumer, topic)? {
        let (_, end) = consumer
            .fetch_watermarks(topic, partition, LIMIT)
            .with_context(|| format!("cannot ask for the end of `{topic}`/{partition}"))?;
        ends.insert(partition, end);
    }
    Ok(ends)
}

/// The committed offsets of the configured group.
pub(super) fn committed(config: &ClientConfig, topic: &str) -> Result<BTreeMap<i32, i64>> {
    let consumer: BaseConsumer = config.create()?;
    let mut list = TopicPartitionList::new();
    for partition in partitions(&consumer, topic)? {
        list.add_partition(topic, partition);
    }
    let committed = consumer
        .committed_offsets(list, LIMIT)
        .with_context(|| format!("cannot ask what is committed of `{topic}`"))?;
    let known = committed.elements().into_iter().filter_map(|element| {
        let Offset::Offset(offset) = element.offset() else {
            return None;
        };
        Some((element.partition(), offset))
    });
    Ok(known.collect())
}

/// How many members of a group have partitions; none while the group shares them out.
pub(super) fn at_work(config: &ClientConfig, group: &str) -> Result<usize> {
    let consumer: BaseConsumer = config.create()?;
    let list = consumer
        .fetch_group_list(Some(group), LIMIT)
        .with_context(|| format!("cannot ask who is in `{group}`"))?;
    let stable = list.groups().iter().filter(|found| found.state() == "Stable");
    let members = stable.flat_map(|found| found.members());
    Ok(members.filter(|member| topics(member.assignment()) > 0).count())
}

/// How many topics an assignment names: after its version (two bytes) it says so (four).
fn topics(assignment: Option<&[u8]>) -> i32 {
    let count = assignment.and_then(|bytes| bytes.get(2..6)?.try_into().ok());
    count.map_or(0, i32::from_be_bytes)
}
