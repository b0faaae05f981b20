//! The table of the README.

use std::fmt::Write as _;

use anyhow::{Context, Result};

use super::markdown::cell;
use super::merge::EVERYTHING;
use super::numbers::rate;
use super::{Report, ScenarioReport};
use crate::stats::{Measure, Program, Spread};

/// What stands before the table in the README.
const BEGIN: &str = "<!-- bench: written by `cargo xtask bench` -->";
/// What stands behind it.
const END: &str = "<!-- /bench -->";

/// The rates of Bindery and of all others that ran, scenario by scenario, with the day and the command.
pub fn table(report: &Report) -> String {
    let rows: Vec<&ScenarioReport> = report
        .scenarios
        .iter()
        .filter(|scenario| compares(scenario))
        .collect();
    let ran = |program: &Program| rows.iter().any(|scenario| found(scenario, *program).is_some());
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
    text.push_str("\n| --- |");
    text.push_str(&" ---: |".repeat(programs.len()));
    text.push('\n');
    for scenario in rows {
        let what = cell(scenario.what.trim_end_matches('.'));
        text.push_str(&format!("| `{}`: {what} |", scenario.name));
        for program in &programs {
            let figure = found(scenario, *program).map(|found| rate(found.median));
            text.push_str(&format!(" {} |", figure.unwrap_or_else(|| "–".to_owned())));
        }
        text.push('\n');
    }
    write!(
        text,
        "\nMedians of {} on {} × {}, brokers on the same machine; `{}` measures them again. Spread, CPU time, memory, latency \
         and settings: [bench/results/{date}.md](bench/results/{date}.md).\n",
        report.date,
        report.machine.processors,
        report.machine.processor,
        EVERYTHING,
        date = report.date,
    )
    .expect("writing to a string cannot fail");
    text
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
        let table = table(&sample::report());
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(
            lines[..4],
            [
                "| messages per second | Bindery | raw client | Spring Cloud Stream |",
                "| --- | ---: | ---: | ---: |",
                "| `kafka-consume`: Reads orders & settles them | 87 k/s | 100 k/s | 20 k/s |",
                "",
            ]
        );
        assert!(
            lines[4].contains("2026-01-31") && lines[4].contains("`cargo xtask bench`"),
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
