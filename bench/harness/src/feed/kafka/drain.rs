//! Reads what a program has published.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bench_common::{Order, Stop};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::{Offset, TopicPartitionList};

use super::{config, tell, topics};
use crate::feed::tally::Tally;

/// How long a poll waits.
const POLL: Duration = Duration::from_millis(20);
/// How long the next message may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads the topic to its end; if `live`, to where it ends when SIGTERM comes.
pub(super) fn run(topic: &str, expect: Option<u64>, live: bool) -> Result<()> {
    let stop = Stop::on_sigterm()?;
    let mut reader = Reader::open(topic, live)?;
    while live && !stop.told() {
        reader.read()?;
    }
    reader.read_to_end()?;
    let total = reader.tally.total();
    tell(&total)?;
    if let Some(expected) = expect {
        ensure!(
            (total.drained, total.distinct, total.disorder) == (expected, expected, 0),
            "`{topic}` should have {expected} messages, each once and in order"
        );
    }
    Ok(())
}

struct Reader<'a> {
    topic: &'a str,
    consumer: BaseConsumer,
    /// Whether others publish meanwhile.
    live: bool,
    /// By partition, the offset after the last message read.
    read: Vec<i64>,
    tally: Tally,
}

impl<'a> Reader<'a> {
    fn open(topic: &'a str, live: bool) -> Result<Self> {
        // It joins no group, but the library wants a name.
        let consumer: BaseConsumer = config()?
            .set("group.id", "bench-feed")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("fetch.queue.backoff.ms", "10")
            .create()?;
        let read = vec![0; topics::ends(topic)?.len()];
        let mut all = TopicPartitionList::new();
        for partition in 0..read.len() {
            all.add_partition_offset(topic, i32::try_from(partition)?, Offset::Beginning)?;
        }
        consumer.assign(&all)?;
        Ok(Self {
            topic,
            consumer,
            read,
            live,
            tally: Tally::new(live)?,
        })
    }

    /// Reads one message or the end of a partition, if one comes soon.
    fn read(&mut self) -> Result<Read> {
        match self.consumer.poll(POLL) {
            None => Ok(Read::Nothing),
            Some(Ok(message)) => {
                let (partition, offset) = note(&mut self.tally, &message)?;
                self.read[partition] = offset + 1;
                Ok(Read::Message)
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => Ok(Read::End(usize::try_from(partition)?)),
            Some(Err(error)) => Err(error.into()),
        }
    }

    /// Reads until nothing is left of what is there now.
    fn read_to_end(&mut self) -> Result<()> {
        let mut ends = topics::ends(self.topic)?;
        let mut deadline = Instant::now() + PATIENCE;
        while self.read.iter().zip(&ends).any(|(read, end)| read < end) {
            match self.read()? {
                Read::Message => deadline = Instant::now() + PATIENCE,
                // The last offsets are those of transactions, which are no messages. While others publish, an end may be
                // one from before the messages that follow it.
                Read::End(partition) if !self.live => ends[partition] = self.read[partition],
                Read::End(_) | Read::Nothing => {}
            }
            ensure!(
                Instant::now() < deadline,
                "nothing came of `{}` for {PATIENCE:?}; it was read to {:?} and ends at {ends:?}",
                self.topic,
                self.read
            );
        }
        Ok(())
    }
}

/// What came of the topic.
enum Read {
    Message,
    /// All of this partition is read.
    End(usize),
    Nothing,
}

fn note(tally: &mut Tally, message: &BorrowedMessage<'_>) -> Result<(usize, i64)> {
    let payload = message.payload().context("a message has no payload")?;
    let order: Order = serde_json::from_slice(payload)?;
    tally.note(message.key().unwrap_or_default(), &order);
    Ok((usize::try_from(message.partition())?, message.offset()))
}
