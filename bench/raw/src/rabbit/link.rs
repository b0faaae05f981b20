//! Connections, and a queue that is consumed until SIGTERM.

use std::future::Future;

use anyhow::{Context, Result};
use bench_common::Settings;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Connection, ConnectionProperties, Consumer};
use tokio::signal::unix::{SignalKind, signal};

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
    tag: ShortString,
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
            tag: consumer.tag(),
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

    /// Ends; what was delivered and not acknowledged returns to the queue. The answer to the cancellation comes from
    /// the queue itself, so the acknowledgements before it have arrived there.
    pub(crate) async fn close(self) -> Result<()> {
        self.channel
            .basic_cancel(self.tag, BasicCancelOptions::default())
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
