//! A run of some scenarios, merged into what was measured earlier that day.

use anyhow::{Result, ensure};

use super::{Report, ScenarioReport};
use crate::run::PLANS;

/// What measures everything.
pub(super) const EVERYTHING: &str = "cargo xtask bench";

impl Report {
    /// This report, with those scenarios of an earlier one that were not measured again, all in the order of
    /// `cargo xtask bench --list`. What the earlier ones ran in another version is said with them.
    ///
    /// # Errors
    /// When the earlier report is of another day or from another machine: a report is of one machine.
    pub fn merged_with(self, earlier: Self) -> Result<Self> {
        ensure!(
            self.date == earlier.date,
            "a report of {} can't be merged into one of {}",
            self.date,
            earlier.date
        );
        ensure!(
            self.machine == earlier.machine,
            "the results of {} are from another machine ({}, {} processors); move them away first",
            earlier.date,
            earlier.machine.processor,
            earlier.machine.processors
        );
        let mut fresh = self.scenarios;
        let mut scenarios = Vec::new();
        for old in earlier.scenarios {
            let again = fresh.iter().position(|new| new.name == old.name);
            scenarios.push(match again {
                Some(place) => fresh.remove(place),
                None => kept(old, &earlier.versions, &self.versions),
            });
        }
        scenarios.extend(fresh);
        scenarios.sort_by_key(|scenario| place_of(&scenario.name));
        let command = if self.command == earlier.command {
            self.command
        } else {
            EVERYTHING.to_owned()
        };
        Ok(Self {
            date: self.date,
            command,
            machine: self.machine,
            versions: self.versions,
            scenarios,
        })
    }
}

/// The place of a scenario among all, in the order in which they run.
pub(super) fn place_of(scenario: &str) -> usize {
    let place = PLANS.iter().position(|plan| plan.name == scenario);
    place.unwrap_or(PLANS.len())
}

fn kept(
    mut scenario: ScenarioReport,
    earlier: &[(String, String)],
    now: &[(String, String)],
) -> ScenarioReport {
    let mut versions = scenario.versions;
    for version in earlier {
        if versions.iter().all(|known| known.0 != version.0) {
            versions.push(version.clone());
        }
    }
    versions.retain(|version| !now.contains(version));
    scenario.versions = versions;
    scenario
}

#[cfg(test)]
mod tests {
    use super::super::Machine;
    use super::*;

    fn report(commit: &str, scenarios: &[(&str, &str)]) -> Report {
        Report {
            date: "2026-01-31".to_owned(),
            command: format!("cargo xtask bench {}", scenarios.len()),
            versions: [("Bindery", commit), ("rustc", "1.90")]
                .map(|(name, version)| (name.to_owned(), version.to_owned()))
                .to_vec(),
            scenarios: scenarios
                .iter()
                .map(|(name, what)| ScenarioReport::new(*name, *what))
                .collect(),
            ..Report::default()
        }
    }

    #[test]
    fn what_is_measured_again_takes_the_old_place() {
        let earlier = report("a", &[("one", "old"), ("two", "old")]);
        let merged = report("a", &[("three", "new"), ("one", "new")])
            .merged_with(earlier)
            .unwrap();
        let scenarios: Vec<_> = merged
            .scenarios
            .iter()
            .map(|scenario| (scenario.name.as_str(), scenario.what.as_str()))
            .collect();
        assert_eq!(scenarios, [("one", "new"), ("two", "old"), ("three", "new")]);
    }

    #[test]
    fn scenarios_stand_in_the_order_in_which_they_run() {
        let earlier = report("a", &[("rabbit-pipe", ""), ("memory-start", "")]);
        let merged = report("a", &[("kafka-pipe", "")]).merged_with(earlier).unwrap();
        let names: Vec<_> = merged.scenarios.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names, ["memory-start", "kafka-pipe", "rabbit-pipe"]);
    }

    #[test]
    fn what_ran_in_another_version_says_so_even_after_a_third() {
        let second = report("b", &[("two", "")])
            .merged_with(report("a", &[("one", "")]))
            .unwrap();
        assert_eq!(
            second.scenarios[0].versions,
            [("Bindery".to_owned(), "a".to_owned())]
        );
        assert!(second.scenarios[1].versions.is_empty());
        let third = report("c", &[("three", "")]).merged_with(second).unwrap();
        let versions: Vec<_> = third
            .scenarios
            .iter()
            .map(|scenario| &scenario.versions)
            .collect();
        assert_eq!(versions[0][0].1, "a");
        assert_eq!(versions[1][0].1, "b");
        assert!(versions[2].is_empty());
    }

    #[test]
    fn the_command_of_a_merged_report_measures_everything() {
        let same = report("a", &[("one", "")])
            .merged_with(report("a", &[("two", "")]))
            .unwrap();
        assert_eq!(same.command, "cargo xtask bench 1");
        let other = report("a", &[]).merged_with(report("a", &[("two", "")])).unwrap();
        assert_eq!(other.command, "cargo xtask bench");
    }

    #[test]
    fn another_machine_or_day_is_refused() {
        let mut elsewhere = report("a", &[("one", "")]);
        elsewhere.machine = Machine {
            processors: 64,
            ..Machine::default()
        };
        let error = report("a", &[]).merged_with(elsewhere).unwrap_err().to_string();
        assert!(error.contains("from another machine"), "{error}");
        let mut tomorrow = report("a", &[]);
        tomorrow.date = "2026-02-01".to_owned();
        assert!(report("a", &[]).merged_with(tomorrow).is_err());
    }
}
