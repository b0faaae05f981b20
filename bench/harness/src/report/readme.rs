//! The table of the README.

use std::fmt::Write as _;

use anyhow::{Context, Result};

use super::markdown::cell;
use super::merge::{EVERYTHING, place_of};
use super::numbers::rate;
use super::{Report, ScenarioReport};
use crate::run::PLANS;
use crate::stats::{Measure, Program, Spread};

/// What stands before the table in the README.
const BEGIN: &str = "<!-- bench: written by `cargo xtask bench` -->";
/// What stands behind it.
const END: &str = "<!-- /bench -->";

/// The rates of Bindery and of all others that ran, scenario by scenario, each of the latest day on which it was measured.
pub fn table(reports: &[Report]) -> String {
    let rows = latest(reports);
    let ran = |program: &Program| {
        rows.iter()
            .any(|(_, scenario)| found(scenario, *program).is_some())
    };
    let others = Program::ALL
        .into_iter()
        .filter(|program| *program != Program::Bindery && *program != Program::Undisturbed);
    let programs: Vec<Program> = std::iter::once(Program::Bindery)
        .chain(others)
        .filter(ran)
        .collect();

    let mut text = String::from("| messages per second |");
    for program in &programs {
        text.push_str(&format!(" {program} |"));
    }
    text.push_str(" measured |\n| --- |");
    text.push_str(&" ---: |".repeat(programs.len()));
    text.push_str(" --- |\n");
    for (report, scenario) in &rows {
        let what = cell(scenario.what.trim_end_matches('.'));
        text.push_str(&format!("| `{}`: {what} |", scenario.name));
        for program in &programs {
            let figure = found(scenario, *program).map(|found| rate(found.median));
            text.push_str(&format!(" {} |", figure.unwrap_or_else(|| "–".to_owned())));
        }
        let date = &report.date;
        text.push_str(&format!(" [{date}](bench/results/{date}.md) |\n"));
    }
    let machines = reports
        .iter()
        .filter(|report| rows.iter().any(|(used, _)| used.date == report.date))
        .map(|report| {
            let Report { date, machine, .. } = report;
            format!("{date} on {} × {}", machine.processors, machine.processor)
        });
    let machines: Vec<String> = machines.collect();
    write!(
        text,
        "\nMedians ({}), brokers on the same machine; `{EVERYTHING}` measures them again. Spread, CPU time, memory, latency \
         and settings stand behind the day.\n",
        machines.join("; "),
    )
    .expect("writing to a string cannot fail");
    text
}

/// Every scenario there is that compares, out of the latest report that has it, in the order in which scenarios run.
fn latest(reports: &[Report]) -> Vec<(&Report, &ScenarioReport)> {
    let mut rows: Vec<(&Report, &ScenarioReport)> = Vec::new();
    for report in reports {
        let told = |scenario: &&ScenarioReport| compares(scenario) && place_of(&scenario.name) < PLANS.len();
        for scenario in report.scenarios.iter().filter(told) {
            match rows.iter_mut().find(|(_, known)| known.name == scenario.name) {
                Some(row) if row.0.date < report.date => *row = (report, scenario),
                Some(_) => {}
                None => rows.push((report, scenario)),
            }
        }
    }
    rows.sort_by_key(|(_, scenario)| place_of(&scenario.name));
    rows
}

/// Whether it is about the rate, and somebody other than Bindery ran.
fn compares(scenario: &ScenarioReport) -> bool {
    let other = |program| program == Program::Raw || Program::is_peer(program);
    scenario.measure() == Measure::Rate && scenario.runs().any(|run| other(run.program))
}

fn found(scenario: &ScenarioReport, program: Program) -> Option<Spread> {
    let runs = scenario.runs().filter(|run| run.program == program);
    Spread::of(runs.filter_map(|run| Measure::Rate.of(run)))
}

/// The text of a README with the table between its two marks.
///
/// # Errors
/// When a mark is missing.
pub fn place(readme: &str, table: &str) -> Result<String> {
    let missing = |mark| format!("the README has no `{mark}`");
    let (before, rest) = readme.split_once(BEGIN).with_context(|| missing(BEGIN))?;
    let (_, after) = rest.split_once(END).with_context(|| missing(END))?;
    Ok(format!("{before}{BEGIN}\n{}\n{END}{after}", table.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn the_table_has_a_column_for_each_program_that_ran() {
        let table = table(&[sample::report()]);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines[..4],
            [
                "| messages per second | Bindery | raw client | Spring Cloud Stream | measured |",
                "| --- | ---: | ---: | ---: | --- |",
                "| `kafka-consume`: Reads orders & settles them | 87 k/s | 100 k/s | 20 k/s | [2026-01-31](bench/results/2026-01-31.md) |",
                "",
            ]
        );
        assert!(
            lines[4].contains("2026-01-31 on ") && lines[4].contains("`cargo xtask bench`"),
            "{table}"
        );
    }

    #[test]
    fn a_scenario_is_told_as_of_the_latest_day_that_has_it() {
        let newer = Report {
            date: "2026-02-01".to_owned(),
            ..sample::report()
        };
        for reports in [
            [sample::report(), newer.clone()],
            [newer.clone(), sample::report()],
        ] {
            let table = table(&reports);
            assert!(
                table.contains("2026-02-01") && !table.contains("2026-01-31"),
                "{table}"
            );
        }
        let mut other = newer;
        for scenario in &mut other.scenarios {
            scenario.name = match scenario.name.as_str() {
                "kafka-consume" => "memory-dispatch".to_owned(),
                _ => "there is no such scenario".to_owned(),
            };
        }
        let table = table(&[sample::report(), other]);
        let rows: Vec<&str> = table
            .lines()
            .skip(2)
            .take_while(|line| !line.is_empty())
            .collect();
        assert_eq!(rows.len(), 2, "{table}");
        assert!(
            rows[0].starts_with("| `memory-dispatch`") && rows[0].contains("2026-02-01"),
            "{table}"
        );
        assert!(
            rows[1].starts_with("| `kafka-consume`") && rows[1].contains("2026-01-31"),
            "{table}"
        );
    }

    #[test]
    fn the_table_is_placed_between_its_marks_again_and_again() {
        let readme = format!("# Title\n\n{BEGIN}\nold\n{END}\n\nmore\n");
        let once = place(&readme, "| new |\n").unwrap();
        assert_eq!(once, format!("# Title\n\n{BEGIN}\n| new |\n{END}\n\nmore\n"));
        assert_eq!(place(&once, "| new |\n").unwrap(), once);
    }

    #[test]
    fn a_readme_without_marks_is_told() {
        assert!(place("# Title\n", "").unwrap_err().to_string().contains(BEGIN));
        assert!(place(BEGIN, "").unwrap_err().to_string().contains(END));
    }
}
