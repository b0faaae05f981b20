//! Publishes with a fixed number of unconfirmed messages.

use anyhow::Result;
use bench_common::{Meter, Order, Settings, Stop};

use crate::rabbit::link::{confirming_channel, connect};
use crate::rabbit::window::Window;

pub(crate) async fn run(settings: &Settings, meter: &Meter) -> Result<()> {
    let stop = Stop::on_sigterm()?;
    let connection = connect(settings).await?;
    let mut window = Window::new(confirming_channel(&connection).await?, &settings.output);
    let mut order = Order::sample(0, 0, 0, 0, settings.bytes);
    for id in 0..settings.count {
        if stop.told() {
            break;
        }
        if window.len() == settings.callers {
            window.confirmed().await?;
            meter.published(1);
        }
        order.renew(id);
        window.publish(serde_json::to_vec(&order)?, ());
    }
    while !window.is_empty() {
        window.confirmed().await?;
        meter.published(1);
    }
    connection.close(200, "OK".into()).await?;
    Ok(())
}
