//! Whatever is delivered, settled, told and lost in whatever order: the broker hears of each delivery once, and only
//! what was decided about it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bindery_core::{Receipt, Settlement};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::acks::Action;
use crate::lane::Lane;

#[derive(Clone, Debug)]
enum Step {
    Deliver,
    /// Settles any delivery there ever was: open, settled, or of a channel that is gone.
    Settle(Index, Settlement),
    Take,
    TakeAll,
    /// The channel is lost, and a new one begins.
    Renew,
}

fn settlement() -> impl Strategy<Value = Settlement> {
    prop_oneof![
        4 => Just(Settlement::Accept),
        1 => Just(Settlement::Release),
        1 => Just(Settlement::Reject),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Deliver),
        8 => (any::<Index>(), settlement()).prop_map(|(at, settlement)| Step::Settle(at, settlement)),
        2 => Just(Step::Take),
        2 => Just(Step::TakeAll),
        1 => Just(Step::Renew),
    ]
}

/// One channel as the broker sees it.
#[derive(Default)]
struct Channel {
    unsettled: BTreeSet<u64>,
    told: BTreeMap<u64, Settlement>,
}

impl Channel {
    /// A broker closes the channel that names a tag which it doesn't hold.
    fn tell(&mut self, action: Action) {
        let (named, settlement) = match action {
            Action::AckThrough(tag) | Action::Ack(tag) => (tag, Settlement::Accept),
            Action::Requeue(tag) => (tag, Settlement::Release),
            Action::Reject(tag) => (tag, Settlement::Reject),
        };
        assert!(
            self.unsettled.contains(&named),
            "unknown delivery tag in {action:?}"
        );
        let concerned: Vec<u64> = match action {
            Action::AckThrough(_) => self.unsettled.range(..=named).copied().collect(),
            _ => vec![named],
        };
        for tag in concerned {
            self.unsettled.remove(&tag);
            self.told.insert(tag, settlement);
        }
    }
}

/// A lane, its present channel, and what was decided of the channel's deliveries.
struct Scene {
    lane: Arc<Lane>,
    generation: u32,
    channel: Channel,
    delivered: u64,
    decided: BTreeMap<u64, Settlement>,
    /// Every delivery of every channel, by generation and tag.
    all: Vec<(u32, u64)>,
}

impl Scene {
    fn new() -> Self {
        let lane = Lane::new(0, 8);
        let generation = lane.renew();
        Self {
            lane,
            generation,
            channel: Channel::default(),
            delivered: 0,
            decided: BTreeMap::new(),
            all: Vec::new(),
        }
    }

    fn deliver(&mut self) {
        self.delivered += 1;
        self.lane.lock().delivered(self.delivered);
        self.channel.unsettled.insert(self.delivered);
        self.all.push((self.generation, self.delivered));
    }

    fn settle(&mut self, generation: u32, tag: u64, settlement: Settlement) {
        let receipt = Receipt {
            source: 0,
            generation,
            position: tag,
        };
        self.lane.settle(&[receipt], settlement);
        if generation == self.generation {
            self.decided.entry(tag).or_insert(settlement);
        }
    }

    fn tell(&mut self, actions: Vec<Action>) {
        actions.into_iter().for_each(|action| self.channel.tell(action));
    }

    fn take_all(&mut self) {
        let actions = self.lane.lock().take_all();
        self.tell(actions);
    }

    fn renew(&mut self) {
        self.generation = self.lane.renew();
        self.channel = Channel::default();
        self.delivered = 0;
        self.decided.clear();
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Deliver => self.deliver(),
            Step::Settle(at, settlement) if !self.all.is_empty() => {
                let (generation, tag) = *at.get(&self.all);
                self.settle(generation, tag, *settlement);
            }
            Step::Settle(..) => {}
            Step::Take => {
                let actions = self.lane.lock().take();
                self.tell(actions);
            }
            Step::TakeAll => {
                self.take_all();
                assert_eq!(self.channel.told, self.decided, "everything decided is told");
            }
            Step::Renew => self.renew(),
        }
    }

    /// What holds at any time.
    fn check(&self) {
        let wrongly = self
            .channel
            .told
            .iter()
            .find(|(tag, told)| self.decided.get(tag) != Some(told));
        assert_eq!(wrongly, None, "told without having been decided");
        let tracker = self.lane.lock();
        assert_eq!(tracker.untold(), self.decided.len() - self.channel.told.len());
        let open = usize::try_from(self.delivered).unwrap() - self.decided.len();
        assert_eq!(tracker.open(), open);
    }
}

proptest! {
    #[test]
    fn the_broker_hears_of_each_delivery_once_and_only_what_was_decided(
        steps in prop::collection::vec(step(), 0..200), rest in settlement(),
    ) {
        let mut scene = Scene::new();
        for step in &steps {
            scene.step(step);
            scene.check();
        }
        for tag in 1..=scene.delivered {
            scene.settle(scene.generation, tag, rest);
        }
        scene.take_all();
        prop_assert!(scene.channel.unsettled.is_empty());
        prop_assert_eq!(&scene.channel.told, &scene.decided);
        prop_assert_eq!(scene.lane.lock().kept(), 0);
    }

    #[test]
    fn what_is_kept_is_bounded_by_what_the_broker_has_not_been_told(
        steps in prop::collection::vec(step(), 0..200),
    ) {
        let mut scene = Scene::new();
        for step in &steps {
            scene.step(step);
            if matches!(step, Step::Take | Step::TakeAll) {
                let tracker = scene.lane.lock();
                prop_assert!(tracker.kept() <= 4 * (tracker.open() + tracker.untold()));
            }
        }
    }
}
