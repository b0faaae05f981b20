//! Publishing to one topic.

pub(crate) mod client;
pub(crate) mod in_flight;
pub(crate) mod window;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bindery_core::{Confirm, Error, ErrorKind, Full, Health, OutboundRecord, Producer};
use rdkafka::message::{Header, OwnedHeaders};

use self::client::{Outgoing, ProducerClient};
use self::in_flight::{InFlight, Kept};
use self::window::Window;
use crate::headers::patterns::Patterns;
use crate::headers::{Directions, Rendered, render};
use crate::options::topic_name;

/// How long closing waits for confirmations unless `close-timeout` says otherwise.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Publishes to one topic.
pub(crate) struct KafkaProducer {
    pub(crate) partitions: u32,
    pub(crate) client: Arc<ProducerClient>,
    pub(crate) window: Arc<Window>,
    /// `None` sends no headers at all.
    pub(crate) patterns: Option<Patterns>,
    pub(crate) use_topic_header: bool,
    pub(crate) close_timeout: Option<Duration>,
    pub(crate) closed: AtomicBool,
}

impl KafkaProducer {
    fn render<'a>(&self, record: &'a OutboundRecord) -> Rendered<'a> {
        match &self.patterns {
            Some(patterns) => render(&record.headers, patterns),
            None => Rendered::default(),
        }
    }

    /// Whether the topic had this partition when the output was bound.
    fn has(&self, partition: Option<i32>) -> bool {
        partition
            .is_none_or(|partition| u32::try_from(partition).is_ok_and(|number| number < self.partitions))
    }

    fn topic(&self) -> &Arc<str> {
        &self.window.topic
    }

    /// The topic that a header asks for, where headers may and it isn't the output's own.
    fn elsewhere(&self, directions: &Directions) -> Result<Option<Arc<str>>, Error> {
        let asked = directions.topic.as_deref();
        let Some(topic) = asked.filter(|topic| self.use_topic_header && **topic != **self.topic()) else {
            return Ok(None);
        };
        topic_name(topic, "header kafka_topic")?;
        Ok(Some(topic.into()))
    }
}

#[async_trait]
impl Producer for KafkaProducer {
    fn send(&self, record: Box<OutboundRecord>, confirm: Confirm) -> Result<(), Full> {
        if self.closed.load(Ordering::Acquire) {
            let closed = format!("the output to `{}` is closed", self.topic());
            confirm.fail(Error::new(ErrorKind::Closed, closed), record);
            return Ok(());
        }
        let bytes = record.size_bytes();
        if !self.window.enter(bytes) {
            return Err(Full::new(record, confirm));
        }
        let Rendered { pairs, directions } = self.render(&record);
        let elsewhere = match self.elsewhere(&directions) {
            Ok(elsewhere) => elsewhere,
            Err(error) => {
                confirm.fail(error, record);
                self.window.leave(bytes);
                return Ok(());
            }
        };
        let rendered = owned(pairs.iter().map(|(name, value)| (*name, Some(&**value))));
        let partition = record.partition.or(directions.partition).filter(|n| *n >= 0);
        let OutboundRecord { payload, key, .. } = *record;
        let mut in_flight = InFlight::new(confirm, self.window.clone(), bytes);
        in_flight.keep(Kept {
            headers: record.headers,
            partition: record.partition,
            routing_key: record.routing_key,
            has_key: key.is_some(),
        });
        in_flight.stray(elsewhere.clone(), !self.has(partition));
        let outgoing = Outgoing {
            topic: elsewhere.as_deref().unwrap_or(self.topic()),
            partition,
            timestamp: directions.timestamp.filter(|millis| *millis > 0),
            key: key.as_deref().or(directions.key.as_deref()),
            payload: payload.as_deref(),
            headers: rendered,
        };
        if let Err((error, mut in_flight)) = self.client.send(outgoing, in_flight) {
            in_flight.fail(&error, payload.as_deref(), key.as_deref());
        }
        Ok(())
    }

    async fn ready(&self) {
        self.window.ready().await;
    }

    fn partition_count(&self) -> Option<u32> {
        Some(self.partitions)
    }

    fn health(&self) -> Health {
        self.client.health()
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let timeout = self.close_timeout.unwrap_or(CLOSE_TIMEOUT);
        if !self.window.drained(timeout).await {
            tracing::warn!(
                topic = &**self.topic(),
                unconfirmed = self.window.in_flight(),
                "the output was closed with unconfirmed records"
            );
        }
    }
}

impl fmt::Debug for KafkaProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaProducer")
            .field("topic", self.topic())
            .field("partitions", &self.partitions)
            .field("in_flight", &self.window.in_flight())
            .finish_non_exhaustive()
    }
}

/// Headers for the library; none at all when there are none.
pub(crate) fn owned<'a>(pairs: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>) -> Option<OwnedHeaders> {
    let mut headers = None;
    for (key, value) in pairs {
        // The library makes a C string of a name and panics on a NUL, which no record can carry anyway.
        if key.contains('\0') {
            continue;
        }
        let header = Header { key, value };
        headers = Some(headers.unwrap_or_else(OwnedHeaders::new).insert(header));
    }
    headers
}
