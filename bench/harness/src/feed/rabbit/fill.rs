//! Fills a queue, at once or at a steady rate.

use std::ops::Range;
use std::time::Duration;

use anyhow::Result;
use bench_common::meter::now;
use bench_common::{Order, Stop};
use lapin::Channel;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::Queue;
use super::outbox::Outbox;
use crate::feed::Keys;

/// How many messages may be unconfirmed while a queue is filled, and how many bytes they may have.
const WINDOW: usize = 4_096;
const WINDOW_BYTES: usize = 32 * 1024 * 1024;
/// How often the steady feeder sends what is due.
const TICK: Duration = Duration::from_millis(1);

#[derive(Debug, Serialize)]
pub(super) struct Fed {
    fed: u64,
    seconds: f64,
}

/// Sends the orders with these numbers.
pub(super) async fn fill(channel: &Channel, queue: &Queue, numbers: Range<u64>, keys: Keys) -> Result<Fed> {
    let window = WINDOW.min(WINDOW_BYTES / queue.bytes.max(1)).max(1);
    let mut outbox = Outbox::open(channel, &queue.name).await?;
    let began = Instant::now();
    let fed = numbers.end - numbers.start;
    for sequence in numbers {
        outbox.settle(window - 1).await?;
        let mut order = Order::sample(sequence, 0, sequence, now(), queue.bytes);
        if let Some(key) = keys.of(sequence) {
            order.customer = key;
        }
        outbox.send(&order)?;
    }
    outbox.settle(0).await?;
    Ok(Fed {
        fed,
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// Sends `rate` orders a second. Each is marked with the time when it was due, even when it left later: a broker that
/// can't keep up makes messages late, not rare.
pub(super) async fn pace(
    channel: &Channel,
    queue: &Queue,
    first: u64,
    rate: u64,
    seconds: u64,
) -> Result<Fed> {
    let stop = Stop::on_sigterm()?;
    let mut outbox = Outbox::open(channel, &queue.name).await?;
    let sample = Order::sample(first, 0, first, 0, queue.bytes);
    let count = rate.saturating_mul(seconds);
    let began = Instant::now();
    let began_micros = now();
    let mut number = 0;
    while number < count && !stop.told() {
        let elapsed = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        while number < count && due(number, rate) <= elapsed && !stop.told() {
            outbox.settle(WINDOW - 1).await?;
            outbox.send(&Order {
                id: first + number,
                sequence: first + number,
                sent: began_micros + due(number, rate),
                ..sample.clone()
            })?;
            number += 1;
        }
        outbox.look()?;
        sleep(TICK).await;
    }
    outbox.settle(0).await?;
    Ok(Fed {
        fed: number,
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// When a message is due, in microseconds after the first.
fn due(sequence: u64, rate: u64) -> u64 {
    u64::try_from(u128::from(sequence) * 1_000_000 / u128::from(rate.max(1))).unwrap_or(u64::MAX)
}
