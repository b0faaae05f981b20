//! The line that a case prints when it is over.

use num_format::{Locale, ToFormattedString};

use super::CaseReport;
use super::case::seconds;

/// The verdict of one case, aligned with those of the others.
pub fn line(report: &CaseReport) -> String {
    let findings = &report.findings;
    let mut line = format!(
        "{:<7} {:<22} {:>7} acknowledged  {} lost  {} repeated ({} attributed)  {} disorder",
        report.broker,
        report.case,
        thousands(findings.acknowledged),
        findings.lost.len(),
        findings.repeated(),
        findings.repeated_attributed.len(),
        findings.disorder.len(),
    );
    if let (Some(median), Some(longest)) = (findings.recovery_median(), findings.recovery_longest()) {
        line.push_str(&format!(
            "  recovery p50 {} max {}",
            seconds(median),
            seconds(longest)
        ));
    }
    let failed: Vec<String> = report
        .criteria
        .iter()
        .filter(|criterion| !criterion.holds)
        .map(|criterion| {
            format!(
                "{} ({}, wanted: {})",
                criterion.name, criterion.found, criterion.wanted
            )
        })
        .collect();
    if report.holds() {
        line.push_str("  holds");
    } else {
        line.push_str(&format!("  FAILS: {}", failed.join(", ")));
    }
    line
}

pub(super) fn thousands(count: u64) -> String {
    count.to_formatted_string(&Locale::en)
}
