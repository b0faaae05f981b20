//! `<date>.md`: the tables that people read.

use std::fmt::{Arguments, Write as _};

use super::numbers::{digits, micros, rate, seconds, thousands};
use super::{Judgement, LatencyPoint, Report, ScenarioReport, Summary, Verdict};
use crate::stats::Spread;

pub(super) fn page(report: &Report) -> String {
    let mut page = String::new();
    push(&mut page, format_args!("# Benches of {}\n\n", report.date));
    push(
        &mut page,
        format_args!(
            "Measured again with `{}`. A figure is the median of the rounds, with the least and the greatest behind it; a \
             ratio is taken within each round.\n\n",
            report.command
        ),
    );
    setting(&mut page, report);
    verdicts(&mut page, report);
    for scenario in &report.scenarios {
        section(&mut page, report, scenario);
    }
    // One newline at the end.
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn push(page: &mut String, text: Arguments<'_>) {
    page.write_fmt(text).expect("writing to a string cannot fail");
}

fn setting(page: &mut String, report: &Report) {
    let machine = &report.machine;
    push(
        page,
        format_args!(
            "| | |\n| --- | --- |\n| machine | {}, {} × {}, {} MiB |\n",
            cell(&machine.kernel),
            machine.processors,
            cell(&machine.processor),
            thousands(machine.memory_mib)
        ),
    );
    for (name, version) in &report.versions {
        push(page, format_args!("| {} | {} |\n", cell(name), cell(version)));
    }
    page.push('\n');
}

fn verdicts(page: &mut String, report: &Report) {
    page.push_str("| scenario | asked of Bindery | found | verdict |\n| --- | --- | --- | --- |\n");
    for scenario in &report.scenarios {
        for judgement in scenario.judgements() {
            let found = judgement.found.map(|found| {
                let figure = |figure| judgement.target.figure(figure);
                format!(
                    "{} ({} to {})",
                    figure(found.median),
                    figure(found.min),
                    figure(found.max)
                )
            });
            push(
                page,
                format_args!(
                    "| [{name}](#{name}) | {} | {} | {} |\n",
                    judgement.target,
                    found.unwrap_or_else(|| "–".to_owned()),
                    word(judgement.verdict),
                    name = scenario.name,
                ),
            );
        }
    }
    page.push('\n');
}

fn word(verdict: Verdict) -> String {
    match verdict {
        Verdict::Missed => format!("**{verdict}**"),
        Verdict::Held | Verdict::NotJudged => verdict.to_string(),
    }
}

fn section(page: &mut String, report: &Report, scenario: &ScenarioReport) {
    let (name, date) = (&scenario.name, &report.date);
    push(page, format_args!("## {name}\n\n{}\n\n", scenario.what));
    push(page, format_args!("![{name}]({date}/{name}.svg)\n\n"));
    figures(page, &scenario.summaries());
    latency(page, &scenario.latency);
    remarks(page, scenario);
}

fn figures(page: &mut String, summaries: &[Summary]) {
    if summaries.is_empty() {
        return;
    }
    let sized = summaries.iter().any(|summary| summary.size.is_some());
    let timed = summaries.iter().any(|summary| summary.seconds.is_some());
    let compared = summaries.iter().any(|summary| summary.ratio.is_some());
    let mut head = vec!["program"];
    head.extend(sized.then_some("size"));
    head.extend(timed.then_some("time"));
    head.push("rate");
    head.extend(compared.then_some("Bindery ÷ program"));
    head.extend(["CPU s per million", "peak MiB"]);
    let mut rule = vec!["---:"; head.len()];
    rule[0] = "---";
    row(page, &head);
    row(page, &rule);
    for summary in summaries {
        let mut cells = vec![summary.program.to_string()];
        cells.extend(sized.then(|| summary.size.map(thousands).unwrap_or_default()));
        cells.extend(timed.then(|| spread(summary.seconds, seconds)));
        cells.push(spread(summary.rate, rate));
        cells.extend(compared.then(|| spread(summary.ratio, |ratio| format!("{ratio:.3}"))));
        cells.extend([
            spread(summary.cpu_seconds_per_million, digits),
            spread(summary.peak_memory_mib, |mib| format!("{mib:.1}")),
        ]);
        row(page, &cells);
    }
    page.push('\n');
}

fn row<T: AsRef<str>>(page: &mut String, cells: &[T]) {
    for cell in cells {
        push(page, format_args!("| {} ", cell.as_ref()));
    }
    page.push_str("|\n");
}

fn spread(spread: Option<Spread>, figure: impl Fn(f64) -> String) -> String {
    match spread {
        Some(spread) if spread.min == spread.max => figure(spread.median),
        Some(spread) => format!(
            "{} ({} to {})",
            figure(spread.median),
            figure(spread.min),
            figure(spread.max)
        ),
        None => "–".to_owned(),
    }
}

fn latency(page: &mut String, points: &[LatencyPoint]) {
    if points.is_empty() {
        return;
    }
    row(
        page,
        &["latency of", "load", "rate", "p50", "p99", "p99.9", "max"],
    );
    row(page, &["---", "---:", "---:", "---:", "---:", "---:", "---:"]);
    for point in points {
        let time = |time: u64| micros(time as f64);
        row(
            page,
            &[
                point.program.to_string(),
                format!("{} %", point.load_percent),
                rate(point.rate),
                time(point.p50),
                time(point.p99),
                time(point.p999),
                time(point.max),
            ],
        );
    }
    page.push('\n');
}

fn remarks(page: &mut String, scenario: &ScenarioReport) {
    let before = page.len();
    for failure in &scenario.failures {
        push(page, format_args!("* **failed**: {failure}\n"));
    }
    let remarks = |judgement: Judgement| Some((judgement.target, judgement.remark?));
    for (target, remark) in scenario.judgements().into_iter().filter_map(remarks) {
        push(page, format_args!("* {target}: {remark}\n"));
    }
    for (program, settings) in &scenario.settings {
        push(page, format_args!("* {program}: {settings}\n"));
    }
    for (name, version) in &scenario.versions {
        push(
            page,
            format_args!("* Measured at another time, with {name} {version}.\n"),
        );
    }
    for note in &scenario.notes {
        push(page, format_args!("* {note}\n"));
    }
    if page.len() > before {
        page.push('\n');
    }
}

/// Text that stays within its cell.
pub(super) fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::stats::Program;

    fn check(line: &str) {
        let page = page(&sample::report());
        assert!(
            page.lines().any(|found| found == line),
            "`{line}` is not in\n{page}"
        );
    }

    #[test]
    fn the_verdicts_stand_first_with_what_was_asked() {
        check(
            "| [kafka-consume](#kafka-consume) | at least 0.90 of the rate of `raw` | 0.870 (0.850 to 0.890) | **missed** |",
        );
        check(
            "| [kafka-partitions](#kafka-partitions) | at most 1.15 of the seconds per million messages at the smallest \
             size | 1.100 (1.100 to 1.100) | held |",
        );
    }

    #[test]
    fn a_program_has_its_row() {
        check("| program | rate | Bindery ÷ program | CPU s per million | peak MiB |");
        check("| raw client | 100 k/s | 0.870 (0.850 to 0.890) | 2.5 | 24.0 |");
        check("| Bindery | 87 k/s (85 k/s to 89 k/s) | – | 2.5 | 24.0 |");
    }

    #[test]
    fn a_size_has_its_row() {
        check("| program | size | time | rate | CPU s per million | peak MiB |");
        check("| Bindery | 256 | 1.1 s | 909 k/s | 1 | 24.0 |");
    }

    #[test]
    fn latency_has_a_row_for_each_load() {
        check("| Bindery | 80 % | 80 k/s | 900 µs | 3.6 ms | 8.1 ms | 27 ms |");
    }

    #[test]
    fn settings_notes_and_the_size_that_costs_most_are_told() {
        check("* Spring Cloud Stream: `max.poll.records` 500 | the default");
        check("* Both sides use the same allocator.");
        check(
            "* at most 1.15 of the seconds per million messages at the smallest size: worst at size 256; the line through \
             all sizes rises by 10.0 %",
        );
    }

    #[test]
    fn every_table_is_as_wide_in_each_row() {
        let mut report = sample::report();
        report.versions.push(("a|b".to_owned(), "c\nd".to_owned()));
        report.scenarios[0].rounds[0]
            .runs
            .retain(|run| run.program != Program::Raw);
        let page = page(&report);
        let cells = |line: &&str| line.replace("\\|", "").matches('|').count();
        for table in page.split("\n\n").filter(|block| block.starts_with('|')) {
            let widths: Vec<usize> = table.lines().map(|line| cells(&line)).collect();
            assert!(
                widths.windows(2).all(|pair| pair[0] == pair[1]),
                "{widths:?}\n{table}"
            );
        }
    }
}
