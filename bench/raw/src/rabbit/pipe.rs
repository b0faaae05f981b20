//! Consumes, transforms, publishes, and acknowledges in order what is confirmed.

use anyhow::Result;
use bench_common::{Meter, Order, Settings};
use futures_util::StreamExt;

use crate::rabbit::link::{Input, confirming_channel, connect, terminated};
use crate::rabbit::window::Window;

const PREFETCH: u16 = 2_048;
/// How many publications may be unconfirmed.
const WINDOW: usize = 1_024;
/// How many deliveries one acknowledgement covers.
const ACK_EVERY: usize = 64;

pub(crate) async fn run(settings: &Settings, meter: &Meter) -> Result<()> {
    let stop = terminated()?;
    let (input, consumer) = Input::open(settings, PREFETCH).await?;
    // A connection of its own: the broker slows publishing connections down, and acknowledgements shall not wait for it.
    let output = connect(settings).await?;
    let mut window = Window::new(confirming_channel(&output).await?, &settings.output);
    let mut deliveries = std::pin::pin!(consumer.take_until(stop));
    let mut unacknowledged = 0;
    let mut reading = true;
    while reading || !window.is_empty() {
        tokio::select! {
            biased;
            delivery = deliveries.next(), if reading && window.len() < WINDOW => match delivery {
                Some(delivery) => {
                    let delivery = delivery?;
                    let order: Order = serde_json::from_slice(&delivery.data)?;
                    meter.order(&order);
                    window.publish(serde_json::to_vec(&order.priced())?, delivery.delivery_tag);
                }
                None => reading = false,
            },
            delivery_tag = window.confirmed() => {
                let delivery_tag = delivery_tag?;
                unacknowledged += 1;
                if unacknowledged == ACK_EVERY || window.is_empty() {
                    input.ack_through(delivery_tag).await?;
                    unacknowledged = 0;
                }
            }
        }
    }
    input.close().await?;
    output.close(200, "OK".into()).await?;
    Ok(())
}
