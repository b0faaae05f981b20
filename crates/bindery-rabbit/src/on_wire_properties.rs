//! Whatever the broker answers, in whatever order, and whenever the channel is lost: every publication is completed
//! once, and one that was returned or refused never as a success.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bindery_core::{Confirm, ConfirmSink, Error, ErrorKind, Position, Unconfirmed};
use lapin::message::{BasicReturnMessage, Delivery};
use lapin::{BasicProperties, Confirmation};
use proptest::prelude::*;
use proptest::sample::Index;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::error::Refusal;
use crate::on_wire::{Entry, OnWire};

#[derive(Clone, Debug)]
enum Step {
    Publish(Fate),
    /// The broker answers one publication, or all up to it.
    Answer {
        at: Index,
        multiple: bool,
    },
    /// The publisher looks at its answers.
    Look,
    /// The callers whose time is over are told, as while the broker blocks publishers.
    TellOverdue,
    /// The channel is lost.
    Lose,
}

/// What the broker does with a publication.
#[derive(Clone, Copy, Debug)]
struct Fate {
    unroutable: bool,
    nacked: bool,
    /// The return goes out at once, long before the confirmation.
    early_return: bool,
    /// Its time is over as soon as somebody looks.
    overdue: bool,
}

fn fate() -> impl Strategy<Value = Fate> {
    let rarely = prop::bool::weighted(0.2);
    (rarely, rarely, any::<bool>(), rarely).prop_map(|(unroutable, nacked, early_return, overdue)| Fate {
        unroutable,
        nacked: nacked && !unroutable,
        early_return,
        overdue,
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        60 => fate().prop_map(Step::Publish),
        60 => (any::<Index>(), prop::bool::weighted(0.2)).prop_map(|(at, multiple)| Step::Answer { at, multiple }),
        40 => Just(Step::Look),
        4 => Just(Step::TellOverdue),
        1 => Just(Step::Lose),
    ];
    prop::collection::vec(step, 0..200)
}

/// Notes the completions in their order.
#[derive(Default)]
struct Told(Mutex<Vec<(usize, Result<(), Error>)>>);

impl ConfirmSink for Told {
    fn confirmed(&self, token: u64, result: Result<Position, Unconfirmed>) {
        let token = usize::try_from(token).unwrap();
        self.0
            .lock()
            .unwrap()
            .push((token, result.map(|_| ()).map_err(|unconfirmed| unconfirmed.error)));
    }
}

type Answers = oneshot::Sender<lapin::Result<Confirmation>>;

/// The broker, and the client library with its habit: a confirmation takes the return that waits longest.
#[derive(Default)]
struct Broker {
    fates: Vec<Fate>,
    unanswered: Vec<(usize, Answers)>,
    returned: Vec<bool>,
    returns: std::collections::VecDeque<BasicReturnMessage>,
}

impl Broker {
    fn publish(&mut self, fate: Fate, answers: Answers, mandatory: bool) {
        let number = self.fates.len();
        self.fates.push(fate);
        self.returned.push(false);
        self.unanswered.push((number, answers));
        if mandatory && fate.unroutable && fate.early_return {
            self.send_back(number);
        }
    }

    fn send_back(&mut self, number: usize) {
        if std::mem::replace(&mut self.returned[number], true) {
            return;
        }
        self.returns.push_back(sent_back(number));
    }

    fn answer(&mut self, at: usize, mandatory: bool) {
        let (number, answers) = self.unanswered.remove(at);
        let fate = self.fates[number];
        if mandatory && fate.unroutable {
            self.send_back(number);
        }
        let returned = self.returns.pop_front();
        let confirmation = match fate.nacked {
            true => Confirmation::Nack(returned),
            false => Confirmation::Ack(returned),
        };
        // Nobody listens after the channel was lost.
        let _ = answers.send(Ok(confirmation));
    }

    fn lose(&mut self) {
        for (_, answers) in self.unanswered.drain(..) {
            let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            let _ = answers.send(Err(broken.into()));
        }
        self.returns.clear();
    }
}

/// What comes back of a publication that no queue takes.
fn sent_back(number: usize) -> BasicReturnMessage {
    let mut delivery = Delivery::mock(0, "e".into(), "k".into(), false, Vec::new());
    delivery.properties = BasicProperties::default().with_message_id(id(number).into());
    BasicReturnMessage {
        delivery,
        reply_code: 312,
        reply_text: "NO_ROUTE".into(),
    }
}

fn id(number: usize) -> String {
    format!("m{number}")
}

/// The publisher on one channel, as its session drives it.
struct Scene {
    broker: Broker,
    on_wire: OnWire,
    told: Arc<Told>,
    /// Whether publications may be returned: all of one publisher, or none.
    mandatory: bool,
    begun: Instant,
    released: usize,
    lost: bool,
}

impl Scene {
    fn new(mandatory: bool) -> Self {
        Self {
            broker: Broker::default(),
            on_wire: OnWire::new(),
            told: Arc::default(),
            mandatory,
            begun: Instant::now(),
            released: 0,
            lost: false,
        }
    }

    fn publish(&mut self, fate: Fate) {
        let number = self.broker.fates.len();
        let (answers, answer) = oneshot::channel();
        self.broker.publish(fate, answers, self.mandatory);
        let deadline = match fate.overdue {
            true => self.begun,
            false => self.begun + Duration::from_secs(3600),
        };
        let entry = Entry {
            obligation: Some(Confirm::new(self.told.clone(), number as u64).into()),
            identity: self.mandatory.then(|| (id(number), "k".to_owned())),
            deadline,
            size_bytes: 0,
            routing_key: "k".into(),
        };
        let answer =
            Box::pin(async move { answer.await.expect("the broker answers or the channel is lost") });
        self.on_wire.publish(answer, entry);
    }

    fn look(&mut self) {
        while !self.on_wire.is_empty() && !self.lost {
            let answer = futures_util::FutureExt::now_or_never(self.on_wire.first_answer());
            let Some(answer) = answer else { return };
            let (done, lost) = self.on_wire.answered(answer);
            self.released += done;
            if let Some(refusal) = lost {
                self.released += self.on_wire.abandon(&refusal).0;
                self.lost = true;
            }
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Publish(fate) => self.publish(*fate),
            Step::Answer { at, multiple } if !self.broker.unanswered.is_empty() => {
                let at = at.index(self.broker.unanswered.len());
                let from = if *multiple { 0 } else { at };
                for _ in from..=at {
                    self.broker.answer(from, self.mandatory);
                }
            }
            Step::Answer { .. } => {}
            Step::Look => self.look(),
            Step::TellOverdue => self.on_wire.tell_overdue(Instant::now(), "blocked"),
            Step::Lose => {
                self.broker.lose();
                self.look();
                if !self.lost {
                    // The session learns of it from its connection.
                    let refusal = Refusal::temporary(ErrorKind::Unavailable, "the connection was lost");
                    self.released += self.on_wire.abandon(&refusal).0;
                    self.lost = true;
                }
            }
        }
    }

    /// What every publication deserves, were nothing lost or late.
    fn is_stored(&self, number: usize) -> bool {
        let fate = self.broker.fates[number];
        !fate.nacked && (!self.mandatory || !fate.unroutable)
    }
}

fn run(steps: &[Step], mandatory: bool) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut scene = Scene::new(mandatory);
        for step in steps {
            scene.step(step);
            if scene.lost {
                break;
            }
        }
        while !scene.broker.unanswered.is_empty() {
            scene.broker.answer(0, mandatory);
        }
        scene.look();

        let told = scene.told.0.lock().unwrap();
        let mut numbers: Vec<usize> = told.iter().map(|(number, _)| *number).collect();
        let late = steps.iter().any(|step| matches!(step, Step::TellOverdue));
        if !late {
            prop_assert!(numbers.is_sorted(), "completed out of order: {numbers:?}");
        }
        numbers.sort_unstable();
        let all: Vec<usize> = (0..scene.broker.fates.len()).collect();
        prop_assert_eq!(numbers, all, "each once");
        prop_assert_eq!(
            scene.released,
            scene.broker.fates.len(),
            "the window gets every slot back"
        );
        for (number, result) in told.iter() {
            if result.is_ok() {
                prop_assert!(scene.is_stored(*number), "{number} is lost");
            } else if !scene.lost && !late {
                prop_assert!(
                    !scene.is_stored(*number),
                    "{number} is stored, and failed: {result:?}"
                );
            }
        }
        Ok(())
    })
}

proptest! {
    #[test]
    fn what_may_be_returned_is_completed_once_in_order_and_rightly(steps in steps()) {
        run(&steps, true)?;
    }

    #[test]
    fn what_can_not_be_returned_is_completed_once_in_order_and_rightly(steps in steps()) {
        run(&steps, false)?;
    }
}

/// A channel of mandatory publications, and what answers them.
fn published(count: usize) -> (Scene, Vec<Option<Answers>>) {
    let mut scene = Scene::new(true);
    let fate = Fate {
        unroutable: false,
        nacked: false,
        early_return: false,
        overdue: false,
    };
    (0..count).for_each(|_| scene.publish(fate));
    let answers = scene.broker.unanswered.drain(..);
    let answers = answers.map(|(_, answers)| Some(answers)).collect();
    (scene, answers)
}

impl Scene {
    fn told(&self) -> Vec<(usize, bool)> {
        let told = self.told.0.lock().unwrap();
        told.iter()
            .map(|(number, result)| (*number, result.is_ok()))
            .collect()
    }
}

fn ack(answers: &mut [Option<Answers>], number: usize, returned: Option<usize>) {
    let answer = Ok(Confirmation::Ack(returned.map(sent_back)));
    answers[number].take().unwrap().send(answer).unwrap();
}

#[test]
fn a_bare_confirmation_is_told_while_later_ones_are_missing() {
    let (mut scene, mut answers) = published(3);
    ack(&mut answers, 0, None);
    scene.look();
    assert_eq!(scene.told(), [(0, true)]);
    // 1 was returned, and 2 took its return along.
    ack(&mut answers, 2, Some(1));
    ack(&mut answers, 1, None);
    scene.look();
    assert_eq!(scene.told()[1..], [(1, false), (2, true)]);
}

#[test]
fn a_confirmation_off_which_a_return_was_taken_is_not_bare() {
    let (mut scene, mut answers) = published(4);
    // 3 was returned first, 2 after it: the confirmation of 2 took the return of 3 along, and its own waits.
    ack(&mut answers, 2, Some(3));
    ack(&mut answers, 0, None);
    scene.look();
    assert_eq!(scene.told(), [(0, true)]);
    ack(&mut answers, 1, None);
    scene.look();
    assert_eq!(scene.told()[1..], [(1, true)], "nothing is known of 2 yet");
    ack(&mut answers, 3, Some(2));
    scene.look();
    assert_eq!(scene.told()[2..], [(2, false), (3, false)]);
}
