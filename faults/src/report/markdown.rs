//! `report.md`.

use std::fmt::Write as _;

use super::case::seconds;
use super::line::thousands;
use super::{CaseReport, FaultLine, Report};

/// How many repeated messages of one fault are named.
const NAMED: usize = 12;

pub(super) fn page(report: &Report) -> String {
    let mut page = String::from("# Fault report\n\n");
    let verdict = if report.holds() {
        "Every case holds."
    } else {
        "**Not every case holds.**"
    };
    let acknowledged: u64 = report.cases.iter().map(|case| case.findings.acknowledged).sum();
    let lost: usize = report.cases.iter().map(|case| case.findings.lost.len()).sum();
    let attributed: usize = report
        .cases
        .iter()
        .map(|case| case.findings.repeated_attributed.len())
        .sum();
    let repeated: usize = report.cases.iter().map(|case| case.findings.repeated()).sum();
    push(
        &mut page,
        format_args!(
            "{verdict} {} messages acknowledged, {lost} lost, {repeated} repeated, {attributed} of them attributed to a \
             fault.\n\n",
            thousands(acknowledged)
        ),
    );
    push(
        &mut page,
        format_args!("Run again with `{}`.\n\n", report.command),
    );
    setting(&mut page, report);
    summary(&mut page, report);
    for case in &report.cases {
        section(&mut page, case);
    }
    page
}

fn push(page: &mut String, text: std::fmt::Arguments<'_>) {
    page.write_fmt(text).expect("writing to a string cannot fail");
}

fn setting(page: &mut String, report: &Report) {
    let machine = &report.machine;
    push(
        page,
        format_args!("| | |\n| --- | --- |\n| product | {} |\n", cell(&report.product)),
    );
    for (broker, version) in &report.brokers {
        push(page, format_args!("| {} | {} |\n", cell(broker), cell(version)));
    }
    push(
        page,
        format_args!(
            "| machine | {}, {} × {}, {} MiB |\n| scale, seed | {}, {} |\n\n",
            cell(&machine.system),
            machine.processors,
            cell(&machine.processor),
            thousands(machine.memory_mib),
            report.scale,
            report.seed
        ),
    );
}

fn summary(page: &mut String, report: &Report) {
    page.push_str(
        "| broker | case | acknowledged | lost | repeated (attributed) | disorder | recovery p50, max | verdict |\n\
         | --- | --- | ---: | ---: | ---: | ---: | ---: | --- |\n",
    );
    for case in &report.cases {
        let findings = &case.findings;
        push(
            page,
            format_args!(
                "| {} | {} | {} | {} | {} ({}) | {} | {} | {} |\n",
                case.broker,
                case.case,
                thousands(findings.acknowledged),
                findings.lost.len(),
                findings.repeated(),
                findings.repeated_attributed.len(),
                findings.disorder.len(),
                match (findings.recovery_median(), findings.recovery_longest()) {
                    (Some(median), Some(longest)) => format!("{}, {}", seconds(median), seconds(longest)),
                    _ => String::new(),
                },
                verdict(case.holds()),
            ),
        );
    }
    page.push('\n');
}

fn verdict(holds: bool) -> &'static str {
    if holds { "holds" } else { "**fails**" }
}

fn section(page: &mut String, case: &CaseReport) {
    let samples = &case.samples;
    push(
        page,
        format_args!(
            "## {} on {}: {}\n\n{} took {}. A process needed at most {} MiB, {} file descriptors and {} threads ({} \
             samples). One message had at most {} handler starts.\n\n",
            case.case,
            case.broker,
            verdict(case.holds()),
            case.case,
            seconds(case.duration),
            samples.resident_mib,
            samples.descriptors,
            samples.threads,
            samples.count,
            case.findings.most_starts,
        ),
    );
    page.push_str("| criterion | wanted | found | |\n| --- | --- | --- | --- |\n");
    for criterion in &case.criteria {
        push(
            page,
            format_args!(
                "| {} | {} | {} | {} |\n",
                cell(&criterion.name),
                cell(&criterion.wanted),
                cell(&criterion.found),
                verdict(criterion.holds),
            ),
        );
    }
    page.push('\n');
    for note in &case.notes {
        push(page, format_args!("* {note}\n"));
    }
    anomalies(page, case);
    if !case.faults.is_empty() {
        schedule(page, &case.faults);
    }
    if !page.ends_with("\n\n") {
        page.push('\n');
    }
}

/// The first of each kind of anomaly, so that a reader knows where to look in the ledgers.
fn anomalies(page: &mut String, case: &CaseReport) {
    let findings = &case.findings;
    let first = [
        ("lost", some(&findings.lost)),
        ("unexpected", some(&findings.unexpected)),
        ("repeated without a fault", some(&findings.repeated_unattributed)),
        ("disorder", some(&findings.disorder)),
        ("two owners", some(&findings.two_owners)),
        ("stalls", some(&findings.stalls)),
        ("effects without output", some(&findings.without_output)),
        ("unexpected dead letters", some(&findings.dead_unexpected)),
        ("missing dead letters", some(&findings.dead_missing)),
        ("conservation", some(&findings.conservation)),
    ];
    for (name, found) in first {
        if let Some(found) = found {
            push(page, format_args!("* {name}: `{found}`\n"));
        }
    }
    for (reason, count) in &findings.dead_letter_reasons {
        push(
            page,
            format_args!("* dead letter, {count} times: {}\n", cell(reason)),
        );
    }
}

fn some<T: std::fmt::Debug>(found: &[T]) -> Option<String> {
    let named = &found[..found.len().min(NAMED)];
    let more = if found.len() > NAMED { ", …" } else { "" };
    (!found.is_empty()).then(|| format!("{named:?}{more}"))
}

fn schedule(page: &mut String, faults: &[FaultLine]) {
    page.push_str("\n| at | fault | lasted | recovery | repeated | messages |\n| ---: | --- | ---: | ---: | ---: | --- |\n");
    for fault in faults {
        let mut named: Vec<String> = fault.repeated.iter().take(NAMED).map(u64::to_string).collect();
        if fault.repeated.len() > NAMED {
            named.push("…".to_owned());
        }
        push(
            page,
            format_args!(
                "| {} | {} | {} | {} | {} | {} |\n",
                seconds(fault.after),
                cell(&fault.fault),
                seconds(fault.lasted),
                fault.recovery.map(seconds).unwrap_or_default(),
                fault.repeated.len(),
                named.join(", "),
            ),
        );
    }
    page.push('\n');
}

/// Text that stays within its cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}
