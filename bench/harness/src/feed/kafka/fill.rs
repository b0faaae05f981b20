//! Fills a topic as fast as possible.

use std::time::Instant;

use anyhow::Result;
use bench_common::meter;
use serde_json::json;

use super::publisher::Publisher;
use super::{Shape, Topic, tell, topics};

/// Brings a topic to `count` messages. An earlier run that was cut short left partitions of different length, so each
/// goes on where it ends. A topic whose beginning the broker has thrown away is made anew.
pub(super) fn run(topic: &Topic, count: u64, shape: Shape) -> Result<()> {
    topics::create(topic)?;
    if !topics::is_whole(&topic.name)? {
        topics::delete(std::slice::from_ref(&topic.name))?;
        topics::create(topic)?;
    }
    let began = Instant::now();
    let mut publisher = Publisher::new(&topic.name, shape, "50")?;
    let mut fed: u64 = 0;
    let mut starts = Vec::new();
    for end in topics::ends(&topic.name)? {
        starts.push(u64::try_from(end)?);
    }
    for id in 0..count {
        let (partition, sequence) = topic.place(id);
        if sequence >= starts[partition as usize] {
            publisher.publish(id, partition, sequence, meter::now())?;
            fed += 1;
        }
    }
    publisher.finish()?;
    tell(&json!({ "fed": fed, "seconds": began.elapsed().as_secs_f64() }))
}
