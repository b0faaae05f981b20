//! Fills a queue, at once or at a steady rate.

use std::time::Duration;

use anyhow::Result;
use bench_common::Order;
use bench_common::meter::now;
use lapin::Channel;
use serde::Serialize;
use tokio::time::{Instant, sleep};

use super::Queue;
use super::outbox::Outbox;

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

/// Sends `count` orders, numbered from 0.
pub(super) async fn fill(channel: &Channel, queue: &Queue, count: u64) -> Result<Fed> {
    let window = WINDOW.min(WINDOW_BYTES / queue.bytes.max(1)).max(1);
    let mut outbox = Outbox::open(channel, &queue.name).await?;
    let began = Instant::now();
    for sequence in 0..count {
        outbox.settle(window - 1).await?;
        outbox.send(&Order::sample(sequence, 0, sequence, now(), queue.bytes))?;
    }
    outbox.settle(0).await?;
    Ok(Fed {
        fed: count,
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// Sends `rate` orders a second. Each is marked with the time when it was due, even when it left later: a broker that
/// can't keep up makes messages late, not rare.
pub(super) async fn pace(channel: &Channel, queue: &Queue, rate: u64, seconds: u64) -> Result<Fed> {
    let mut outbox = Outbox::open(channel, &queue.name).await?;
    let count = rate * seconds;
    let began = Instant::now();
    let began_micros = now();
    let mut sequence = 0;
    while sequence < count {
        let elapsed = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        while sequence < count && due(sequence, rate) <= elapsed {
            let sent = began_micros + due(sequence, rate);
            outbox.send(&Order::sample(sequence, 0, sequence, sent, queue.bytes))?;
            sequence += 1;
        }
        outbox.look()?;
        sleep(TICK).await;
    }
    outbox.settle(0).await?;
    Ok(Fed {
        fed: count,
        seconds: began.elapsed().as_secs_f64(),
    })
}

/// When a message is due, in microseconds after the first.
fn due(sequence: u64, rate: u64) -> u64 {
    sequence * 1_000_000 / rate.max(1)
}
