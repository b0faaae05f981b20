//! Publishes at a steady rate.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bench_common::meter;
use serde_json::json;

use super::publisher::Publisher;
use super::{Topic, tell, topics};

/// How often what is due goes out.
const TICK: Duration = Duration::from_millis(1);

/// Publishes into a topic that is empty or not there. Whether anybody keeps up makes no difference, and what goes out
/// late says when it was due: a stall is seen in every message that it held up.
pub(super) fn run(topic: &Topic, rate: u64, seconds: u64, bytes: usize) -> Result<()> {
    ensure!(rate > 0, "`--rate` must be above 0");
    topics::create(topic)?;
    ensure!(
        topics::ends(&topic.name)?.iter().all(|end| *end == 0),
        "`{}` is not empty; a steady run needs a topic of its own",
        topic.name
    );
    let mut publisher = Publisher::new(&topic.name, bytes, "1")?;
    let count = rate * seconds;
    let (began, began_micros) = (Instant::now(), meter::now());
    let due = |id: u64| id * 1_000_000 / rate;
    let (mut id, mut latest) = (0, 0);
    while id < count {
        let elapsed = u64::try_from(began.elapsed().as_micros())?;
        latest = latest.max(elapsed.saturating_sub(due(id)));
        while id < count && due(id) <= elapsed {
            let (partition, sequence) = topic.place(id);
            publisher.publish(id, partition, sequence, began_micros + due(id))?;
            id += 1;
        }
        thread::sleep(TICK);
    }
    publisher.finish()?;
    let seconds = began.elapsed().as_secs_f64();
    tell(&json!({ "fed": count, "seconds": seconds, "behind_micros": latest }))
}
