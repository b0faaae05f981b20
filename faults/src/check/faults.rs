//! The faults of a run, and what can be blamed on them.

use std::time::Duration;

use crate::ledger::{Moment, Record, Run};

/// One thing that the nemesis did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault<'a> {
    pub(super) fault: &'a str,
    pub(super) target: &'a str,
    pub(super) from: Moment,
    pub(super) to: Moment,
}

/// All of them, by their beginning.
#[derive(Debug)]
pub(super) struct Faults<'a> {
    pub(super) list: Vec<Fault<'a>>,
    recovery: Duration,
    /// The times of faults and of recovery from them, joined where they touch.
    windows: Vec<(Moment, Moment)>,
}

impl<'a> Faults<'a> {
    pub(super) fn of(run: &'a Run, recovery: Duration) -> Self {
        let mut list: Vec<Fault<'a>> = run.records.iter().filter_map(fault).collect();
        list.sort_by_key(|fault| (fault.from, fault.to));
        let mut windows: Vec<(Moment, Moment)> = Vec::new();
        for fault in &list {
            let end = fault.to.plus(recovery);
            match windows.last_mut() {
                Some(last) if fault.from <= last.1 => last.1 = last.1.max(end),
                _ => windows.push((fault.from, end)),
            }
        }
        Self {
            list,
            recovery,
            windows,
        }
    }

    /// The fault that explains why work from `from` to `to` was done again, after it had been done at `previous`: the
    /// latest one that fits.
    pub(super) fn blame(&self, previous: Moment, from: Moment, to: Moment) -> Option<usize> {
        let fits = |fault: &Fault<'_>| {
            fault.from <= to
                && from <= fault.to.plus(self.recovery)
                && fault.from <= previous.plus(self.recovery)
        };
        self.list.iter().rposition(fits)
    }

    /// Whether a moment lies in a fault or in the recovery from it.
    pub(super) fn covers(&self, at: Moment) -> bool {
        self.windows.iter().any(|(from, to)| *from <= at && at <= *to)
    }

    /// How much of the time from `from` to `to` lies outside all faults.
    pub(super) fn outside(&self, from: Moment, to: Moment) -> Duration {
        let inside: Duration = self
            .windows
            .iter()
            .map(|window| window.1.min(to).since(window.0.max(from)))
            .sum();
        to.since(from).saturating_sub(inside)
    }
}

fn fault(record: &Record) -> Option<Fault<'_>> {
    match record {
        Record::Fault {
            fault,
            target,
            from,
            to,
        } => Some(Fault {
            fault,
            target,
            from: *from,
            to: *to,
        }),
        _ => None,
    }
}
