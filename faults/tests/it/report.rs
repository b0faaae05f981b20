//! What a reader gets.

use std::time::Duration;

use faults::check::check;
use faults::report::{CaseReport, Machine, Report, line};

use crate::synth::{Size, Synth, healthy, millis, rules};

fn synth() -> Synth {
    healthy(&Size {
        seed: 3,
        ids: 1_500,
        keys: 20,
        sources: 4,
        instances: 2,
    })
}

fn case(synth: &Synth) -> CaseReport {
    let run = synth.run();
    let findings = check(&run, &rules());
    CaseReport::new("T2", "kafka", &run, findings, Duration::from_millis(20_400))
}

fn killed() -> Synth {
    let mut synth = synth();
    let (instance, _, end) = synth.stories[700].handlings[0].clone();
    synth.fault("kill", &instance, end, end.plus(millis(3)));
    synth.stories[700]
        .handlings
        .push((instance, end.plus(millis(5)), end.plus(millis(6))));
    synth
}

fn report(cases: Vec<CaseReport>) -> Report {
    Report {
        command: "cargo xtask faults --broker kafka --case T2 --seed 3".to_owned(),
        seed: 3,
        scale: "short".to_owned(),
        product: "0.1.0".to_owned(),
        brokers: vec![("kafka".to_owned(), "3.9.1".to_owned())],
        machine: Machine::this(),
        cases,
    }
}

#[test]
fn a_case_that_holds_is_one_line() {
    let mut case = case(&killed());
    case.findings.recoveries[0].took = Duration::from_millis(400);
    assert_eq!(
        line(&case),
        "kafka   T2                       1,500 acknowledged  0 lost  1 repeated (1 attributed)  0 disorder  \
         recovery p50 0.4 s max 0.4 s  holds"
    );
}

#[test]
fn a_case_that_fails_says_by_which_criteria() {
    let mut synth = synth();
    synth.stories[9].handlings.clear();
    synth.stories[9].outputs.clear();
    let mut case = case(&synth);
    case.at_most("repeats a kill", &100, &101);
    case.within("stop", Duration::from_secs(5), None);
    assert!(!case.holds());
    let line = line(&case);
    let (counts, failed) = line.split_once("  FAILS: ").expect("a case that fails says so");
    assert!(counts.ends_with("1 lost  0 repeated (0 attributed)  0 disorder"));
    assert_eq!(
        failed,
        "lost (1, wanted: 0), repeats a kill (101, wanted: at most 100), stop (never seen, wanted: at most 5.0 s)"
    );
}

#[test]
fn a_case_without_an_acknowledged_message_proves_nothing() {
    let mut synth = synth();
    synth.stories.clear();
    assert!(!case(&synth).holds());
    assert!(!report(Vec::new()).holds());
}

#[test]
fn a_case_that_broke_off_fails_with_the_error() {
    let case = CaseReport::broken("T5", "rabbit", &anyhow::anyhow!("no broker"), Duration::ZERO);
    assert!(!case.holds());
    assert_eq!(case.criteria[0].found, "no broker");
}

#[test]
fn the_report_names_the_schedule_the_repeats_and_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let report = report(vec![case(&killed())]);
    report.write(folder.path()).unwrap();
    let page = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
    for part in [
        "Every case holds. 1,500 messages acknowledged, 0 lost, 1 repeated, 1 of them attributed to a fault.",
        "Run again with `cargo xtask faults --broker kafka --case T2 --seed 3`.",
        "| kafka | 3.9.1 |",
        "| kafka | T2 | 1,500 | 0 | 1 (1) | 0 |",
        "## T2 on kafka: holds",
        "| lost | 0 | 0 | holds |",
        "| kill s",
        "| 1 | 700 |",
    ] {
        assert!(page.contains(part), "`{part}` is not in\n{page}");
    }
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("report.json")).unwrap()).unwrap();
    assert_eq!(json["cases"][0]["findings"]["acknowledged"], 1_500);
    assert_eq!(json["cases"][0]["faults"][0]["repeated"][0], 700);
}
