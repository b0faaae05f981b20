//! Which publications are confirmed, and to which of them a returned message belongs.
//!
//! The client library attaches a returned message to whichever confirmation completes next, so a publication whose own
//! confirmation is clean may have been returned all the same. What holds: a return arrives before the confirmation of
//! its message, and every confirmation takes one return with it as long as there are any. So once everything that was
//! in flight when a confirmation was seen is confirmed too, every return that came before it sits on some completed
//! confirmation. Confirmed publications therefore wait in groups: a group is settled when all that was in flight when
//! it was closed is confirmed, and after every completed confirmation has been looked at. Returns are matched by
//! message id. Nothing ever stops the pipeline, and there is one channel, so order is kept.
//!
//! A confirmation that took no return with it says more: no return was left when it completed, so its own, if there was
//! one, sits on a confirmation that completed earlier. It is settled as soon as every completed one has been looked at.
//! That look goes over all that is in flight, so it waits for enough publications to be worth it.

use std::collections::{HashMap, VecDeque};

/// What identifies a publication on the wire: message id and routing key.
pub(crate) type Identity = (String, String);

/// The broker's word on one publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is stored.
    Acked,
    /// The broker refused it.
    Nacked,
    /// No queue is bound for it; with the broker's text.
    Returned(String),
}

/// A message that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Returned {
    pub(crate) identity: Identity,
    pub(crate) text: String,
}

struct Waiting<T> {
    entry: T,
    identity: Identity,
    sequence: u64,
    acked: bool,
    /// Whether its confirmation took no return with it.
    bare: bool,
}

/// The confirmed publications before `end` are settled when all before `barrier` are confirmed.
#[derive(Clone, Copy)]
struct Group {
    end: u64,
    barrier: u64,
}

/// How many in flight are looked at for each confirmed publication that waits, at most.
const LOOKS_EACH: usize = 8;

/// The confirmed publications of one channel that can't be settled yet.
///
/// Publications are numbered in their order and reported confirmed in that order.
pub(crate) struct Confirms<T> {
    published: u64,
    confirmed: u64,
    /// How many were confirmed when all completed confirmations were looked at.
    looked_at: u64,
    /// Certain at once, because they can't be returned.
    certain: VecDeque<(T, Verdict)>,
    waiting: VecDeque<Waiting<T>>,
    group: Option<Group>,
    /// Returned messages, each with the number of publications when it was seen: later ones are others.
    returned: HashMap<Identity, (u64, String)>,
}

impl<T> Confirms<T> {
    pub(crate) fn new() -> Self {
        Self {
            published: 0,
            confirmed: 0,
            looked_at: 0,
            certain: VecDeque::new(),
            waiting: VecDeque::new(),
            group: None,
            returned: HashMap::new(),
        }
    }

    /// A publication went out.
    pub(crate) fn published(&mut self) {
        self.published += 1;
    }

    /// A completed confirmation, of whichever publication, had a returned message attached.
    pub(crate) fn returned(&mut self, returned: Returned) {
        self.returned
            .insert(returned.identity, (self.published, returned.text));
    }

    /// The oldest unconfirmed publication was confirmed. `identity` is set when it can be returned (`mandatory`), and
    /// `bare` when its confirmation took no return with it.
    pub(crate) fn confirmed(&mut self, entry: T, identity: Option<Identity>, acked: bool, bare: bool) {
        match identity {
            Some(identity) => self.waiting.push_back(Waiting {
                entry,
                identity,
                sequence: self.confirmed,
                acked,
                bare,
            }),
            None => self.certain.push_back((entry, verdict(acked))),
        }
        self.confirmed += 1;
    }

    /// Whether something can be settled once every completed confirmation has been looked at, and such a look is worth it:
    /// it goes over `in_flight` publications. [`Confirms::looked`] tells that it was done.
    pub(crate) fn is_due(&mut self, in_flight: usize) -> bool {
        let Some(oldest) = self.waiting.front() else {
            return false;
        };
        let group = *self.group.get_or_insert(Group {
            end: self.confirmed,
            barrier: self.published,
        });
        group.barrier <= self.confirmed || oldest.bare && self.waiting.len() * LOOKS_EACH >= in_flight
    }

    /// Every completed confirmation has been looked at.
    pub(crate) fn looked(&mut self) {
        self.looked_at = self.confirmed;
    }

    /// The next publication that is certain without looking further.
    pub(crate) fn certain(&mut self) -> Option<(T, Verdict)> {
        self.certain.pop_front()
    }

    /// The next publication that is certain since the last look.
    pub(crate) fn settled(&mut self) -> Option<(T, Verdict)> {
        let group = self.group.filter(|group| group.barrier <= self.confirmed);
        let oldest = self.waiting.front();
        let is_certain = oldest.is_some_and(|oldest| {
            oldest.bare && oldest.sequence < self.looked_at
                || group.is_some_and(|group| oldest.sequence < group.end)
        });
        if !is_certain {
            // Looks may have settled all of a group that isn't due; what waits now needs one of its own.
            let has_more = |group: &Group| oldest.is_some_and(|oldest| oldest.sequence < group.end);
            self.group = self.group.filter(has_more);
            return None;
        }
        let Waiting {
            entry,
            identity,
            sequence,
            acked,
            ..
        } = self.waiting.pop_front()?;
        let verdict = match self.returned.get(&identity) {
            Some((seen, text)) if sequence < *seen => Verdict::Returned(text.clone()),
            _ => verdict(acked),
        };
        if !self.returned.is_empty() {
            self.returned.retain(|_, (seen, _)| *seen > sequence + 1);
        }
        Some((entry, verdict))
    }

    /// Everything that is confirmed but not settled, in its order: after a lost channel nobody knows.
    pub(crate) fn abandon(&mut self) -> impl Iterator<Item = T> + use<'_, T> {
        self.waiting.drain(..).map(|waiting| waiting.entry)
    }
}

fn verdict(acked: bool) -> Verdict {
    if acked { Verdict::Acked } else { Verdict::Nacked }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn identity(number: usize) -> Identity {
        (format!("m{number}"), "k".to_owned())
    }

    fn returned(number: usize) -> Returned {
        Returned {
            identity: identity(number),
            text: "NO_ROUTE".to_owned(),
        }
    }

    fn settle_all(confirms: &mut Confirms<usize>) -> Vec<(usize, Verdict)> {
        let mut settled: Vec<_> = std::iter::from_fn(|| confirms.certain()).collect();
        while confirms.is_due(usize::MAX) {
            confirms.looked();
            settled.extend(std::iter::from_fn(|| confirms.settled()));
        }
        settled
    }

    #[test]
    fn a_lone_publication_is_settled_when_it_is_confirmed() {
        let mut confirms = Confirms::new();
        confirms.published();
        confirms.confirmed(0, Some(identity(0)), true, false);
        assert_eq!(settle_all(&mut confirms), [(0, Verdict::Acked)]);
    }

    #[test]
    fn a_return_on_another_confirmation_is_matched_by_message_id() {
        let mut confirms = Confirms::new();
        for _ in 0..2 {
            confirms.published();
        }
        confirms.confirmed(0, Some(identity(0)), true, false);
        assert_eq!(settle_all(&mut confirms), []);
        confirms.returned(returned(0));
        confirms.confirmed(1, Some(identity(1)), true, false);
        assert_eq!(
            settle_all(&mut confirms),
            [(0, Verdict::Returned("NO_ROUTE".to_owned())), (1, Verdict::Acked)]
        );
        assert!(confirms.returned.is_empty());
    }

    #[test]
    fn a_bare_confirmation_is_certain_after_a_look_that_is_worth_it() {
        let mut confirms = Confirms::new();
        for _ in 0..20 {
            confirms.published();
        }
        confirms.confirmed(0, Some(identity(0)), true, true);
        confirms.confirmed(1, Some(identity(1)), true, true);
        assert!(!confirms.is_due(17) && confirms.is_due(16));
        assert_eq!(confirms.settled(), None, "nobody has looked yet");
        confirms.returned(returned(1));
        confirms.looked();
        confirms.confirmed(2, Some(identity(2)), true, true);
        assert_eq!(confirms.settled(), Some((0, Verdict::Acked)));
        let returned = Verdict::Returned("NO_ROUTE".to_owned());
        assert_eq!(confirms.settled(), Some((1, returned)));
        assert_eq!(confirms.settled(), None, "it came after the look");
        confirms.looked();
        assert_eq!(confirms.settled(), Some((2, Verdict::Acked)));
    }

    #[test]
    fn what_can_not_be_returned_does_not_wait_for_others() {
        let mut confirms = Confirms::new();
        confirms.published();
        confirms.published();
        confirms.confirmed(0, None, false, true);
        assert_eq!(settle_all(&mut confirms), [(0, Verdict::Nacked)]);
    }

    #[derive(Clone, Debug)]
    enum Step {
        /// The publisher sends, and the broker will return it or not.
        Publish(bool),
        /// The broker answers one outstanding publication.
        Answer(prop::sample::Index),
        /// The publisher looks at its confirmations, in order.
        Look,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => prop::bool::weighted(0.3).prop_map(Step::Publish),
            3 => any::<prop::sample::Index>().prop_map(Step::Answer),
            2 => Just(Step::Look),
        ]
    }

    /// The broker, and the client library with its habit: a confirmation takes the return that waits longest.
    #[derive(Default)]
    struct Wire {
        unroutable: Vec<bool>,
        unanswered: Vec<usize>,
        returns: VecDeque<usize>,
        returned: Vec<bool>,
        /// Per publication: answered, and what the library attached.
        answers: Vec<Option<Option<usize>>>,
        /// Whether anything was attached, also when it was taken off since.
        carried: Vec<bool>,
    }

    impl Wire {
        fn publish(&mut self, unroutable: bool, early_return: bool) {
            let number = self.answers.len();
            self.unroutable.push(unroutable);
            self.unanswered.push(number);
            self.answers.push(None);
            self.carried.push(false);
            self.returned.push(unroutable && early_return);
            if unroutable && early_return {
                self.returns.push_back(number);
            }
        }

        fn answer(&mut self, at: usize) {
            let number = self.unanswered.remove(at);
            if self.unroutable[number] && !self.returned[number] {
                self.returns.push_back(number);
            }
            let attached = self.returns.pop_front();
            self.carried[number] = attached.is_some();
            self.answers[number] = Some(attached);
        }
    }

    proptest! {
        #[test]
        fn every_verdict_is_right_however_answers_are_ordered(
            steps in prop::collection::vec((step(), any::<bool>()), 0..300),
            // Each look is worth it, or none.
            in_flight in prop_oneof![Just(0), Just(usize::MAX)],
        ) {
            let mut wire = Wire::default();
            let mut confirms = Confirms::new();
            let mut seen = 0;
            let mut verdicts = Vec::new();
            let look = |wire: &mut Wire, confirms: &mut Confirms<usize>, seen: &mut usize| {
                while let Some(Some(attached)) = wire.answers.get_mut(*seen) {
                    if let Some(number) = attached.take() {
                        confirms.returned(returned(number));
                    }
                    confirms.confirmed(*seen, Some(identity(*seen)), true, !wire.carried[*seen]);
                    *seen += 1;
                }
                let mut settled = Vec::new();
                while confirms.is_due(in_flight) {
                    for number in wire.answers.iter_mut().flatten().filter_map(Option::take) {
                        confirms.returned(returned(number));
                    }
                    confirms.looked();
                    settled.extend(std::iter::from_fn(|| confirms.settled()));
                }
                settled
            };
            for (step, early) in steps {
                match step {
                    Step::Publish(unroutable) => {
                        wire.publish(unroutable, early);
                        confirms.published();
                    }
                    Step::Answer(at) if !wire.unanswered.is_empty() => wire.answer(at.index(wire.unanswered.len())),
                    Step::Answer(_) => {}
                    Step::Look => verdicts.extend(look(&mut wire, &mut confirms, &mut seen)),
                }
            }
            while !wire.unanswered.is_empty() {
                wire.answer(0);
            }
            verdicts.extend(look(&mut wire, &mut confirms, &mut seen));
            let expected: Vec<_> = wire
                .unroutable
                .iter()
                .enumerate()
                .map(|(number, unroutable)| match unroutable {
                    true => (number, Verdict::Returned("NO_ROUTE".to_owned())),
                    false => (number, Verdict::Acked),
                })
                .collect();
            prop_assert_eq!(verdicts, expected);
            prop_assert!(confirms.returned.is_empty());
        }
    }
}
