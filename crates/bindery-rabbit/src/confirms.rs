//! Which publications are confirmed, and to which of them a returned message belongs.
//!
//! The client library attaches a returned message to whichever confirmation completes next, so a publication whose own
//! confirmation is clean may have been returned all the same. What holds: a return arrives before the confirmation of
//! its message, and every confirmation takes one return with it as long as there are any. So once everything that was
//! in flight when a confirmation was seen is confirmed too, every return that came before it sits on some completed
//! confirmation. Confirmed publications therefore wait in groups: a group is settled when all that was in flight when
//! it was closed is confirmed, and after every completed confirmation has been looked at. Returns are matched by
//! message id. Nothing ever stops the pipeline, and there is one channel, so order is kept.

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
}

/// The confirmed publications before `end` are settled when all before `barrier` are confirmed.
#[derive(Clone, Copy)]
struct Group {
    end: u64,
    barrier: u64,
}

/// The confirmed publications of one channel that can't be settled yet.
///
/// Publications are numbered in their order and reported confirmed in that order.
pub(crate) struct Confirms<T> {
    published: u64,
    confirmed: u64,
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

    /// The oldest unconfirmed publication was confirmed. `identity` is set when it can be returned (`mandatory`).
    pub(crate) fn confirmed(&mut self, entry: T, identity: Option<Identity>, acked: bool) {
        match identity {
            Some(identity) => self.waiting.push_back(Waiting {
                entry,
                identity,
                sequence: self.confirmed,
                acked,
            }),
            None => self.certain.push_back((entry, verdict(acked))),
        }
        self.confirmed += 1;
    }

    /// Whether a group can be settled once every completed confirmation has been looked at.
    pub(crate) fn is_due(&mut self) -> bool {
        if self.waiting.is_empty() {
            return false;
        }
        let group = *self.group.get_or_insert(Group {
            end: self.confirmed,
            barrier: self.published,
        });
        group.barrier <= self.confirmed
    }

    /// The next publication that is certain without looking further.
    pub(crate) fn certain(&mut self) -> Option<(T, Verdict)> {
        self.certain.pop_front()
    }

    /// The next publication of the group that is due.
    pub(crate) fn settled(&mut self) -> Option<(T, Verdict)> {
        let group = self.group.filter(|group| group.barrier <= self.confirmed)?;
        if self
            .waiting
            .front()
            .is_none_or(|waiting| waiting.sequence >= group.end)
        {
            self.group = None;
            return None;
        }
        let Waiting {
            entry,
            identity,
            sequence,
            acked,
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

    fn settle_all(confirms: &mut Confirms<usize>) -> Vec<(usize, Verdict)> {
        let mut settled: Vec<_> = std::iter::from_fn(|| confirms.certain()).collect();
        while confirms.is_due() {
            settled.extend(std::iter::from_fn(|| confirms.settled()));
        }
        settled
    }

    #[test]
    fn a_lone_publication_is_settled_when_it_is_confirmed() {
        let mut confirms = Confirms::new();
        confirms.published();
        confirms.confirmed(0, Some(identity(0)), true);
        assert_eq!(settle_all(&mut confirms), [(0, Verdict::Acked)]);
    }

    #[test]
    fn a_return_on_another_confirmation_is_matched_by_message_id() {
        let mut confirms = Confirms::new();
        for _ in 0..2 {
            confirms.published();
        }
        confirms.confirmed(0, Some(identity(0)), true);
        assert_eq!(settle_all(&mut confirms), []);
        confirms.returned(Returned {
            identity: identity(0),
            text: "NO_ROUTE".to_owned(),
        });
        confirms.confirmed(1, Some(identity(1)), true);
        assert_eq!(
            settle_all(&mut confirms),
            [(0, Verdict::Returned("NO_ROUTE".to_owned())), (1, Verdict::Acked)]
        );
        assert!(confirms.returned.is_empty());
    }

    #[test]
    fn what_can_not_be_returned_does_not_wait_for_others() {
        let mut confirms = Confirms::new();
        confirms.published();
        confirms.published();
        confirms.confirmed(0, None, false);
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
    }

    impl Wire {
        fn publish(&mut self, unroutable: bool, early_return: bool) {
            let number = self.answers.len();
            self.unroutable.push(unroutable);
            self.unanswered.push(number);
            self.answers.push(None);
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
            self.answers[number] = Some(self.returns.pop_front());
        }
    }

    proptest! {
        #[test]
        fn every_verdict_is_right_however_answers_are_ordered(
            steps in prop::collection::vec((step(), any::<bool>()), 0..300),
        ) {
            let mut wire = Wire::default();
            let mut confirms = Confirms::new();
            let mut seen = 0;
            let mut verdicts = Vec::new();
            let look = |wire: &mut Wire, confirms: &mut Confirms<usize>, seen: &mut usize| {
                let returned = |number| Returned { identity: identity(number), text: String::new() };
                while let Some(Some(attached)) = wire.answers.get_mut(*seen) {
                    if let Some(number) = attached.take() {
                        confirms.returned(returned(number));
                    }
                    confirms.confirmed(*seen, Some(identity(*seen)), true);
                    *seen += 1;
                }
                let mut settled = Vec::new();
                while confirms.is_due() {
                    for number in wire.answers.iter_mut().flatten().filter_map(Option::take) {
                        confirms.returned(returned(number));
                    }
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
                    true => (number, Verdict::Returned(String::new())),
                    false => (number, Verdict::Acked),
                })
                .collect();
            prop_assert_eq!(verdicts, expected);
            prop_assert!(confirms.returned.is_empty());
        }
    }
}
