//! Ledgers of a service that exists in thought only: healthy ones, and ones with a known anomaly.

use std::collections::HashMap;
use std::time::Duration;

use faults::check::{Order, Rules};
use faults::ledger::{Moment, Outcome, Record, Run};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// The size of a run.
#[derive(Clone, Debug)]
pub(crate) struct Size {
    pub(crate) seed: u64,
    pub(crate) ids: u64,
    pub(crate) keys: u32,
    pub(crate) sources: u32,
    pub(crate) instances: u32,
}

pub(crate) const RECOVERY: Duration = Duration::from_millis(50);
pub(crate) const STALL: Duration = Duration::from_secs(5);
pub(crate) const ZOMBIE: Duration = Duration::from_millis(20);

/// Everything known of one message of the run.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) id: u64,
    pub(crate) key: u32,
    pub(crate) seq: u64,
    pub(crate) outcome: Outcome,
    pub(crate) published: Moment,
    pub(crate) source: String,
    /// Instance, start and end.
    pub(crate) handlings: Vec<(String, Moment, Moment)>,
    /// Position and time.
    pub(crate) outputs: Vec<(u64, Moment)>,
    pub(crate) dead: Vec<Moment>,
    pub(crate) intended: bool,
}

/// A run before it is written down.
#[derive(Clone, Debug)]
pub(crate) struct Synth {
    pub(crate) stories: Vec<Story>,
    pub(crate) faults: Vec<Record>,
}

pub(crate) fn rules() -> Rules {
    Rules {
        order: Order::PerKey,
        recovery: RECOVERY,
        zombie_window: Some(ZOMBIE),
        stall: STALL,
        ..Rules::default()
    }
}

pub(crate) fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// 2,500 messages a second, each handled once, in order, by the instance that owns its source.
pub(crate) fn healthy(size: &Size) -> Synth {
    let mut random = StdRng::seed_from_u64(size.seed);
    let mut seqs: HashMap<u32, u64> = HashMap::new();
    let mut free: HashMap<u32, Moment> = HashMap::new();
    let mut stories = Vec::new();
    for id in 0..size.ids {
        let key = random.random_range(0..size.keys);
        let seq = seqs.entry(key).or_default();
        let source = key % size.sources;
        let published = Moment(1_000_000_000 + id * 400);
        let free = free.entry(source).or_default();
        let start = (*free).max(published.plus(millis(1)));
        let end = start.plus(Duration::from_micros(random.random_range(0..300)));
        *free = end;
        stories.push(Story {
            id,
            key,
            seq: *seq,
            outcome: Outcome::Ok,
            published,
            source: format!("in-{source}"),
            handlings: vec![(format!("s{}", source % size.instances), start, end)],
            outputs: vec![(id, end.plus(millis(2)))],
            dead: Vec::new(),
            intended: true,
        });
        *seq += 1;
    }
    Synth {
        stories,
        faults: Vec::new(),
    }
}

impl Synth {
    /// A message of a key of its own, which is nobody's neighbour.
    pub(crate) fn add(&mut self, source: &str, instance: &str, start: Moment, end: Moment) -> &mut Story {
        let id = self
            .stories
            .iter()
            .map(|story| story.id)
            .max()
            .unwrap_or_default()
            + 1;
        self.stories.push(Story {
            id,
            key: 1_000_000 + u32::try_from(id).unwrap(),
            seq: 0,
            outcome: Outcome::Ok,
            published: Moment(start.0 - 1_000),
            source: source.to_owned(),
            handlings: vec![(instance.to_owned(), start, end)],
            outputs: vec![(id, end.plus(millis(2)))],
            dead: Vec::new(),
            intended: true,
        });
        self.stories.last_mut().unwrap()
    }

    pub(crate) fn fault(&mut self, fault: &str, target: &str, from: Moment, to: Moment) {
        self.faults.push(Record::Fault {
            fault: fault.to_owned(),
            target: target.to_owned(),
            from,
            to,
        });
    }

    pub(crate) fn run(&self) -> Run {
        let mut records = self.faults.clone();
        for story in &self.stories {
            story.write(&mut records);
        }
        Run { records }
    }
}

impl Story {
    fn write(&self, records: &mut Vec<Record>) {
        let (id, key, seq) = (self.id, self.key, self.seq);
        if self.intended {
            let at = self.published;
            records.push(Record::Intent { id, key, seq, at });
            records.push(Record::Answer {
                id,
                outcome: self.outcome,
                at: at.plus(Duration::from_micros(500)),
            });
        }
        for (attempt, (instance, start, end)) in (1..).zip(&self.handlings) {
            let source = Some(self.source.clone());
            records.push(Record::Start {
                id,
                key,
                seq,
                instance: instance.clone(),
                attempt,
                source: source.clone(),
                at: *start,
            });
            let (instance, at) = (instance.clone(), *end);
            records.push(Record::End {
                id,
                key,
                seq,
                instance,
                source,
                at,
            });
        }
        for (position, at) in &self.outputs {
            records.push(Record::Output {
                cause: id,
                key,
                seq,
                source: "out".to_owned(),
                position: *position,
                at: *at,
            });
        }
        for at in &self.dead {
            records.push(Record::DeadLetter {
                id: Some(id),
                mark: None,
                reason: "refused".to_owned(),
                bytes: 1_024,
                at: *at,
            });
        }
    }
}
