//! Reads what a program has published.

use std::future::Future;
use std::time::Duration;

use anyhow::Result;
use bench_common::Order;
use futures_util::StreamExt;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use super::broker::{drain_queue, look};
use crate::feed::tally::{Drained, Tally};

const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Reads until the queue is empty, and if `live` not before SIGTERM.
pub(super) async fn drain(channel: &Channel, exchange: &str, live: bool) -> Result<Drained> {
    let mut terminate = signal(SignalKind::terminate())?;
    let terminated = async move {
        if live {
            terminate.recv().await;
        }
    };
    let queue = drain_queue(exchange);
    let options = BasicConsumeOptions {
        // Nothing reads after us, so the broker is spared the acknowledgements.
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let consumer = channel
        .basic_consume(queue.as_str().into(), "".into(), options, FieldTable::default())
        .await?;
    let tag = consumer.tag();
    let stopping = async {
        empty_after(terminated, channel, &queue).await?;
        channel.basic_cancel(tag, BasicCancelOptions::default()).await?;
        Ok(())
    };
    let (tally, ()) = tokio::try_join!(read(consumer, live), stopping)?;
    Ok(tally.total())
}

/// Reads until the consumer is cancelled; everything that the queue gave out before comes first.
async fn read(mut consumer: Consumer, live: bool) -> Result<Tally> {
    let mut tally = Tally::new(live)?;
    while let Some(delivery) = consumer.next().await {
        let order: Order = serde_json::from_slice(&delivery?.data)?;
        tally.note(b"", &order);
    }
    Ok(tally)
}

async fn empty_after(stop: impl Future<Output = ()>, channel: &Channel, queue: &str) -> Result<()> {
    stop.await;
    while look(channel, queue).await?.0 > 0 {
        sleep(LOOK_EVERY).await;
    }
    Ok(())
}
