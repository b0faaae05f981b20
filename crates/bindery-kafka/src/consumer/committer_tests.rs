//! What the committing thread promises, without a broker.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode as Code};

use super::super::pace::Pace;
use super::*;

const INTERVAL: Duration = Duration::from_millis(10);

/// A committing thread whose commits the test begins to see and answers.
fn with_committer(test: impl FnOnce(&Committer, &mpsc::Receiver<()>, &mpsc::Sender<KafkaResult<()>>)) {
    let committer = Committer::default();
    let (begun_sender, begun) = mpsc::channel();
    let (answers, answer) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(|| {
            committer.run("t", move || {
                begun_sender.send(()).unwrap();
                answer.recv().unwrap()
            });
        });
        test(&committer, &begun, &answers);
        committer.end();
        // Whatever is under way is answered, so that the thread can end.
        let _ = answers.send(Ok(()));
    });
}

#[test]
fn what_is_asked_while_a_commit_is_under_way_is_one_commit_after_it() {
    with_committer(|committer, begun, answers| {
        committer.ask();
        begun.recv().unwrap();
        for _ in 0..5 {
            committer.ask();
        }
        assert!(begun.try_recv().is_err(), "two commits are under way");
        answers.send(Ok(())).unwrap();
        begun.recv().unwrap();
        answers.send(Ok(())).unwrap();
        // Nothing more was asked for: a hold finds nothing under way, and nothing begins behind it.
        drop(committer.hold());
        assert!(begun.try_recv().is_err(), "a commit nobody asked for");
    });
}

#[test]
fn a_commit_that_failed_is_repeated_although_nothing_new_was_stored() {
    with_committer(|committer, begun, answers| {
        committer.ask();
        for _ in 0..2 {
            begun.recv().unwrap();
            answers
                .send(Err(KafkaError::ConsumerCommit(Code::CoordinatorLoadInProgress)))
                .unwrap();
        }
        begun.recv().unwrap();
        answers.send(Ok(())).unwrap();
        drop(committer.hold());
        assert_eq!(committer.lock().failures, 0);
    });
}

#[test]
fn nothing_to_commit_is_no_failure() {
    with_committer(|committer, begun, answers| {
        committer.ask();
        begun.recv().unwrap();
        answers
            .send(Err(KafkaError::ConsumerCommit(Code::NoOffset)))
            .unwrap();
        drop(committer.hold());
        assert_eq!(committer.lock().failures, 0);
    });
}

#[test]
fn a_hold_waits_for_the_answer_and_lets_nothing_begin() {
    with_committer(|committer, begun, answers| {
        committer.ask();
        begun.recv().unwrap();
        thread::scope(|scope| {
            let (held_sender, held) = mpsc::channel();
            let (release, released) = mpsc::channel::<()>();
            scope.spawn(move || {
                let hold = committer.hold();
                held_sender.send(()).unwrap();
                released.recv().unwrap();
                drop(hold);
            });
            while !committer.lock().held {
                thread::yield_now();
            }
            assert!(held.try_recv().is_err(), "held while a commit is under way");
            committer.ask();
            answers.send(Ok(())).unwrap();
            held.recv().unwrap();
            assert!(begun.try_recv().is_err(), "a commit began under the hold");
            release.send(()).unwrap();
            begun.recv().unwrap();
            answers.send(Ok(())).unwrap();
        });
    });
}

/// What a run of both threads saw.
struct Seen {
    most_uncommitted: u32,
    commits: u32,
}

/// One second of a service that completes `rate` messages a second in order, with commits that take `round_trip`; the
/// broker knows as late as can be, with its answer. The poll thread looks only when a poll ends, after its patience.
fn run(rate: u64, round_trip: Duration) -> Seen {
    let start = Instant::now();
    let step = Duration::from_micros(100);
    let mut pace = Pace::new(INTERVAL, start);
    let mut poll_ends = start;
    let mut under_way: Option<(Instant, u32)> = None;
    let (mut committed, mut stored) = (0, 0);
    let mut seen = Seen {
        most_uncommitted: 0,
        commits: 0,
    };
    for tick in 0..10_000_u32 {
        let now = start + step * tick;
        let completed = u32::try_from(rate * u64::from(tick) / 10_000).unwrap();
        if let Some((_, offset)) = under_way.take_if(|(answered, _)| now >= *answered) {
            committed = offset;
        }
        seen.most_uncommitted = seen.most_uncommitted.max(completed - committed);
        if now >= poll_ends {
            if pace.is_due(now) {
                stored = completed;
            }
            poll_ends = now + pace.patience();
        }
        if under_way.is_none() && stored > committed {
            under_way = Some((now + round_trip, stored));
            seen.commits += 1;
        }
    }
    seen
}

#[test]
fn at_2500_messages_a_second_at_most_100_are_completed_and_not_committed() {
    for millis in [0, 1, 3, 5, 7, 10, 13, 15] {
        let most = run(2_500, Duration::from_millis(millis)).most_uncommitted;
        assert!((1..=100).contains(&most), "{most} with {millis} ms");
    }
}

#[test]
fn the_number_of_commits_does_not_grow_with_the_rate() {
    for rate in [2_500, 1_000_000] {
        let commits = run(rate, Duration::from_millis(1)).commits;
        assert!((50..=101).contains(&commits), "{commits} at {rate}/s");
    }
}
