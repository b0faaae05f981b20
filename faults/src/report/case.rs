//! One case: what was asked, what was found.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::check::Findings;
use crate::ledger::{Moment, Record, Run};

/// One thing that a case asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Criterion {
    /// What it is about.
    pub name: String,
    /// What was asked for.
    pub wanted: String,
    /// What was found.
    pub found: String,
    /// Whether that is enough.
    pub holds: bool,
    /// Whether it depends on how fast the machine is.
    pub timed: bool,
}

/// One fault of the schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FaultLine {
    /// What, and to whom.
    pub fault: String,
    /// When it began, counted from the first record of the case.
    pub after: Duration,
    /// How long it lasted.
    pub lasted: Duration,
    /// How long the service took to recover, where it could be seen.
    pub recovery: Option<Duration>,
    /// The messages that were handled again because of it.
    pub repeated: Vec<u64>,
}

/// What the service processes needed at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Samples {
    /// How often one was looked at.
    pub count: usize,
    /// The most resident memory of one process in MiB.
    pub resident_mib: u64,
    /// The most open file descriptors of one process.
    pub descriptors: u64,
    /// The most threads of one process.
    pub threads: u64,
}

/// One case on one broker.
#[derive(Clone, Debug, Serialize)]
pub struct CaseReport {
    /// Its name, as `--case` takes it.
    pub case: String,
    /// `kafka`, `rabbit` or `memory`.
    pub broker: String,
    /// How long it took.
    pub duration: Duration,
    /// What it asked for.
    pub criteria: Vec<Criterion>,
    /// What became of the messages.
    pub findings: Findings,
    /// What the nemesis did.
    pub faults: Vec<FaultLine>,
    /// What the processes needed.
    pub samples: Samples,
    /// What a reader should know besides.
    pub notes: Vec<String>,
}

impl CaseReport {
    /// The report of a case that asks for no anomaly; [`CaseReport::ask`] adds what it asks for besides.
    pub fn new(case: &str, broker: &str, run: &Run, findings: Findings, duration: Duration) -> Self {
        let mut report = Self {
            case: case.to_owned(),
            broker: broker.to_owned(),
            duration,
            criteria: Vec::new(),
            faults: schedule(run, &findings),
            findings,
            samples: samples(run),
            notes: Vec::new(),
        };
        report.ask(
            "acknowledged",
            "some",
            report.findings.acknowledged.to_string(),
            report.findings.acknowledged > 0,
        );
        let lost = report.findings.lost.len();
        report.ask("lost", "0", lost.to_string(), lost == 0);
        for (anomaly, count) in report.findings.anomalies() {
            if anomaly != "lost" {
                report.ask(anomaly, "0", count.to_string(), false);
                if anomaly.starts_with("stall") {
                    report.timed();
                }
            }
        }
        report
    }

    /// The report of a case that could not be carried out.
    pub fn broken(case: &str, broker: &str, error: &anyhow::Error, duration: Duration) -> Self {
        let mut report = Self {
            case: case.to_owned(),
            broker: broker.to_owned(),
            duration,
            criteria: Vec::new(),
            findings: Findings::default(),
            faults: Vec::new(),
            samples: Samples::default(),
            notes: Vec::new(),
        };
        report.ask("the case", "carried out", format!("{error:#}"), false);
        report
    }

    /// Adds a criterion.
    pub fn ask(&mut self, name: &str, wanted: impl Into<String>, found: impl Into<String>, holds: bool) {
        self.criteria.push(Criterion {
            name: name.to_owned(),
            wanted: wanted.into(),
            found: found.into(),
            holds,
            timed: false,
        });
    }

    /// Says that the criterion added last depends on how fast the machine is.
    pub fn timed(&mut self) {
        if let Some(last) = self.criteria.last_mut() {
            last.timed = true;
        }
    }

    /// Leaves out of the verdict what depends on how fast the machine is; the report shows it as it is.
    pub fn judge_untimed(&mut self) {
        for criterion in self
            .criteria
            .iter_mut()
            .filter(|criterion| criterion.timed && !criterion.holds)
        {
            criterion
                .found
                .push_str(" (not judged: it depends on the machine)");
            criterion.holds = true;
        }
    }

    /// Adds a criterion that a number is at most `limit`.
    pub fn at_most<T: PartialOrd + ToString>(&mut self, name: &str, limit: &T, found: &T) {
        self.ask(
            name,
            format!("at most {}", limit.to_string()),
            found.to_string(),
            found <= limit,
        );
    }

    /// Adds a criterion that a number is at least `limit`.
    pub fn at_least<T: PartialOrd + ToString>(&mut self, name: &str, limit: &T, found: &T) {
        self.ask(
            name,
            format!("at least {}", limit.to_string()),
            found.to_string(),
            found >= limit,
        );
    }

    /// Adds a criterion that something took at most `limit`.
    pub fn within(&mut self, name: &str, limit: Duration, found: Option<Duration>) {
        self.ask(
            name,
            format!("at most {}", seconds(limit)),
            found.map_or_else(|| "never seen".to_owned(), seconds),
            found.is_some_and(|found| found <= limit),
        );
        self.timed();
    }

    /// Adds something that a reader should know.
    pub fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// Whether every criterion holds.
    pub fn holds(&self) -> bool {
        !self.criteria.is_empty() && self.criteria.iter().all(|criterion| criterion.holds)
    }
}

/// Seconds with one decimal place; what is shorter than 50 ms is in milliseconds.
pub(super) fn seconds(span: Duration) -> String {
    if span < Duration::from_millis(50) {
        return format!("{} ms", span.as_millis());
    }
    format!("{:.1} s", span.as_secs_f64())
}

fn schedule(run: &Run, findings: &Findings) -> Vec<FaultLine> {
    let begin = run.records.iter().filter_map(moment).min().unwrap_or_default();
    let mut faults: Vec<(Moment, Moment, String)> = run
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Fault {
                fault,
                target,
                from,
                to,
            } => Some((*from, *to, format!("{fault} {target}"))),
            _ => None,
        })
        .collect();
    // As the checker counts them.
    faults.sort_by_key(|(from, to, _)| (*from, *to));
    let mut repeated: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
    for repeat in &findings.repeated_attributed {
        if let Some(fault) = repeat.fault {
            repeated.entry(fault).or_default().push(repeat.id);
        }
    }
    let lines = faults
        .into_iter()
        .enumerate()
        .map(|(place, (from, to, fault))| FaultLine {
            fault,
            after: from.since(begin),
            lasted: to.since(from),
            recovery: findings
                .recoveries
                .iter()
                .find(|recovery| recovery.fault == place)
                .map(|recovery| recovery.took),
            repeated: repeated.remove(&place).unwrap_or_default(),
        });
    lines.collect()
}

fn moment(record: &Record) -> Option<Moment> {
    match record {
        Record::Intent { at, .. } | Record::Start { at, .. } => Some(*at),
        Record::Fault { from, .. } => Some(*from),
        _ => None,
    }
}

fn samples(run: &Run) -> Samples {
    let mut most = Samples::default();
    for record in &run.records {
        if let Record::Sample {
            resident_kib,
            descriptors,
            threads,
            ..
        } = record
        {
            most.count += 1;
            most.resident_mib = most.resident_mib.max(resident_kib / 1_024);
            most.descriptors = most.descriptors.max(*descriptors);
            most.threads = most.threads.max(*threads);
        }
    }
    most
}
