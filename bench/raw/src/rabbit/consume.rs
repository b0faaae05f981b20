//! Consumes, decodes, and acknowledges 64 at a time.

use anyhow::Result;
use bench_common::{Meter, Order, Settings};
use futures_util::StreamExt;

use crate::rabbit::link::{Input, terminated};

/// How many deliveries may be unacknowledged. With 256 a quorum queue gives a third less; above 2,048 nothing is gained.
pub(crate) const PREFETCH: u16 = 2_048;
/// The same for payloads of 100 KiB.
pub(crate) const PREFETCH_LARGE: u16 = 256;
/// How many deliveries one acknowledgement covers.
const ACK_EVERY: usize = 64;

pub(crate) async fn run(settings: &Settings, meter: &Meter, prefetch: u16) -> Result<()> {
    let stop = terminated()?;
    let (input, consumer) = Input::open(settings, prefetch).await?;
    let mut deliveries = std::pin::pin!(consumer.take_until(stop));
    let mut unacknowledged = 0;
    let mut last = None;
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery?;
        let order: Order = serde_json::from_slice(&delivery.data)?;
        meter.order(&order);
        last = Some(delivery.delivery_tag);
        unacknowledged += 1;
        if unacknowledged == ACK_EVERY {
            input.ack_through(delivery.delivery_tag).await?;
            unacknowledged = 0;
            last = None;
        }
    }
    if let Some(tag) = last {
        input.ack_through(tag).await?;
    }
    input.close().await
}
