//! Publishes at a steady rate.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bench_common::{Stop, meter};
use serde_json::json;

use super::publisher::Publisher;
use super::{Shape, Topic, tell, topics};

/// How often what is due goes out.
const TICK: Duration = Duration::from_millis(1);
/// How many messages go out between two looks at whether it shall end.
const LOOK_EVERY: u64 = 1_024;

/// Publishes behind what is there. Whether anybody keeps up makes no difference, and what goes out late says when it was
/// due: a stall is seen in every message that it held up.
pub(super) fn run(topic: &Topic, rate: u64, seconds: u64, bytes: usize) -> Result<()> {
    ensure!(rate > 0, "`--rate` must be above 0");
    let stop = Stop::on_sigterm()?;
    topics::create(topic)?;
    let ends = topics::ends(&topic.name)?;
    ensure!(
        ends.iter().all(|end| Some(end) == ends.first()),
        "the partitions of `{}` are not of the same length",
        topic.name
    );
    let first = u64::try_from(ends.iter().sum::<i64>())?;
    let shape = Shape {
        bytes,
        ..Shape::default()
    };
    let mut publisher = Publisher::new(&topic.name, shape, "1")?;
    let count = rate.saturating_mul(seconds);
    let (began, began_micros) = (Instant::now(), meter::now());
    let due =
        |number: u64| u64::try_from(u128::from(number) * 1_000_000 / u128::from(rate)).unwrap_or(u64::MAX);
    let (mut number, mut latest) = (0, 0);
    while number < count && !stop.told() {
        let elapsed = u64::try_from(began.elapsed().as_micros())?;
        latest = latest.max(elapsed.saturating_sub(due(number)));
        while number < count && due(number) <= elapsed {
            let (partition, sequence) = topic.place(first + number);
            publisher.publish(first + number, partition, sequence, began_micros + due(number))?;
            number += 1;
            if number % LOOK_EVERY == 0 && stop.told() {
                break;
            }
        }
        thread::sleep(TICK);
    }
    publisher.finish()?;
    let seconds = began.elapsed().as_secs_f64();
    tell(&json!({ "fed": number, "seconds": seconds, "behind_micros": latest }))
}
