//! Consumes in batches of 500, each decoded as a whole and settled by one acknowledgement.

use anyhow::Result;
use bench_common::{Meter, Order, Settings};
use futures_util::StreamExt;

use crate::rabbit::link::{Input, terminated};

const BATCH: usize = 500;
/// The next batch arrives while one is handled.
const PREFETCH: u16 = 2_000;

pub(crate) async fn run(settings: &Settings, meter: &Meter) -> Result<()> {
    let stop = terminated()?;
    let (input, consumer) = Input::open(settings, PREFETCH).await?;
    let mut deliveries = std::pin::pin!(consumer.take_until(stop));
    let mut orders: Vec<Order> = Vec::with_capacity(BATCH);
    // A batch that SIGTERM leaves incomplete is not handled, and returns to the queue.
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery?;
        orders.push(serde_json::from_slice(&delivery.data)?);
        if orders.len() == BATCH {
            handle(&orders, meter);
            orders.clear();
            input.ack_through(delivery.delivery_tag).await?;
        }
    }
    input.close().await
}

fn handle(orders: &[Order], meter: &Meter) {
    for order in orders {
        meter.order(order);
    }
}
