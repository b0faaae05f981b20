//! What was published and not yet confirmed, by partition of the input. A confirmation marks its place in a ring; an
//! offset is stored when it and all before it are marked.

use std::collections::VecDeque;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail};
use rdkafka::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::ProducerContext;

/// How many records may wait for their confirmation, a power of two.
pub(super) const WINDOW: usize = 16_384;

/// The producer's side: its thread marks what is confirmed. A record travels with its partition and place in one
/// number, so nothing is allocated for it.
pub(super) struct Confirmed {
    rings: Vec<Box<[AtomicBool]>>,
    failure: OnceLock<String>,
}

impl Confirmed {
    pub(super) fn new(partitions: usize) -> Self {
        let ring = || std::iter::repeat_with(AtomicBool::default).take(WINDOW).collect();
        Self {
            rings: std::iter::repeat_with(ring).take(partitions).collect(),
            failure: OnceLock::new(),
        }
    }

    /// Whether this place is confirmed; it is free again then.
    fn take(&self, partition: usize, place: usize) -> bool {
        let slot = &self.rings[partition][place];
        let confirmed = slot.load(Ordering::Acquire);
        if confirmed {
            slot.store(false, Ordering::Relaxed);
        }
        confirmed
    }
}

impl ClientContext for Confirmed {}

impl ProducerContext for Confirmed {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, ticket: usize) {
        match result {
            Ok(_) => self.rings[ticket / WINDOW][ticket % WINDOW].store(true, Ordering::Release),
            Err((error, _)) => {
                self.failure.get_or_init(|| error.to_string());
            }
        }
    }
}

/// The consumer's side.
pub(super) struct Lanes {
    lanes: Vec<Lane>,
    pub(super) in_flight: usize,
}

#[derive(Default)]
struct Lane {
    offsets: VecDeque<i64>,
    /// The place of the oldest of them.
    first: usize,
}

impl Lanes {
    pub(super) fn new(partitions: usize) -> Self {
        Self {
            lanes: std::iter::repeat_with(Lane::default).take(partitions).collect(),
            in_flight: 0,
        }
    }

    /// The ticket of what comes of the message at this offset.
    pub(super) fn enter(&mut self, partition: usize, offset: i64) -> usize {
        let lane = &mut self.lanes[partition];
        let place = (lane.first + lane.offsets.len()) % WINDOW;
        lane.offsets.push_back(offset);
        self.in_flight += 1;
        partition * WINDOW + place
    }

    /// Stores the offsets that have nothing unconfirmed before them.
    pub(super) fn settle(
        &mut self,
        confirmed: &Confirmed,
        consumer: &BaseConsumer,
        topic: &str,
    ) -> Result<()> {
        if let Some(failure) = confirmed.failure.get() {
            bail!("a record was not delivered: {failure}");
        }
        for (partition, lane) in self.lanes.iter_mut().enumerate() {
            let mut last = None;
            while !lane.offsets.is_empty() && confirmed.take(partition, lane.first) {
                last = lane.offsets.pop_front();
                lane.first = (lane.first + 1) % WINDOW;
                self.in_flight -= 1;
            }
            if let Some(offset) = last {
                consumer.store_offset(topic, i32::try_from(partition)?, offset)?;
            }
        }
        Ok(())
    }
}
