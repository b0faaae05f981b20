//! Whether a target was reached.

use std::fmt;

use serde::Serialize;

use super::numbers::thousands;
use super::{ScenarioReport, Target};
use crate::stats::{Measure, Program, Round, Spread, Trend, ratios};

/// How many rounds a verdict takes.
pub const ROUNDS: usize = 5;
/// How many seconds of steady state a verdict takes.
pub const STEADY_SECONDS: f64 = 5.0;

/// What became of a target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judgement {
    /// What was asked for.
    pub target: Target,
    /// What was found.
    pub found: Option<Spread>,
    /// Whether that is enough.
    pub verdict: Verdict,
    /// What a reader should know besides: why there is no verdict, or at which size the cost is worst.
    pub remark: Option<String>,
}

/// Whether a target was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It was.
    Held,
    /// It was not, or a run lost a message or broke the order.
    Missed,
    /// There are too few rounds, or a figure is missing.
    NotJudged,
}

impl Judgement {
    pub(super) fn of(scenario: &ScenarioReport, target: Target) -> Self {
        let figure = Figure::of(scenario, target);
        let found = figure.spread;
        let reason = reason(scenario, figure.rounds);
        let verdict = match found {
            Some(found) if reason.is_none() && target.holds(found.median) => Verdict::Held,
            Some(_) if reason.is_none() => Verdict::Missed,
            _ => Verdict::NotJudged,
        };
        Self {
            target,
            found,
            verdict,
            remark: reason.or(figure.remark),
        }
    }
}

/// The figure that a target is about.
#[derive(Default)]
struct Figure {
    spread: Option<Spread>,
    rounds: usize,
    remark: Option<String>,
}

impl Figure {
    fn of(scenario: &ScenarioReport, target: Target) -> Self {
        let rounds = &scenario.rounds;
        match target {
            Target::Ratio { twin, .. } => Self::each(&ratios(rounds, Measure::Rate, Program::Bindery, twin)),
            Target::MemoryRatio { twin, .. } => {
                Self::each(&ratios(rounds, Measure::Memory, Program::Bindery, twin))
            }
            Target::SecondsBeyond { twin, .. } => {
                let seconds = |round: &Round, program| Measure::Seconds.of(round.run(program)?);
                let beyond = |round: &Round| Some(seconds(round, Program::Bindery)? - seconds(round, twin)?);
                Self::each(&rounds.iter().filter_map(beyond).collect::<Vec<_>>())
            }
            Target::Rate { .. } | Target::Seconds { .. } | Target::Memory { .. } => {
                let runs = rounds.iter().filter_map(|round| round.run(Program::Bindery));
                let figures: Vec<f64> = runs.filter_map(|run| target.measure().of(run)).collect();
                Self::each(&figures)
            }
            Target::Flat { cost, .. } => Trend::of(rounds, Program::Bindery, cost)
                .map(|trend| Self::worst(&trend))
                .unwrap_or_default(),
        }
    }

    fn each(figures: &[f64]) -> Self {
        Self {
            spread: Spread::of(figures.iter().copied()),
            rounds: figures.len(),
            remark: None,
        }
    }

    fn worst(trend: &Trend) -> Self {
        let (size, spread) = trend.worst();
        Self {
            spread: Some(spread),
            rounds: trend.rounds,
            remark: Some(format!(
                "worst at size {}; the line through all sizes rises by {:.1} %",
                thousands(size),
                trend.growth * 100.0
            )),
        }
    }
}

/// Why there is no verdict.
fn reason(scenario: &ScenarioReport, found: usize) -> Option<String> {
    if let Some(reason) = &scenario.unjudged {
        return Some(reason.clone());
    }
    if found < ROUNDS {
        return Some(format!(
            "{found} rounds have the figure, and a verdict takes {ROUNDS}"
        ));
    }
    let steady = scenario.runs().map(|run| run.steady_seconds);
    let shortest = steady.filter(|seconds| *seconds > 0.0).min_by(f64::total_cmp)?;
    (shortest < STEADY_SECONDS)
        .then(|| format!("a steady state lasted {shortest:.1} s, and a verdict takes {STEADY_SECONDS:.0} s"))
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.target;
        match self.found {
            Some(found) => write!(
                f,
                "{}{}, and {} is asked; rounds {} to {}",
                target.figure(found.median),
                target.of(),
                target.limit(),
                target.figure(found.min),
                target.figure(found.max)
            )?,
            None => write!(f, "no figure, and {target} is asked")?,
        }
        match &self.remark {
            Some(remark) => write!(f, "; {remark}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Held => "held",
            Self::Missed => "missed",
            Self::NotJudged => "not judged",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{consume, partitions, report, rounds, run, sizes};
    use super::*;
    use crate::stats::Run;

    fn with(target: Target, rounds: Vec<Round>) -> Judgement {
        let scenario = ScenarioReport {
            rounds,
            ..ScenarioReport::new("name", "what").target(target)
        };
        assert_eq!(scenario.verdict(), scenario.judgements()[0].verdict);
        scenario.judgements().remove(0)
    }

    fn whole(seconds: f64) -> Vec<Round> {
        let run = Run::whole(Program::Bindery, seconds, 1.0, 10_000, 24.0);
        vec![Round { runs: vec![run] }; 5]
    }

    #[test]
    fn a_ratio_that_missed_is_told_in_a_sentence() {
        assert_eq!(
            report().missed(),
            [
                "`kafka-consume`: 0.870 of the rate of `raw`, and at least 0.90 is asked; rounds 0.850 to 0.890"
            ]
        );
        assert!(report().unjudged().is_empty());
    }

    #[test]
    fn the_limit_itself_is_enough() {
        let limit = Target::Ratio {
            twin: Program::Raw,
            at_least: 0.9,
        };
        let measured = |rate| rounds(&[(Program::Raw, [100.0; 5]), (Program::Bindery, [rate; 5])]);
        assert_eq!(with(limit, measured(90.0)).verdict, Verdict::Held);
        assert_eq!(with(limit, measured(89.9)).verdict, Verdict::Missed);
        let seconds = Target::Seconds { at_most: 2.1 };
        assert_eq!(with(seconds, whole(2.1)).verdict, Verdict::Held);
        assert_eq!(with(seconds, whole(2.11)).verdict, Verdict::Missed);
        let memory = |at_most| with(Target::Memory { at_most }, whole(1.0)).verdict;
        assert_eq!((memory(24.0), memory(23.9)), (Verdict::Held, Verdict::Missed));
        let rate = |at_least| with(Target::Rate { at_least }, whole(1.0)).verdict;
        assert_eq!((rate(1e4), rate(10_001.0)), (Verdict::Held, Verdict::Missed));
    }

    #[test]
    fn memory_is_compared_with_that_of_the_undisturbed_in_the_same_round() {
        let figures = rounds(&[(Program::Undisturbed, [1.0; 5]), (Program::Bindery, [1.0; 5])]);
        let target = |at_most| Target::MemoryRatio {
            twin: Program::Undisturbed,
            at_most,
        };
        assert_eq!(with(target(1.0), figures.clone()).verdict, Verdict::Held);
        assert_eq!(with(target(0.9), figures).verdict, Verdict::Missed);
    }

    #[test]
    fn a_time_is_compared_with_that_of_the_twin_in_the_same_round() {
        let run = |program, seconds| Run::whole(program, seconds, 0.0, 0, 24.0);
        let runs = vec![run(Program::Raw, 0.2), run(Program::Bindery, 0.6)];
        let beyond = |at_most| Target::SecondsBeyond {
            twin: Program::Raw,
            at_most,
        };
        let measured = vec![Round { runs }; 5];
        assert_eq!(with(beyond(0.5), measured.clone()).verdict, Verdict::Held);
        assert_eq!(with(beyond(0.3), measured).verdict, Verdict::Missed);
    }

    #[test]
    fn a_bump_at_one_size_misses_flatness() {
        let flat = Target::Flat {
            cost: Measure::TimePerMillion,
            within: 0.15,
        };
        assert_eq!(partitions().verdict(), Verdict::Held);
        let bump = with(flat, sizes(&[(1, 1.0), (16, 1.2), (256, 1.0)]));
        assert_eq!(bump.verdict, Verdict::Missed);
        assert!(bump.to_string().contains("worst at size 16"), "{bump}");
        assert_eq!(with(flat, sizes(&[(1, 1.0)])).verdict, Verdict::NotJudged);
    }

    #[test]
    fn too_few_rounds_make_no_verdict() {
        let mut scenario = consume();
        scenario.rounds.truncate(4);
        assert_eq!(scenario.verdict(), Verdict::NotJudged);
        let remark = scenario.judgements().remove(0).remark;
        assert_eq!(
            remark.as_deref(),
            Some("4 rounds have the figure, and a verdict takes 5")
        );
    }

    #[test]
    fn rounds_without_the_twin_make_no_verdict() {
        let mut scenario = consume();
        for round in &mut scenario.rounds {
            round.runs.retain(|run| run.program != Program::Raw);
        }
        let judgement = scenario.judgements().remove(0);
        assert_eq!((judgement.verdict, judgement.found), (Verdict::NotJudged, None));
        assert!(
            judgement.to_string().starts_with("no figure, and at least 0.90"),
            "{judgement}"
        );
    }

    #[test]
    fn a_short_steady_state_makes_no_verdict() {
        let mut scenario = consume();
        scenario.rounds[2].runs[1].steady_seconds = 2.0;
        assert_eq!(scenario.verdict(), Verdict::NotJudged);
        let remark = scenario.judgements().remove(0).remark;
        assert_eq!(
            remark.as_deref(),
            Some("a steady state lasted 2.0 s, and a verdict takes 5 s")
        );
    }

    #[test]
    fn what_the_harness_does_not_judge_is_not_judged() {
        let mut scenario = consume();
        scenario.unjudged = Some("a quick run".to_owned());
        assert_eq!(scenario.verdict(), Verdict::NotJudged);
    }

    #[test]
    fn a_failed_run_fails_the_scenario_whatever_its_rate() {
        let mut report = report();
        report.scenarios = vec![partitions()];
        assert!(report.missed().is_empty());
        report.scenarios[0]
            .failures
            .push("round 3, `bindery`: 7 messages out of order".to_owned());
        assert_eq!(report.scenarios[0].verdict(), Verdict::Missed);
        assert_eq!(
            report.missed(),
            ["`kafka-partitions`: round 3, `bindery`: 7 messages out of order"]
        );
    }

    #[test]
    fn a_scenario_without_targets_is_not_judged() {
        let mut scenario = consume();
        scenario.targets.clear();
        scenario.rounds[0].runs.push(run(Program::RustStream, 5e3));
        assert_eq!(scenario.verdict(), Verdict::NotJudged);
    }
}
