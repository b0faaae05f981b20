//! Each anomaly is put into a healthy run and found, and nothing else is.

use std::time::Instant;

use faults::check::{Findings, Rules, check};
use faults::ledger::{Moment, Outcome, Record};

use crate::synth::{STALL, Size, Synth, ZOMBIE, healthy, millis, rules};

fn run() -> Synth {
    healthy(&Size {
        seed: 7,
        ids: 2_000,
        keys: 40,
        sources: 4,
        instances: 2,
    })
}

/// What there is besides `expected`.
fn others(findings: &Findings, expected: &str) -> Vec<(&'static str, usize)> {
    let mut anomalies = findings.anomalies();
    anomalies.retain(|(name, _)| *name != expected);
    anomalies
}

fn only(synth: &Synth, rules: &Rules, expected: &str) -> Findings {
    let findings = check(&synth.run(), rules);
    assert_eq!(others(&findings, expected), [], "besides {expected}");
    findings
}

#[test]
fn a_healthy_run_has_no_finding() {
    let findings = check(&run().run(), &rules());
    assert_eq!(findings.anomalies(), []);
    assert_eq!((findings.acknowledged, findings.effects), (2_000, 2_000));
    assert_eq!((findings.repeated(), findings.most_starts), (0, 1));
}

#[test]
fn a_lost_message_is_found() {
    let mut synth = run();
    synth.stories[500].handlings.clear();
    synth.stories[500].outputs.clear();
    assert_eq!(only(&synth, &rules(), "lost").lost, [500]);
}

#[test]
fn a_message_that_nobody_answered_for_may_be_missing() {
    let mut synth = run();
    synth.stories[500].outcome = Outcome::Unknown;
    synth.stories[500].handlings.clear();
    synth.stories[500].outputs.clear();
    assert_eq!(check(&synth.run(), &rules()).anomalies(), []);
}

fn repeat(synth: &mut Synth, id: usize, later: u64) -> Moment {
    let story = &mut synth.stories[id];
    let (instance, _, end) = story.handlings[0].clone();
    let start = end.plus(millis(later));
    story.handlings.push((instance, start, start.plus(millis(1))));
    start
}

#[test]
fn a_repeat_without_a_fault_is_unattributed() {
    let mut synth = run();
    let at = repeat(&mut synth, 500, 10);
    let findings = only(&synth, &rules(), "repeated without a fault");
    assert!(findings.repeated_attributed.is_empty());
    let [found] = findings.repeated_unattributed.as_slice() else {
        panic!("{findings:?}")
    };
    assert_eq!((found.id, found.at, found.fault), (500, at, None));
}

#[test]
fn a_repeat_after_a_fault_belongs_to_the_latest_that_explains_it() {
    let mut synth = run();
    let at = repeat(&mut synth, 500, 10);
    synth.fault("kill", "s0", Moment(at.0 - 40_000), Moment(at.0 - 40_000));
    synth.fault("kill", "s1", Moment(at.0 - 5_000), Moment(at.0 - 5_000));
    synth.fault("kill", "s0", at.plus(millis(100)), at.plus(millis(100)));
    let findings = check(&synth.run(), &rules());
    assert_eq!(findings.anomalies(), []);
    assert_eq!(findings.repeated_attributed[0].fault, Some(1));
    assert_eq!(findings.repeats_per_fault, [0, 1, 0]);
}

#[test]
fn an_effect_that_was_settled_long_before_a_fault_does_not_belong_to_it() {
    let mut synth = run();
    let at = repeat(&mut synth, 500, 200);
    synth.fault("kill", "s0", Moment(at.0 - 5_000), Moment(at.0 - 5_000));
    let findings = only(&synth, &rules(), "repeated without a fault");
    assert_eq!(findings.repeated_unattributed.len(), 1);
}

#[test]
fn the_late_effect_of_a_frozen_process_belongs_to_its_freezing() {
    let mut synth = run();
    let story = &mut synth.stories[500];
    let (_, start, end) = story.handlings[0].clone();
    story
        .handlings
        .push(("frozen".to_owned(), start, end.plus(millis(500))));
    synth.fault("stop", "frozen", start, end.plus(millis(499)));
    let findings = check(&synth.run(), &rules());
    assert_eq!(others(&findings, "two owners"), []);
    assert_eq!(findings.repeated_attributed.len(), 1);
}

#[test]
fn an_overtaking_within_a_key_is_found() {
    let mut synth = run();
    let (key, seq) = (synth.stories[1_000].key, synth.stories[1_000].seq);
    let end = synth.stories[1_000].handlings[0].2;
    let next = synth
        .stories
        .iter_mut()
        .find(|story| story.key == key && story.seq == seq + 1);
    next.unwrap().handlings[0].1 = Moment(end.0 - 1);
    let findings = only(&synth, &rules(), "disorder");
    let [found] = findings.disorder.as_slice() else {
        panic!("{findings:?}")
    };
    assert_eq!((found.key, found.earlier, found.later), (key, seq, seq + 1));
    let unordered = Rules {
        order: faults::check::Order::None,
        ..rules()
    };
    assert_eq!(check(&synth.run(), &unordered).anomalies(), []);
}

#[test]
fn two_owners_of_a_source_are_found_once_with_their_longest_overlap() {
    let mut synth = run();
    let from = synth.stories[1_000].published;
    synth.add("in-9", "s0", from, from.plus(millis(100)));
    synth.add("in-9", "s1", from.plus(millis(10)), from.plus(millis(60)));
    synth.add("in-9", "s1", from.plus(millis(70)), from.plus(millis(99)));
    let findings = only(&synth, &rules(), "two owners");
    let [found] = findings.two_owners.as_slice() else {
        panic!("{findings:?}")
    };
    assert_eq!((found.earlier.as_str(), found.later.as_str()), ("s0", "s1"));
    assert_eq!((found.count, found.overlap), (2, millis(50)));
}

#[test]
fn an_overlap_within_the_zombie_window_is_no_second_owner() {
    let mut synth = run();
    let from = synth.stories[1_000].published;
    synth.add("in-9", "s0", from, from.plus(millis(100)));
    synth.add(
        "in-9",
        "s1",
        from.plus(millis(100) - ZOMBIE),
        from.plus(millis(200)),
    );
    assert_eq!(check(&synth.run(), &rules()).anomalies(), []);
}

#[test]
fn a_source_that_stands_still_is_found_while_the_others_go_on() {
    let mut synth = run();
    let from = delay(&mut synth, "in-1");
    let findings = only(&synth, &rules(), "stalls");
    let [found] = findings.stalls.as_slice() else {
        panic!("{findings:?}")
    };
    assert_eq!(found.source.as_deref(), Some("in-1"));
    assert!(found.silent > STALL);
    synth.fault("stop", "s1", from, from.plus(STALL));
    assert_eq!(check(&synth.run(), &rules()).anomalies(), []);
}

/// Moves all that a source does from the middle of the run on by more than the longest stall, and says from when.
fn delay(synth: &mut Synth, source: &str) -> Moment {
    let middle = synth.stories[1_000].published;
    for story in synth.stories.iter_mut().filter(|story| story.source == source) {
        for (_, start, end) in story.handlings.iter_mut().filter(|handling| handling.1 > middle) {
            *start = start.plus(STALL + millis(10));
            *end = end.plus(STALL + millis(10));
        }
    }
    middle
}

#[test]
fn an_effect_that_nobody_caused_is_found() {
    let mut synth = run();
    let at = synth.stories[1_000].published;
    let ghost = synth.add("in-0", "s0", at, at);
    ghost.intended = false;
    let id = ghost.id;
    assert_eq!(only(&synth, &rules(), "unexpected").unexpected, [id]);
}

#[test]
fn an_effect_of_a_refused_publication_is_found() {
    let mut synth = run();
    synth.stories[500].outcome = Outcome::Fail;
    assert_eq!(only(&synth, &rules(), "unexpected").unexpected, [500]);
}

#[test]
fn an_effect_without_output_is_found() {
    let mut synth = run();
    synth.stories[500].outputs.clear();
    assert_eq!(
        only(&synth, &rules(), "effects without output").without_output,
        [500]
    );
    let silent = Rules {
        outputs_expected: false,
        ..rules()
    };
    assert_eq!(check(&synth.run(), &silent).anomalies(), []);
}

#[test]
fn an_output_without_effect_is_found() {
    let mut synth = run();
    synth.stories[500].outcome = Outcome::Unknown;
    synth.stories[500].handlings.clear();
    assert_eq!(only(&synth, &rules(), "conservation").conservation.len(), 1);
}

#[test]
fn a_second_copy_of_an_output_needs_a_fault() {
    let mut synth = run();
    let at = synth.stories[500].outputs[0].1;
    synth.stories[500].outputs.push((999_999, at.plus(millis(1))));
    assert_eq!(only(&synth, &rules(), "conservation").conservation.len(), 1);
    synth.fault("cut", "broker", at, at);
    assert_eq!(check(&synth.run(), &rules()).anomalies(), []);
}

#[test]
fn an_output_that_the_verifier_reads_twice_is_one() {
    let mut synth = run();
    let (position, at) = synth.stories[500].outputs[0];
    synth.stories[500].outputs.push((position, at.plus(millis(1))));
    assert_eq!(check(&synth.run(), &rules()).anomalies(), []);
}

#[test]
fn dead_letters_are_those_that_are_expected() {
    let mut synth = run();
    let at = synth.stories[500].outputs[0].1;
    let dead = Rules {
        expect_dead: [500].into(),
        ..rules()
    };
    let missing = check(&synth.run(), &dead);
    assert_eq!(others(&missing, "missing dead letters"), []);
    assert_eq!(missing.dead_missing, ["500"]);

    synth.stories[500].handlings.clear();
    synth.stories[500].outputs.clear();
    synth.stories[500].dead.push(at);
    let findings = check(&synth.run(), &dead);
    assert_eq!(findings.anomalies(), []);
    assert_eq!(findings.dead_letter_reasons["refused"], 1);
    let unexpected = check(&synth.run(), &rules());
    assert_eq!(others(&unexpected, "unexpected dead letters"), []);
    assert_eq!(unexpected.dead_unexpected, [500]);
}

#[test]
fn a_hostile_message_without_an_id_is_known_by_its_mark() {
    let hostile = Rules {
        expect_marks: ["empty-1".to_owned()].into(),
        ..rules()
    };
    let mut run = run().run();
    assert_eq!(check(&run, &hostile).dead_missing, ["empty-1"]);
    run.records.push(Record::DeadLetter {
        id: None,
        mark: Some("empty-1".to_owned()),
        reason: "payload".to_owned(),
        bytes: 0,
        at: Moment(1_000_000_000),
    });
    assert_eq!(check(&run, &hostile).anomalies(), []);
}

#[test]
fn a_held_message_has_neither_effect_nor_dead_letter() {
    let mut synth = run();
    let held = Rules {
        expect_held: [500].into(),
        ..rules()
    };
    assert_eq!(only(&synth, &held, "conservation").conservation.len(), 1);
    synth.stories[500].handlings.clear();
    synth.stories[500].outputs.clear();
    assert_eq!(check(&synth.run(), &held).anomalies(), []);
}

#[test]
fn recovery_is_seen_on_the_sources_that_the_fault_hit() {
    let mut synth = run();
    let (instance, at, _) = synth.stories[1_000].handlings[0].clone();
    let sources: Vec<String> = synth
        .stories
        .iter()
        .filter(|story| story.handlings[0].0 == instance)
        .map(|story| story.source.clone())
        .collect();
    for story in synth
        .stories
        .iter_mut()
        .filter(|story| sources.contains(&story.source))
    {
        for handling in story.handlings.iter_mut().filter(|handling| handling.1 >= at) {
            let moved = (handling.1.plus(millis(300)), handling.2.plus(millis(300)));
            *handling = ("s9".to_owned(), moved.0, moved.1);
        }
    }
    synth.fault("kill", &instance, at, at);
    let findings = check(&synth.run(), &rules());
    assert_eq!(findings.anomalies(), []);
    let took = findings.recovery_longest().unwrap();
    assert!(millis(290) < took && took < millis(330), "{took:?}");
    assert_eq!(findings.recovery_median(), Some(took));
}

#[test]
fn a_run_of_120_000_messages_is_judged() {
    let size = |ids| Size {
        seed: 1,
        ids,
        keys: 200,
        sources: 12,
        instances: 3,
    };
    let synth = healthy(&size(120_000));
    let run = synth.run();
    let begin = Instant::now();
    let findings = check(&run, &rules());
    assert_eq!(findings.anomalies(), []);
    println!("120,000 messages judged in {:?}", begin.elapsed());
}

#[test]
fn when_a_dead_letter_was_read_says_nothing_of_progress() {
    let mut synth = run();
    let read = synth.stories[500].published.plus(STALL * 3);
    for id in [500, 501] {
        synth.stories[id].outputs.clear();
        synth.stories[id].dead.push(read);
    }
    synth.stories[500].handlings.clear();
    let dead = Rules {
        expect_dead: [500, 501].into(),
        ..rules()
    };
    assert_eq!(check(&synth.run(), &dead).anomalies(), []);
}
