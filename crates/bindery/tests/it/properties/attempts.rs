//! Whatever handlers, producers and dead letters come to: a message is called as often as it is documented, settled
//! once, and never before its copy is confirmed.

use std::time::Duration;

use bindery::Settlement;
use bindery::memory::MemoryBroker;
use proptest::prelude::*;

use super::spy::{Event, Log, Outcome, Script, Spy, Verdict, listener};
use super::{cases, on_paused_time};
use crate::fixture::{application, order, record};

/// How long a handler may take.
const HANDLER_TIMEOUT: u64 = 200;
/// Longer than anything in a case takes.
const QUITE_LONG: Duration = Duration::from_secs(900);

#[derive(Clone, Debug)]
struct Settings {
    max_attempts: u32,
    delays: Delays,
    /// In milliseconds; between the moments at which anything happens.
    deadline: Option<u64>,
    dead_letter: bool,
    skip: bool,
    by_key: bool,
}

#[derive(Clone, Debug)]
enum Delays {
    Fixed(u64),
    Exponential { initial: u64, multiplier: u64, max: u64 },
    Intervals(Vec<u64>),
}

impl Delays {
    /// The delay after failure number `failure`, from 1.
    fn after(&self, failure: u32) -> u64 {
        match self {
            Self::Fixed(delay) => *delay,
            Self::Exponential {
                initial,
                multiplier,
                max,
            } => (initial * multiplier.pow(failure - 1)).min(*max),
            Self::Intervals(delays) => {
                let at = delays.len().min(failure as usize) - 1;
                delays[at]
            }
        }
    }

    fn properties(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Fixed(delay) => vec![
                ("retry.strategy", "fixed".to_owned()),
                ("retry.delay", format!("{delay}ms")),
            ],
            Self::Exponential {
                initial,
                multiplier,
                max,
            } => vec![
                ("back-off-initial-interval", initial.to_string()),
                ("back-off-multiplier", multiplier.to_string()),
                ("back-off-max-interval", max.to_string()),
            ],
            Self::Intervals(delays) => {
                let delays: Vec<_> = delays.iter().map(|delay| format!("{delay}ms")).collect();
                vec![
                    ("retry.strategy", "intervals".to_owned()),
                    ("retry.intervals", delays.join(", ")),
                ]
            }
        }
    }
}

fn delays() -> impl Strategy<Value = Delays> {
    let tens = || (1..30_u64).prop_map(|tens| tens * 10);
    prop_oneof![
        tens().prop_map(Delays::Fixed),
        (tens(), 1..4_u64, 30..100_u64).prop_map(|(initial, multiplier, max)| Delays::Exponential {
            initial,
            multiplier,
            max: max * 10
        }),
        prop::collection::vec(tens(), 1..4).prop_map(Delays::Intervals),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let deadline = prop::option::weighted(0.3, (0..100_u64).prop_map(|tens| tens * 10 + 5));
    (
        1..6_u32,
        delays(),
        deadline,
        prop::bool::weighted(0.7),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(
            |(max_attempts, delays, deadline, dead_letter, skip, by_key)| Settings {
                max_attempts,
                delays,
                deadline,
                dead_letter,
                skip,
                by_key,
            },
        )
}

fn script() -> impl Strategy<Value = Script> {
    let outcome = prop_oneof![
        4 => Just(Outcome::Retryable),
        2 => Just(Outcome::Done),
        1 => Just(Outcome::Permanent),
        1 => Just(Outcome::Undecodable),
        1 => Just(Outcome::Discard),
        1 => Just(Outcome::Panic),
        1 => Just(Outcome::Hang),
    ];
    let verdict = (0..4_u8, prop_oneof![Just(0), 1..300_u64]).prop_map(|(kind, after)| match kind {
        0 => Verdict::Stored(after),
        1 => Verdict::Away(after),
        2 => Verdict::Refused(after),
        _ => Verdict::Unacceptable(after),
    });
    let outcomes = prop::collection::vec(outcome, 0..6);
    let publications = prop::collection::vec(verdict, 0..4);
    (outcomes, publications, 0..3_u32).prop_map(|(outcomes, publications, dead_letter_refusals)| Script {
        outcomes,
        publications,
        dead_letter_refusals,
    })
}

/// How a message ends.
#[derive(Clone, Debug, PartialEq)]
enum End {
    Done,
    Discarded,
    DeadLettered(&'static str),
    Skipped,
    /// It stays unsettled until the binding stops, and nothing of its lane is started meanwhile.
    Held,
}

/// Why an attempt failed.
enum Failed {
    Retryable,
    For(&'static str),
    Discard,
}

/// How often a message is handed to its handler, and how it ends.
fn expected(script: &Script, settings: &Settings) -> (u32, End) {
    let mut publications = script.publications.iter();
    let mut elapsed = 0;
    for attempt in 1.. {
        let outcome = script
            .outcomes
            .get(attempt as usize - 1)
            .unwrap_or(&Outcome::Done);
        let failed = match outcome {
            Outcome::Done => match publications.find(|verdict| !matches!(verdict, Verdict::Away(_))) {
                None | Some(Verdict::Stored(_) | Verdict::Away(_)) => return (attempt, End::Done),
                Some(Verdict::Refused(_)) => Failed::Retryable,
                Some(Verdict::Unacceptable(_)) => Failed::For("permanent"),
            },
            Outcome::Retryable | Outcome::Panic => Failed::Retryable,
            Outcome::Hang => {
                elapsed += HANDLER_TIMEOUT;
                Failed::Retryable
            }
            Outcome::Permanent => Failed::For("permanent"),
            Outcome::Undecodable => Failed::For("undecodable"),
            Outcome::Discard => Failed::Discard,
        };
        let delay = settings.delays.after(attempt);
        let reason = match failed {
            Failed::Discard => return (attempt, End::Discarded),
            Failed::For(reason) => reason,
            Failed::Retryable if attempt >= settings.max_attempts => "exhausted",
            Failed::Retryable
                if settings
                    .deadline
                    .is_some_and(|deadline| elapsed + delay > deadline) =>
            {
                "deadline"
            }
            Failed::Retryable => {
                elapsed += delay;
                continue;
            }
        };
        let end = match settings {
            Settings {
                dead_letter: true, ..
            } => End::DeadLettered(reason),
            Settings { skip: true, .. } => End::Skipped,
            _ => End::Held,
        };
        return (attempt, end);
    }
    unreachable!("every attempt but the last goes on")
}

fn called(events: &[Event]) -> Vec<u32> {
    let calls = events.iter().filter_map(|event| match event {
        Event::Called(attempt) => Some(*attempt),
        _ => None,
    });
    calls.collect()
}

fn settled(events: &[Event]) -> Vec<Settlement> {
    let settlements = events.iter().filter_map(|event| match event {
        Event::Settled(settlement) => Some(*settlement),
        _ => None,
    });
    settlements.collect()
}

/// Checks what happened to one message against what is expected of it.
fn check(events: &[Event], (calls, end): &(u32, End), script: &Script) -> Result<(), TestCaseError> {
    prop_assert_eq!(called(events), (1..=*calls).collect::<Vec<_>>(), "attempts");
    let settlement = match end {
        End::Held => Settlement::Release,
        _ => Settlement::Accept,
    };
    prop_assert_eq!(settled(events), vec![settlement], "settled once");
    let at = |wanted: &Event| events.iter().position(|event| event == wanted);
    let settled_at = at(&Event::Settled(settlement)).unwrap();
    match end {
        End::Done => prop_assert!(at(&Event::Stored).is_some_and(|stored| stored < settled_at)),
        End::DeadLettered(reason) => {
            let dead_lettered = at(&Event::DeadLettered(reason, *calls));
            prop_assert!(
                dead_lettered.is_some_and(|at| at < settled_at),
                "its copy is confirmed before"
            );
            let refused = events
                .iter()
                .filter(|event| **event == Event::DeadLetterRefused)
                .count();
            prop_assert_eq!(refused, script.dead_letter_refusals as usize);
        }
        _ => prop_assert!(!events.contains(&Event::Stored)),
    }
    let dead_letters = events
        .iter()
        .filter(|event| matches!(event, Event::DeadLettered(..)))
        .count();
    prop_assert_eq!(dead_letters, usize::from(matches!(end, End::DeadLettered(_))));
    Ok(())
}

async fn run(settings: Settings, scripts: Vec<Script>) -> Result<(), TestCaseError> {
    let log = Log::new(scripts);
    let broker = MemoryBroker::new();
    let input = "stream.bindings.scripted-in-0";
    let mut application = application(&broker, "", listener())
        .binder(Spy::new(&broker, &log))
        .state(log.clone())
        .property(format!("{input}.destination"), "in")
        .property(format!("{input}.group"), "g")
        .property("stream.bindings.scripted-out-0.destination", "out")
        .property(
            format!("{input}.consumer.max-attempts"),
            settings.max_attempts.to_string(),
        )
        .property(
            format!("{input}.consumer.handler-timeout"),
            HANDLER_TIMEOUT.to_string(),
        )
        .property(
            format!("{input}.consumer.ordering"),
            if settings.by_key { "key" } else { "partition" },
        )
        .property(
            format!("{input}.consumer.on-exhausted"),
            if settings.skip { "skip" } else { "hold" },
        );
    for (name, value) in settings.delays.properties() {
        application = application.property(format!("{input}.consumer.{name}"), value);
    }
    if let Some(deadline) = settings.deadline {
        application = application.property(
            format!("{input}.consumer.retry.deadline"),
            format!("{deadline}ms"),
        );
    }
    if settings.dead_letter {
        application =
            application.property("stream.memory.bindings.scripted-in-0.consumer.enable-dlq", "true");
    }
    let lanes = if settings.by_key { 2 } else { 1 };
    for id in 0..log.scripts.len() as u32 {
        let payload = String::from_utf8(order(id).payload.unwrap().to_vec()).unwrap();
        let key = (id % lanes).to_string();
        broker.publish_record("in", record(&payload, Some(&key))).unwrap();
    }
    let running = application.start().await.unwrap();
    tokio::time::sleep(QUITE_LONG).await;
    running.shutdown().await.unwrap();

    let mut held = vec![false; lanes as usize];
    for (id, script) in log.scripts.iter().enumerate() {
        let events = log.of(id as u32);
        let expected = expected(script, &settings);
        let lane = id % lanes as usize;
        let is_untouched = called(&events).is_empty();
        if held[lane] && is_untouched {
            prop_assert!(
                settled(&events)
                    .iter()
                    .all(|settlement| *settlement == Settlement::Release)
            );
            prop_assert!(settled(&events).len() <= 1);
        } else if let Err(error) = check(&events, &expected, script) {
            prop_assert!(false, "message {id}, expected {expected:?}: {error}; {events:?}");
        }
        held[lane] |= expected.1 == End::Held;
    }
    Ok(())
}

/// A deadline counts from the first attempt; how long publications take beside others is no part of the model.
fn simple(settings: &Settings, scripts: &mut [Script]) {
    if settings.deadline.is_some() {
        scripts.iter_mut().for_each(|script| script.publications.clear());
    }
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn a_message_is_called_as_often_as_documented_and_settled_once_after_its_copy(
        settings in settings(), scripts in prop::collection::vec(script(), 1..7),
    ) {
        let mut scripts = scripts;
        simple(&settings, &mut scripts);
        on_paused_time(run(settings, scripts))?;
    }
}
