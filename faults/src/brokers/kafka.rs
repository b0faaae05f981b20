//! Kafka under the bench.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;
use tokio::time::{Instant, sleep};

use super::{Power, questions, variable};
use crate::relay::Relay;

/// How long the broker may take for what an operator asks of it.
const LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// A Kafka broker that may be spoiled.
#[derive(Clone, Debug)]
pub struct Kafka {
    address: String,
    relayed: Option<(SocketAddr, SocketAddr)>,
    power: Power,
}

impl Kafka {
    /// Reads `KAFKA_BROKERS`, `KAFKA_RELAYED`, `KAFKA_RELAYED_LISTENER` and `XTASK`.
    ///
    /// # Errors
    /// When the first or the last is missing, or one is no address.
    pub fn from_environment() -> Result<Self> {
        let relayed = match (variable("KAFKA_RELAYED"), variable("KAFKA_RELAYED_LISTENER")) {
            (Ok(advertised), Ok(listener)) => Some((
                advertised.parse().context("`KAFKA_RELAYED` is no address")?,
                listener
                    .parse()
                    .context("`KAFKA_RELAYED_LISTENER` is no address")?,
            )),
            _ => None,
        };
        Ok(Self {
            address: variable("KAFKA_BROKERS")?,
            relayed,
            power: Power::from_environment("kafka")?,
        })
    }

    /// Where clients reach it directly.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Opens the relay that stands before the broker's second listener; clients that start with
    /// [`Relay::address`] stay on it.
    ///
    /// # Errors
    /// When this set of brokers has no such listener, or another relay is open.
    pub fn relay(&self) -> io::Result<Relay> {
        let (advertised, listener) = self
            .relayed
            .ok_or_else(|| io::Error::other("these brokers have no listener for a relay"))?;
        Relay::open(advertised, listener)
    }

    /// Crashes the broker (SIGKILL) and leaves it down.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn kill(&self) -> Result<()> {
        self.power.switch("kill").await
    }

    /// Starts it again, and returns when it serves clients.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(&self) -> Result<()> {
        self.power.switch("start").await
    }

    /// What every bare client starts from.
    pub fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.address)
            .set("allow.auto.create.topics", "false")
            // The bench kills brokers on purpose; their clients' complaints belong to nobody.
            .set("log_level", "0");
        config
    }

    fn admin(&self) -> Result<AdminClient<DefaultClientContext>> {
        Ok(self.config().create()?)
    }

    /// Creates a topic with further settings, and waits until it has its leaders.
    ///
    /// # Errors
    /// When the broker refuses it.
    pub async fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) -> Result<()> {
        let topic = settings.iter().fold(
            NewTopic::new(name, partitions, TopicReplication::Fixed(1)),
            |topic, (key, value)| topic.set(key, value),
        );
        let results = self.admin()?.create_topics([&topic], &options()).await?;
        for result in results {
            result.map_err(|(topic, code)| anyhow::anyhow!("cannot create `{topic}`: {code}"))?;
        }
        self.until(&format!("`{name}` with {partitions} partitions"), || {
            let ends = self.ends(name);
            // While a partition has no leader the question is refused.
            async move {
                Ok(ends
                    .await
                    .is_ok_and(|ends| i32::try_from(ends.len()) == Ok(partitions)))
            }
        })
        .await
    }

    /// Deletes a topic, and waits until it is gone.
    ///
    /// # Errors
    /// When there is none.
    pub async fn delete_topic(&self, name: &str) -> Result<()> {
        for result in self.admin()?.delete_topics(&[name], &options()).await? {
            result.map_err(|(topic, code)| anyhow::anyhow!("cannot delete `{topic}`: {code}"))?;
        }
        self.until(&format!("`{name}` to be gone"), || {
            let ends = self.ends(name);
            // It may go between two questions.
            async move { Ok(ends.await.is_ok_and(|ends| ends.is_empty())) }
        })
        .await
    }

    /// Raises the number of a topic's partitions to `total`.
    ///
    /// # Errors
    /// When it has that many already.
    pub async fn add_partitions(&self, name: &str, total: usize) -> Result<()> {
        let wanted = NewPartitions::new(name, total);
        for result in self.admin()?.create_partitions([&wanted], &options()).await? {
            result.map_err(|(topic, code)| anyhow::anyhow!("cannot extend `{topic}`: {code}"))?;
        }
        Ok(())
    }

    /// Changes a topic's settings, `max.message.bytes` for instance.
    ///
    /// # Errors
    /// When the broker refuses one.
    pub async fn alter_topic(&self, name: &str, settings: &[(&str, &str)]) -> Result<()> {
        let resource = rdkafka::admin::ResourceSpecifier::Topic(name);
        let change = settings.iter().fold(
            rdkafka::admin::AlterConfig::new(resource),
            |change, (key, value)| change.set(key, value),
        );
        for result in self.admin()?.alter_configs([&change], &options()).await? {
            result.map_err(|(_, code)| anyhow::anyhow!("cannot change `{name}`: {code}"))?;
        }
        Ok(())
    }

    /// The offset after the last record of each partition; nothing when there is no such topic.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn ends(&self, topic: &str) -> Result<BTreeMap<i32, i64>> {
        let (config, topic) = (self.config(), topic.to_owned());
        tokio::task::spawn_blocking(move || questions::ends(&config, &topic)).await?
    }

    /// What a group has committed of each partition; partitions without a commit are absent.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn committed(&self, group: &str, topic: &str) -> Result<BTreeMap<i32, i64>> {
        let (mut config, topic) = (self.config(), topic.to_owned());
        config.set("group.id", group);
        tokio::task::spawn_blocking(move || questions::committed(&config, &topic)).await?
    }

    /// How many records a group has not committed yet.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn lag(&self, group: &str, topic: &str) -> Result<u64> {
        let ends = self.ends(topic).await?;
        let committed = self.committed(group, topic).await?;
        let behind = |(partition, end): (&i32, &i64)| {
            let done = committed.get(partition).copied().unwrap_or_default();
            u64::try_from(end - done).unwrap_or_default()
        };
        Ok(ends.iter().map(behind).sum())
    }

    /// Waits until the partitions of a group are shared out among so many members.
    ///
    /// # Errors
    /// When they aren't in time.
    pub async fn shared_out(&self, group: &str, members: usize) -> Result<()> {
        let (config, name) = (self.config(), group.to_owned());
        self.until(&format!("{members} members of `{group}` with partitions"), || {
            let (config, name) = (config.clone(), name.clone());
            async move {
                let found = tokio::task::spawn_blocking(move || questions::at_work(&config, &name));
                Ok(found.await?? == members)
            }
        })
        .await
    }

    async fn until<F: Future<Output = Result<bool>>>(&self, what: &str, done: impl Fn() -> F) -> Result<()> {
        let deadline = Instant::now() + LIMIT;
        while !done().await? {
            if Instant::now() >= deadline {
                bail!("waited {LIMIT:?} for {what}");
            }
            sleep(POLL).await;
        }
        Ok(())
    }
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .operation_timeout(Some(LIMIT))
        .request_timeout(Some(LIMIT))
}

/// Whether an error says that there is no such topic.
pub(super) fn is_unknown(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic
    )
}
