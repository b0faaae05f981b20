//! What the tests share: ledgers in a folder of their own, names that are used once, and what was written down.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use faults::ledger::{Moment, Outcome, Record, Run, Writer};
use faults::load::Load;
use tempfile::TempDir;

pub(crate) fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("it-bench-{name}-{}-{number}", Moment::now().0)
}

pub(crate) fn small_load() -> Load {
    Load {
        count: 500,
        per_second: 5_000,
        keys: 20,
        ..Load::default()
    }
}

/// Ledgers that go with the test.
pub(crate) struct Ledgers(TempDir);

impl Ledgers {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn writer(&self, name: &str) -> Arc<Writer> {
        Arc::new(Writer::open(&self.0.path().join(format!("{name}.jsonl"))).unwrap())
    }

    pub(crate) fn records(&self) -> Vec<Record> {
        Run::read(self.0.path()).unwrap().records
    }

    pub(crate) fn answers(&self) -> BTreeMap<u64, Outcome> {
        let records = self.records().into_iter();
        let answers = records.filter_map(|record| match record {
            Record::Answer { id, outcome, .. } => Some((id, outcome)),
            _ => None,
        });
        answers.collect()
    }

    /// The ids that the verifier saw as dead letters, and the marks.
    pub(crate) fn dead_letters(&self) -> Vec<(Option<u64>, Option<String>)> {
        let records = self.records().into_iter();
        let dead = records.filter_map(|record| match record {
            Record::DeadLetter { id, mark, .. } => Some((id, mark)),
            _ => None,
        });
        dead.collect()
    }
}
