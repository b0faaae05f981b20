//! Which deliveries of one channel are settled, and how that is told to the broker with few frames.

use std::collections::VecDeque;

use bindery_core::Settlement;
use tokio::time::Instant;

/// One thing to tell the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Acknowledge this delivery and all before it that aren't settled yet.
    AckThrough(u64),
    /// Acknowledge this delivery only.
    Ack(u64),
    /// Give this delivery back to its queue.
    Requeue(u64),
    /// Reject this delivery, so that the broker dead-letters it.
    Reject(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    Accepted,
    /// The broker knows already.
    Told,
}

/// The deliveries of one channel in the order of their tags.
///
/// Accepted ones are told with one frame as far as they are contiguous; what was accepted behind an open one is told
/// one by one, and only when it has become much or [`Tracker::take_all`] asks for it. Given back and rejected ones are
/// told one by one.
/// What was told is forgotten, so that a delivery that stays open for days doesn't keep all that came behind it.
#[derive(Debug, Default)]
pub(crate) struct Tracker {
    deliveries: VecDeque<(u64, State)>,
    told_apart: Vec<Action>,
    accepted: usize,
    open: usize,
    /// What the latest [`Tracker::take_due`] could not tell.
    left: Option<Left>,
}

/// What is settled behind an open delivery, whichever that is.
#[derive(Clone, Copy, Debug)]
struct Left {
    count: usize,
    since: Instant,
}

/// How many told deliveries are kept at most for each that isn't: forgetting takes a pass over all.
const TOLD_SHARE: usize = 3;

impl Tracker {
    /// A delivery was handed over. Tags rise.
    pub(crate) fn delivered(&mut self, tag: u64) {
        self.deliveries.push_back((tag, State::Open));
        self.open += 1;
    }

    /// A delivery was settled. Returns whether it was open.
    pub(crate) fn settle(&mut self, tag: u64, settlement: Settlement) -> bool {
        let Ok(index) = self.deliveries.binary_search_by_key(&tag, |(known, _)| *known) else {
            return false;
        };
        let Some((_, state @ State::Open)) = self.deliveries.get_mut(index) else {
            return false;
        };
        self.open -= 1;
        match settlement {
            Settlement::Accept => {
                *state = State::Accepted;
                self.accepted += 1;
            }
            Settlement::Release => {
                *state = State::Told;
                self.told_apart.push(Action::Requeue(tag));
            }
            Settlement::Reject => {
                *state = State::Told;
                self.told_apart.push(Action::Reject(tag));
            }
        }
        true
    }

    /// How many settlements the broker doesn't know yet.
    pub(crate) fn untold(&self) -> usize {
        self.accepted + self.told_apart.len()
    }

    /// How many of those were settled since the broker was told of others.
    pub(crate) fn fresh(&self) -> usize {
        self.untold()
            .saturating_sub(self.left.map_or(0, |left| left.count))
    }

    /// Since when something is settled behind an open delivery that the broker was not told of with the rest.
    pub(crate) fn left_since(&self) -> Option<Instant> {
        self.left.map(|left| left.since)
    }

    /// How many deliveries aren't settled.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// The tag of the oldest delivery that isn't settled, behind which others may wait.
    pub(crate) fn oldest_open(&self) -> Option<u64> {
        self.deliveries
            .front()
            .filter(|(_, state)| *state == State::Open)
            .map(|(tag, _)| *tag)
    }

    /// What to tell now; with what was accepted behind an open delivery when that is `crowded` or more.
    pub(crate) fn take_due(&mut self, crowded: usize) -> Vec<Action> {
        let left = self.left;
        let mut actions = self.take();
        if self.accepted >= crowded {
            actions.extend(self.take_all());
        }
        let count = self.untold();
        self.left = (count > 0).then(|| Left {
            count,
            since: left.map_or_else(Instant::now, |left| left.since),
        });
        actions
    }

    /// What to tell now: everything but what was accepted behind an open delivery.
    pub(crate) fn take(&mut self) -> Vec<Action> {
        // First what is told apart: an acknowledgement of all up to a later tag would settle it as well.
        let mut actions = std::mem::take(&mut self.told_apart);
        let mut through = None;
        while let Some((tag, state)) = self.deliveries.front().copied() {
            match state {
                State::Open => break,
                State::Accepted => {
                    through = Some(tag);
                    self.accepted -= 1;
                }
                State::Told => {}
            }
            self.deliveries.pop_front();
        }
        actions.extend(through.map(Action::AckThrough));
        self.forget_told();
        actions
    }

    /// Forgets what was told behind an open delivery, once it outnumbers what isn't.
    fn forget_told(&mut self) {
        let untold = self.open + self.accepted;
        if self.deliveries.len() > (1 + TOLD_SHARE) * untold {
            self.deliveries.retain(|(_, state)| *state != State::Told);
        }
    }

    /// How many deliveries are kept.
    #[cfg(test)]
    pub(crate) fn kept(&self) -> usize {
        self.deliveries.len()
    }

    /// What to tell now, with what was accepted behind an open delivery.
    pub(crate) fn take_all(&mut self) -> Vec<Action> {
        let mut actions = self.take();
        if self.accepted > 0 {
            for (tag, state) in &mut self.deliveries {
                if *state == State::Accepted {
                    *state = State::Told;
                    actions.push(Action::Ack(*tag));
                }
            }
            self.accepted = 0;
            self.forget_told();
        }
        self.left = None;
        actions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracker(tags: std::ops::RangeInclusive<u64>) -> Tracker {
        let mut tracker = Tracker::default();
        tags.for_each(|tag| tracker.delivered(tag));
        tracker
    }

    #[test]
    fn a_contiguous_run_is_one_acknowledgement() {
        let mut tracker = tracker(1..=4);
        for tag in [3, 1, 2] {
            assert!(tracker.settle(tag, Settlement::Accept));
        }
        assert_eq!(tracker.take(), [Action::AckThrough(3)]);
        assert_eq!(
            (tracker.untold(), tracker.open(), tracker.oldest_open()),
            (0, 1, Some(4))
        );
    }

    #[test]
    fn what_is_accepted_behind_an_open_delivery_waits_until_all_is_asked_for() {
        let mut tracker = tracker(1..=3);
        tracker.settle(3, Settlement::Accept);
        assert_eq!((tracker.take(), tracker.untold()), (vec![], 1));
        assert_eq!(tracker.take_all(), [Action::Ack(3)]);
        tracker.settle(1, Settlement::Accept);
        tracker.settle(2, Settlement::Accept);
        assert_eq!(tracker.take(), [Action::AckThrough(2)]);
    }

    #[test]
    fn much_that_is_accepted_behind_an_open_delivery_is_told_at_once() {
        let mut tracker = tracker(1..=6);
        for tag in [1, 3] {
            tracker.settle(tag, Settlement::Accept);
        }
        // What needs no frame of its own doesn't count.
        assert_eq!(tracker.take_due(2), [Action::AckThrough(1)]);
        tracker.settle(5, Settlement::Accept);
        assert_eq!(tracker.take_due(2), [Action::Ack(3), Action::Ack(5)]);
        tracker.settle(2, Settlement::Accept);
        assert_eq!(tracker.take_due(2), [Action::AckThrough(2)]);
    }

    #[test]
    fn what_is_left_behind_is_so_since_the_first_of_it_whichever_delivery_is_open() {
        let mut tracker = tracker(1..=6);
        assert_eq!((tracker.take_due(100), tracker.left_since()), (Vec::new(), None));
        tracker.settle(2, Settlement::Accept);
        tracker.settle(5, Settlement::Accept);
        assert!(tracker.take_due(100).is_empty());
        let since = tracker.left_since();
        assert!(since.is_some());
        tracker.settle(1, Settlement::Accept);
        assert_eq!(tracker.take_due(100), [Action::AckThrough(2)]);
        assert_eq!(tracker.left_since(), since, "5 waits as before, now behind 3");
        assert_eq!(tracker.take_all(), [Action::Ack(5)]);
        assert_eq!(tracker.left_since(), None);
    }

    #[test]
    fn a_rejected_last_delivery_is_not_the_tag_that_is_acknowledged() {
        let mut tracker = tracker(1..=3);
        tracker.settle(1, Settlement::Accept);
        tracker.settle(2, Settlement::Accept);
        tracker.settle(3, Settlement::Reject);
        assert_eq!(tracker.take(), [Action::Reject(3), Action::AckThrough(2)]);
    }

    #[test]
    fn a_delivery_is_settled_once() {
        let mut tracker = tracker(1..=1);
        assert!(tracker.settle(1, Settlement::Release));
        assert!(!tracker.settle(1, Settlement::Accept));
        assert!(!tracker.settle(9, Settlement::Accept));
        assert_eq!(tracker.take_all(), [Action::Requeue(1)]);
    }
    #[test]
    fn a_delivery_that_stays_open_keeps_nothing_of_what_is_told_behind_it() {
        let mut tracker = tracker(1..=1);
        for tag in 2..1_000 {
            tracker.delivered(tag);
            assert!(tracker.settle(tag, Settlement::Accept));
            tracker.take_all();
        }
        assert!(tracker.kept() <= 1 + TOLD_SHARE, "{} are kept", tracker.kept());
        assert!(tracker.settle(1, Settlement::Accept));
        assert_eq!(tracker.take(), [Action::AckThrough(1)]);
    }
}
