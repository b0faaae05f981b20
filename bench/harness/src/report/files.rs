//! The files of a report, and how they are read and written.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::{Judgement, Machine, Report, ScenarioReport, Summary, Verdict, chart, markdown};

/// What `<date>.json` says: what was measured, and what follows from it.
#[derive(Serialize)]
struct Written<'a> {
    date: &'a str,
    command: &'a str,
    machine: &'a Machine,
    versions: &'a [(String, String)],
    scenarios: Vec<WrittenScenario<'a>>,
}

#[derive(Serialize)]
struct WrittenScenario<'a> {
    #[serde(flatten)]
    scenario: &'a ScenarioReport,
    summaries: Vec<Summary>,
    judgements: Vec<Judgement>,
    verdict: Verdict,
}

impl<'a> Written<'a> {
    fn of(report: &'a Report) -> Self {
        let scenario = |scenario: &'a ScenarioReport| WrittenScenario {
            scenario,
            summaries: scenario.summaries(),
            judgements: scenario.judgements(),
            verdict: scenario.verdict(),
        };
        Self {
            date: &report.date,
            command: &report.command,
            machine: &report.machine,
            versions: &report.versions,
            scenarios: report.scenarios.iter().map(scenario).collect(),
        }
    }
}

impl Report {
    /// Reads `<date>.json`, when there is one.
    ///
    /// # Errors
    /// When it can't be read or is no report.
    pub fn read(folder: &Path, date: &str) -> Result<Option<Self>> {
        let path = folder.join(format!("{date}.json"));
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let report = serde_json::from_slice(&text);
        Ok(Some(report.with_context(|| {
            format!("`{}` is no report of the benches", path.display())
        })?))
    }

    /// Reads every report of a folder, in the order of their days.
    ///
    /// # Errors
    /// When one can't be read or is no report.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>> {
        let entries = fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
        let mut dates = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let date = name.to_str().and_then(|name| name.strip_suffix(".json"));
            dates.extend(date.map(str::to_owned));
        }
        dates.sort_unstable();
        let read = |date: &String| Self::read(folder, date).transpose();
        dates.iter().filter_map(read).collect()
    }

    /// Writes `<date>.json`, `<date>.md` and `<date>/<scenario>.svg` into a folder, which is created when it is missing.
    ///
    /// # Errors
    /// When a file can't be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let charts = folder.join(&self.date);
        fs::create_dir_all(&charts).with_context(|| format!("cannot create `{}`", charts.display()))?;
        let mut json = serde_json::to_string_pretty(&Written::of(self))?;
        json.push('\n');
        write(&folder.join(format!("{}.json", self.date)), &json)?;
        write(&folder.join(format!("{}.md", self.date)), &markdown::page(self))?;
        for scenario in &self.scenarios {
            write(
                &charts.join(format!("{}.svg", scenario.name)),
                &chart::chart(scenario),
            )?;
        }
        Ok(())
    }

    /// Writes it together with what was measured earlier that day, and returns both.
    ///
    /// # Errors
    /// When a file can't be read or written, or the earlier report is from another machine.
    pub fn save(self, folder: &Path) -> Result<Self> {
        let report = match Self::read(folder, &self.date)? {
            Some(earlier) => self.merged_with(earlier)?,
            None => self,
        };
        report.write(folder)?;
        Ok(report)
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn what_is_written_is_read_and_the_same_figures_give_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let report = sample::report();
        report.write(folder.path()).unwrap();
        let files = [
            "2026-01-31.json",
            "2026-01-31.md",
            "2026-01-31/kafka-consume.svg",
            "2026-01-31/kafka-partitions.svg",
        ];
        let bytes = || files.map(|file| fs::read(folder.path().join(file)).unwrap());
        let first = bytes();
        let read = Report::read(folder.path(), "2026-01-31").unwrap().unwrap();
        assert_eq!(read.scenarios[0], report.scenarios[0]);
        assert_eq!(
            Report::read_all(folder.path()).unwrap(),
            std::slice::from_ref(&read)
        );
        read.write(folder.path()).unwrap();
        assert_eq!(bytes(), first);
    }

    #[test]
    fn the_json_says_what_follows_from_the_figures() {
        let json = serde_json::to_value(Written::of(&sample::report())).unwrap();
        let consume = &json["scenarios"][0];
        assert_eq!(consume["verdict"], "missed");
        assert_eq!(consume["judgements"][0]["found"]["median"], 0.87);
        assert_eq!(consume["judgements"][0]["target"]["twin"], "raw");
        assert_eq!(consume["summaries"][1]["program"], "bindery");
        assert_eq!(consume["summaries"][1]["rate"]["max"], 89_000.0);
        assert_eq!(json["scenarios"][1]["verdict"], "held");
    }

    #[test]
    fn what_is_saved_keeps_what_was_measured_earlier_that_day() {
        let folder = tempfile::tempdir().unwrap();
        let of = |scenario| Report {
            scenarios: vec![scenario],
            ..sample::report()
        };
        of(sample::consume()).save(folder.path()).unwrap();
        let both = of(sample::partitions()).save(folder.path()).unwrap();
        assert_eq!(both, sample::report());
        let read = Report::read(folder.path(), "2026-01-31").unwrap().unwrap();
        let names: Vec<_> = read.scenarios.iter().map(|scenario| &scenario.name).collect();
        assert_eq!(names, ["kafka-consume", "kafka-partitions"]);
    }

    #[test]
    fn a_file_that_is_no_report_is_told_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Report::read(folder.path(), "2026-01-31").unwrap(), None);
        fs::write(folder.path().join("2026-01-31.json"), "[]").unwrap();
        let error = Report::read(folder.path(), "2026-01-31").unwrap_err();
        assert!(
            error.to_string().contains("2026-01-31.json` is no report"),
            "{error}"
        );
    }
}
