//! Whatever is delivered, settled, revoked, assigned and committed in whatever order: the group's offset never passes a
//! message that wasn't accepted, never goes back, and reaches the end when everything is done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bindery_core::{Delivery, DeliveryBatch, Origin, RawMessage, Receipt, Settlement, Source};
use proptest::prelude::*;
use proptest::sample::Index;

use super::shared::Shared;
use crate::context::Reports;
use crate::health::Connectivity;

const PARTITION: i32 = 0;

#[derive(Clone, Debug)]
enum Step {
    /// The next few records of the log are handed out.
    Deliver(usize),
    /// Settles any record that was ever handed out: open, settled, or of an assignment that is gone.
    Settle(Index, Settlement),
    Commit,
    /// The partition is about to be taken away: what is started may be finished, nothing more is handed out.
    BeginRevoke,
    /// The partition is taken away.
    Revoke {
        lost: bool,
    },
    Assign,
    /// The topic is deleted and made again, and the first record of the new log is handed out.
    BeginAnew,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let settlement = prop_oneof![9 => Just(Settlement::Accept), 1 => Just(Settlement::Release)];
    let step = prop_oneof![
        20 => (1..8_usize).prop_map(Step::Deliver),
        60 => (any::<Index>(), settlement).prop_map(|(at, settlement)| Step::Settle(at, settlement)),
        10 => Just(Step::Commit),
        3 => Just(Step::BeginRevoke),
        3 => any::<bool>().prop_map(|lost| Step::Revoke { lost }),
        3 => Just(Step::Assign),
        1 => Just(Step::BeginAnew),
    ];
    prop::collection::vec(step, 0..200)
}

/// The offsets of a log: transaction markers and compaction leave gaps.
fn log() -> impl Strategy<Value = Vec<i64>> {
    (0..1000_i64, prop::collection::vec(1..5_i64, 1..150)).prop_map(|(first, gaps)| {
        let next = |offset: &mut i64, gap: i64| {
            *offset += gap;
            Some(*offset)
        };
        gaps.into_iter().scan(first, next).collect()
    })
}

/// One member of a group, and the group's committed offset at the broker.
struct Scene {
    shared: Arc<Shared>,
    /// The present assignment.
    source: Option<Arc<Source>>,
    revoking: bool,
    log: Vec<i64>,
    committed: i64,
    /// How many records of the log lie before the next to be handed out.
    position: usize,
    /// What was handed out of the present assignment, and what was decided about it first.
    decided: BTreeMap<i64, Option<Settlement>>,
    /// Every record that was handed out, by generation and offset.
    all: Vec<(u32, i64)>,
    /// Records that were accepted in an assignment while it lasted.
    accepted: std::collections::BTreeSet<i64>,
}

impl Scene {
    fn new(log: Vec<i64>) -> Self {
        let reports = Reports::new("b", Connectivity::new("k".into()).client());
        let mut scene = Self {
            source: None,
            revoking: false,
            shared: Shared::new("t".into(), reports, Duration::ZERO),
            log,
            committed: 0,
            position: 0,
            decided: BTreeMap::new(),
            all: Vec::new(),
            accepted: Default::default(),
        };
        scene.assign();
        scene
    }

    fn generation(&self) -> Option<u32> {
        self.source.as_ref().map(|source| source.generation)
    }

    fn deliver(&mut self, count: usize) {
        let end = self.log.len().min(self.position + count);
        let offsets = self.log[self.position..end].to_vec();
        // A batch may also be one that was polled just before.
        let is_polled = !self.revoking && !offsets.is_empty();
        if is_polled && self.source.is_some() {
            self.source = self.shared.source_at(PARTITION, offsets[0]);
            self.shared.polled(PARTITION, offsets[offsets.len() - 1]);
        }
        let Some(source) = self.source.clone() else {
            return;
        };
        let delivery = |offset: &i64| Delivery {
            message: RawMessage {
                payload: None,
                key: None,
                headers: Default::default(),
                origin: Origin::default(),
            },
            receipt: source.receipt(u64::try_from(*offset).unwrap()),
        };
        let batch = DeliveryBatch {
            source: source.clone(),
            deliveries: offsets.iter().map(delivery).collect(),
        };
        assert_eq!(self.shared.hand_out(&batch), !self.revoking);
        if self.revoking {
            return;
        }
        for offset in offsets {
            self.decided.insert(offset, None);
            self.all.push((source.generation, offset));
        }
        self.position = end;
    }

    fn settle(&mut self, generation: u32, offset: i64, settlement: Settlement) {
        let receipt = Receipt {
            source: 0,
            generation,
            position: u64::try_from(offset).unwrap(),
        };
        self.shared.settle(&[receipt], settlement);
        if self.generation() == Some(generation)
            && let Some(decided @ None) = self.decided.get_mut(&offset)
        {
            *decided = Some(settlement);
            if settlement == Settlement::Accept {
                self.accepted.insert(offset);
            }
        }
    }

    fn commit(&mut self) {
        for (partition, next) in self.shared.committable() {
            assert!(next >= self.committed, "the offset goes back to {next}");
            self.committed = next;
            self.shared.mark_stored(partition, next);
        }
        assert!(
            self.shared.committable().is_empty(),
            "what is stored is not stored again"
        );
    }

    fn begin_revoke(&mut self) {
        if let Some(source) = &self.source {
            self.shared.begin_revoke(&[PARTITION]);
            self.revoking = true;
            assert!(source.revoked.is_cancelled());
        }
    }

    fn revoke(&mut self, lost: bool) {
        self.begin_revoke();
        if !lost {
            self.commit();
        }
        self.shared.end_revoke(&[PARTITION]);
        self.decided.clear();
        (self.source, self.revoking) = (None, false);
    }

    /// The next owner, which may be the same member, begins at the committed offset.
    fn assign(&mut self) {
        if self.generation().is_some() {
            return;
        }
        self.shared.assign(PARTITION);
        self.source = self.shared.source_at(PARTITION, self.log[0]);
        self.position = self.log.partition_point(|offset| *offset < self.committed);
    }

    /// Committed offsets are deleted with their topic.
    fn begin_anew(&mut self) {
        let Some(old) = self.source.clone().filter(|_| !self.revoking) else {
            return;
        };
        let was_polled = !self.decided.is_empty();
        (self.committed, self.position) = (0, 0);
        self.decided.clear();
        self.accepted.clear();
        self.deliver(1);
        assert_eq!(old.revoked.is_cancelled(), was_polled);
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Deliver(count) => self.deliver(*count),
            Step::Settle(at, settlement) if !self.all.is_empty() => {
                let (generation, offset) = *at.get(&self.all);
                self.settle(generation, offset, *settlement);
            }
            Step::Settle(..) => {}
            Step::Commit => self.commit(),
            Step::BeginRevoke => self.begin_revoke(),
            Step::Revoke { lost } => self.revoke(*lost),
            Step::Assign => self.assign(),
            Step::BeginAnew => self.begin_anew(),
        }
    }

    /// What holds at any time.
    fn check(&self) {
        let passed = self.log.iter().take_while(|offset| **offset < self.committed);
        for offset in passed {
            assert!(self.accepted.contains(offset), "{offset} was passed and is lost");
        }
        if self.generation().is_none() {
            assert!(self.shared.committable().is_empty());
            return;
        }
        let done = |decided: &Option<Settlement>| *decided == Some(Settlement::Accept);
        let waiting = self.decided.values().skip_while(|decided| done(decided)).count();
        assert_eq!(self.shared.places()[0].span(), waiting, "offsets that are kept");
    }
}

proptest! {
    #[test]
    fn the_committed_offset_passes_nothing_that_was_not_accepted_and_reaches_the_end(log in log(), steps in steps()) {
        let mut scene = Scene::new(log);
        for step in &steps {
            scene.step(step);
            scene.check();
        }
        // What was released comes again with the next assignment.
        scene.revoke(false);
        scene.assign();
        scene.deliver(scene.log.len());
        let generation = scene.generation().unwrap();
        for offset in scene.log.clone().into_iter().rev() {
            scene.settle(generation, offset, Settlement::Accept);
        }
        scene.commit();
        scene.check();
        prop_assert_eq!(scene.committed, scene.log.last().unwrap() + 1);
    }
}
