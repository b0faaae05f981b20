//! RabbitMQ under the bench.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties, ErrorKind};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;

use super::management::{call, encoded};
use super::{Power, output, variable};
use crate::relay::Relay;

const CONNECT: Duration = Duration::from_secs(10);

/// A RabbitMQ node that may be spoiled.
#[derive(Clone, Debug)]
pub struct Rabbit {
    address: String,
    management: String,
    control: PathBuf,
    power: Power,
}

/// What a queue holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Queue {
    /// Its name.
    pub name: String,
    /// Messages that nobody has.
    #[serde(rename = "messages_ready")]
    pub ready: u64,
    /// Messages that a consumer has and has not settled.
    #[serde(rename = "messages_unacknowledged")]
    pub unacknowledged: u64,
    /// Its consumers.
    pub consumers: u64,
}

impl Rabbit {
    /// Reads `RABBITMQ_ADDRESSES`, `RABBITMQ_MANAGEMENT`, `RABBITMQCTL` and `XTASK`.
    ///
    /// # Errors
    /// When one is missing.
    pub fn from_environment() -> Result<Self> {
        Ok(Self {
            address: variable("RABBITMQ_ADDRESSES")?,
            management: variable("RABBITMQ_MANAGEMENT")?,
            control: variable("RABBITMQCTL")?.into(),
            power: Power::from_environment("rabbit")?,
        })
    }

    /// Where clients reach it directly.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Opens a relay before it, at any free port.
    ///
    /// # Errors
    /// When its address can't be read, or there is no free port.
    pub fn relay(&self) -> io::Result<Relay> {
        let upstream = self.address.parse().map_err(io::Error::other)?;
        Relay::open(SocketAddr::from(([127, 0, 0, 1], 0)), upstream)
    }

    /// Crashes the node (SIGKILL) and leaves it down.
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

    /// Opens a connection of the bare client.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn connect(&self, name: &str) -> Result<Connection> {
        let uri = format!("amqp://guest:guest@{}/%2f?heartbeat=10", self.address);
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let connecting = Connection::connect(&uri, properties);
        let connection = tokio::time::timeout(CONNECT, connecting)
            .await
            .with_context(|| format!("RabbitMQ at `{}`: no answer within {CONNECT:?}", self.address))?;
        connection.with_context(|| format!("cannot connect to RabbitMQ at `{}`", self.address))
    }

    async fn manage(&self, method: &str, path: &str, body: Option<Value>) -> Result<Option<Value>> {
        call(&self.management, method, path, body).await
    }

    /// Declares a durable queue with these arguments.
    ///
    /// # Errors
    /// When there is one with others.
    pub async fn declare_queue(&self, name: &str, arguments: Value) -> Result<()> {
        let body = json!({"durable": true, "auto_delete": false, "arguments": arguments});
        self.manage("PUT", &format!("queues/%2F/{}", encoded(name)), Some(body))
            .await
            .map(drop)
    }

    /// Declares a durable exchange.
    ///
    /// # Errors
    /// When there is one of another type.
    pub async fn declare_exchange(&self, name: &str, kind: &str) -> Result<()> {
        let body = json!({"type": kind, "durable": true, "auto_delete": false});
        self.manage("PUT", &format!("exchanges/%2F/{}", encoded(name)), Some(body))
            .await
            .map(drop)
    }

    /// Binds a queue to an exchange.
    ///
    /// # Errors
    /// When one of them is missing.
    pub async fn bind(&self, exchange: &str, queue: &str, routing_key: &str) -> Result<()> {
        let path = format!("bindings/%2F/e/{}/q/{}", encoded(exchange), encoded(queue));
        self.manage("POST", &path, Some(json!({"routing_key": routing_key})))
            .await?
            .with_context(|| format!("`{exchange}` or `{queue}` is missing"))
            .map(drop)
    }

    /// Deletes a queue with what it holds; returns whether there was one.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn delete_queue(&self, name: &str) -> Result<bool> {
        let path = format!("queues/%2F/{}", encoded(name));
        Ok(self.manage("DELETE", &path, None).await?.is_some())
    }

    /// Deletes a queue and at once declares it again with the same arguments and bindings, as an operator does who
    /// empties it that way.
    ///
    /// # Errors
    /// When there is no such queue, or the node does not answer.
    pub async fn replace_queue(&self, name: &str) -> Result<()> {
        let path = format!("queues/%2F/{}", encoded(name));
        let queue = self.manage("GET", &path, None).await?;
        let mut queue = queue.with_context(|| format!("`{name}` is missing"))?;
        let bindings = self.manage("GET", &format!("{path}/bindings"), None).await?;
        self.delete_queue(name).await?;
        self.declare_queue(name, queue["arguments"].take()).await?;
        for binding in bindings.unwrap_or_default().as_array().into_iter().flatten() {
            // Every queue is bound to the exchange without a name.
            let exchange = binding["source"].as_str().filter(|exchange| !exchange.is_empty());
            if let (Some(exchange), Some(key)) = (exchange, binding["routing_key"].as_str()) {
                self.bind(exchange, name, key).await?;
            }
        }
        Ok(())
    }

    /// Deletes an exchange; returns whether there was one.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn delete_exchange(&self, name: &str) -> Result<bool> {
        let path = format!("exchanges/%2F/{}", encoded(name));
        Ok(self.manage("DELETE", &path, None).await?.is_some())
    }

    /// Removes what lies in a queue and is not with a consumer.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn purge_queue(&self, name: &str) -> Result<()> {
        let path = format!("queues/%2F/{}/contents", encoded(name));
        self.manage("DELETE", &path, None).await.map(drop)
    }

    /// Every queue whose name begins with `prefix`, as it is now.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn queues(&self, prefix: &str) -> Result<Vec<Queue>> {
        let columns = [
            "list_queues",
            "name",
            "messages_ready",
            "messages_unacknowledged",
            "consumers",
            "--silent",
            "--formatter",
            "json",
        ];
        let text = self.control(&columns).await?;
        let mut queues: Vec<Queue> = serde_json::from_str(&text)
            .with_context(|| format!("`rabbitmqctl list_queues` said `{text}`"))?;
        queues.retain(|queue| queue.name.starts_with(prefix));
        Ok(queues)
    }

    /// How many consumers a queue has at this moment, which the lists of the node tell only later; `None` when there is
    /// no such queue.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn consumers(&self, connection: &Connection, queue: &str) -> Result<Option<u32>> {
        let channel = connection.create_channel().await?;
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let asking = channel.queue_declare(queue.into(), options, FieldTable::default());
        match asking.await {
            Ok(found) => {
                channel.close(200, "OK".into()).await?;
                Ok(Some(found.consumer_count()))
            }
            Err(error) => match error.kind() {
                // The node has closed the channel.
                ErrorKind::ProtocolError(refusal) if refusal.get_id() == 404 => Ok(None),
                _ => Err(error.into()),
            },
        }
    }

    /// Closes every connection whose client gave it a name that contains `part`, as an operator does; returns how
    /// many there were. A connection shows up here a moment after it was made.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn close_connections(&self, part: &str) -> Result<usize> {
        let connections = self.manage("GET", "connections", None).await?.unwrap_or_default();
        let mut closed = 0;
        for connection in connections.as_array().into_iter().flatten() {
            let given = connection["client_properties"]["connection_name"].as_str();
            if let (true, Some(name)) = (
                given.unwrap_or_default().contains(part),
                connection["name"].as_str(),
            ) {
                let path = format!("connections/{}", encoded(name));
                closed += usize::from(self.manage("DELETE", &path, None).await?.is_some());
            }
        }
        Ok(closed)
    }

    /// Closes every connection.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn close_all_connections(&self) -> Result<()> {
        self.control(&["close_all_connections", "the bench closes it"])
            .await
            .map(drop)
    }

    /// Closes the channels of a queue's consumers with an error of the channel, as the node does when it finds fault
    /// with one of them; their connections stay.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn close_channels(&self, queue: &str) -> Result<()> {
        self.eval(&format!(
            "[exit(proplists:get_value(channel_pid, C), \
             {{amqp_error, precondition_failed, \"closed by the bench\", none}}) \
             || C <- rabbit_amqqueue:consumers_all(<<\"/\">>), \
             element(4, proplists:get_value(queue_name, C)) =:= <<\"{queue}\">>]."
        ))
        .await
        .map(drop)
    }

    /// Raises or lifts the memory alarm, which blocks connections that publish.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn memory_alarm(&self, on: bool) -> Result<()> {
        let share = if on { "0" } else { "0.4" };
        self.control(&["set_vm_memory_high_watermark", share])
            .await
            .map(drop)
    }

    /// Raises or lifts the alarm for a full disk, which blocks connections that publish.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn disk_alarm(&self, on: bool) -> Result<()> {
        let limit = if on { "1000000000000000" } else { "100000000" };
        self.control(&["set_disk_free_limit", limit]).await.map(drop)
    }

    /// Sets how long a consumer may keep a message, for channels opened from now on, and looks at it every second.
    /// `None` sets what the node begins with: half an hour, looked at every minute.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn consumer_timeout(&self, limit: Option<Duration>) -> Result<()> {
        let (limit, tick) = match limit {
            Some(limit) => (limit.as_millis(), 1_000),
            None => (1_800_000, 60_000),
        };
        self.eval(&format!(
            "application:set_env(rabbit, consumer_timeout, {limit}), \
             application:set_env(rabbit, channel_tick_interval, {tick})."
        ))
        .await
        .map(drop)
    }

    /// Sets or clears a policy for queues whose names match a regular expression.
    ///
    /// # Errors
    /// When the node refuses it.
    pub async fn policy(&self, name: &str, set: Option<(&str, Value)>) -> Result<()> {
        let path = format!("policies/%2F/{}", encoded(name));
        let Some((pattern, definition)) = set else {
            return self.manage("DELETE", &path, None).await.map(drop);
        };
        let body = json!({"pattern": pattern, "definition": definition, "apply-to": "queues"});
        self.manage("PUT", &path, Some(body)).await.map(drop)
    }

    /// Has the node evaluate an Erlang expression.
    ///
    /// # Errors
    /// When it fails there.
    pub async fn eval(&self, expression: &str) -> Result<String> {
        self.control(&["eval", expression]).await
    }

    /// The node's version.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn version(&self) -> Result<String> {
        let overview = self.manage("GET", "overview", None).await?.unwrap_or_default();
        let version = overview["rabbitmq_version"].as_str();
        Ok(version.context("the overview names no version")?.to_owned())
    }

    async fn control(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.control);
        command.args(arguments);
        output(command).await
    }
}
