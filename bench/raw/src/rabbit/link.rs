//! Connections, and a queue that is consumed until SIGTERM.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, Result};
use bench_common::Settings;
use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties, Consumer};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

/// How long nothing comes any more once all is there.
const ON_ITS_WAY: Duration = Duration::from_millis(200);

/// Connects. The library sets `TCP_NODELAY`, and takes the largest frame that the broker offers (128 KiB by default).
pub(crate) async fn connect(settings: &Settings) -> Result<Connection> {
    let uri = format!("amqp://guest:guest@{}/%2f?heartbeat=30", settings.rabbit);
    Connection::connect(&uri, ConnectionProperties::default())
        .await
        .with_context(|| format!("can't connect to RabbitMQ at `{}`", settings.rabbit))
}

/// A channel whose publications are confirmed.
pub(crate) async fn confirming_channel(connection: &Connection) -> Result<Channel> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

/// The input queue, with its connection.
pub(crate) struct Input {
    pub(crate) channel: Channel,
    connection: Connection,
    consumer: Consumer,
}

impl Input {
    /// Consumes the input queue.
    pub(crate) async fn open(settings: &Settings, prefetch: u16) -> Result<(Self, Consumer)> {
        let connection = connect(settings).await?;
        let channel = connection.create_channel().await?;
        channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
        let consumer = channel
            .basic_consume(
                settings.input.as_str().into(),
                "".into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await
            .with_context(|| format!("can't consume queue `{}`", settings.input))?;
        let input = Self {
            channel,
            connection,
            consumer: consumer.clone(),
        };
        Ok((input, consumer))
    }

    /// Acknowledges everything up to `delivery_tag`.
    pub(crate) async fn ack_through(&self, delivery_tag: u64) -> Result<()> {
        self.channel
            .basic_ack(delivery_tag, BasicAckOptions { multiple: true })
            .await?;
        Ok(())
    }

    /// Ends; what was delivered and not acknowledged returns to its place in the queue. The answer to the cancellation
    /// comes from the queue itself, so the acknowledgements before it have arrived there. Before, all must be here that is
    /// on its way: a quorum queue puts behind its other messages what reaches a cancelled consumer.
    pub(crate) async fn close(mut self) -> Result<()> {
        while let Ok(Some(_)) = timeout(ON_ITS_WAY, self.consumer.next()).await {}
        self.channel
            .basic_cancel(self.consumer.tag(), BasicCancelOptions::default())
            .await?;
        self.channel.close(200, "OK".into()).await?;
        self.connection.close(200, "OK".into()).await?;
        Ok(())
    }
}

/// Completes at SIGTERM; from this call on it no longer ends the process.
pub(crate) fn terminated() -> Result<impl Future<Output = ()>> {
    let mut signal = signal(SignalKind::terminate())?;
    Ok(async move {
        signal.recv().await;
    })
}
