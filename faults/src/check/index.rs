//! The records of a run by message.

use std::collections::BTreeMap;

use crate::ledger::{Moment, Outcome, Record, Run};

/// One begin of a handler.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start<'a> {
    pub(super) instance: &'a str,
    pub(super) source: Option<&'a str>,
    pub(super) at: Moment,
}

/// One effect, with the begin of the handling that had it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effect<'a> {
    pub(super) instance: &'a str,
    pub(super) source: Option<&'a str>,
    pub(super) from: Moment,
    pub(super) at: Moment,
}

/// One output that was seen.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output<'a> {
    pub(super) source: &'a str,
    pub(super) position: u64,
    pub(super) at: Moment,
}

/// Everything that is known of one message; lists are in the order of time.
#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    pub(super) key: u32,
    pub(super) seq: u64,
    pub(super) intended: bool,
    pub(super) answer: Option<(Outcome, Moment)>,
    pub(super) starts: Vec<Start<'a>>,
    pub(super) effects: Vec<Effect<'a>>,
    pub(super) outputs: Vec<Output<'a>>,
    pub(super) dead: Vec<Moment>,
}

impl Message<'_> {
    pub(super) fn acknowledged(&self) -> Option<Moment> {
        match self.answer {
            Some((Outcome::Ok, at)) => Some(at),
            _ => None,
        }
    }

    pub(super) fn refused(&self) -> bool {
        matches!(self.answer, Some((Outcome::Fail, _)))
    }

    fn finish(&mut self) {
        self.starts.sort_by_key(|start| start.at);
        self.effects.sort_by_key(|effect| effect.at);
        self.outputs.sort_by_key(|output| output.at);
        self.dead.sort_unstable();
        for effect in &mut self.effects {
            // An effect belongs to the last begin of its instance before it.
            let begin = self.starts.iter().rev();
            let begin = begin
                .filter(|start| start.instance == effect.instance)
                .find(|start| start.at <= effect.at);
            if let Some(start) = begin {
                effect.from = start.at;
            }
        }
    }
}

/// All messages of a run.
#[derive(Debug, Default)]
pub(super) struct Index<'a> {
    pub(super) messages: BTreeMap<u64, Message<'a>>,
    /// How often each mark of a hostile message was seen in the dead letter.
    pub(super) marks: BTreeMap<&'a str, u64>,
    pub(super) reasons: BTreeMap<&'a str, u64>,
}

impl<'a> Index<'a> {
    pub(super) fn of(run: &'a Run) -> Self {
        let mut index = Self::default();
        for record in &run.records {
            index.add(record);
        }
        for message in index.messages.values_mut() {
            message.finish();
        }
        index
    }

    fn message(&mut self, id: u64, key: u32, seq: u64) -> &mut Message<'a> {
        let message = self.messages.entry(id).or_default();
        message.key = key;
        message.seq = seq;
        message
    }

    fn add(&mut self, record: &'a Record) {
        match record {
            Record::Intent { id, key, seq, .. } => self.message(*id, *key, *seq).intended = true,
            Record::Answer { id, outcome, at } => {
                self.messages.entry(*id).or_default().answer = Some((*outcome, *at));
            }
            Record::Start {
                id,
                key,
                seq,
                instance,
                source,
                at,
                ..
            } => self.message(*id, *key, *seq).starts.push(Start {
                instance,
                source: source.as_deref(),
                at: *at,
            }),
            Record::End {
                id,
                key,
                seq,
                instance,
                source,
                at,
            } => self.message(*id, *key, *seq).effects.push(Effect {
                instance,
                source: source.as_deref(),
                from: *at,
                at: *at,
            }),
            Record::Output {
                cause,
                key,
                seq,
                source,
                position,
                at,
            } => self.message(*cause, *key, *seq).outputs.push(Output {
                source,
                position: *position,
                at: *at,
            }),
            Record::DeadLetter {
                id, mark, reason, at, ..
            } => {
                *self.reasons.entry(reason).or_default() += 1;
                if let Some(mark) = mark {
                    *self.marks.entry(mark).or_default() += 1;
                }
                if let Some(id) = id {
                    self.messages.entry(*id).or_default().dead.push(*at);
                }
            }
            Record::Fault { .. } | Record::Sample { .. } => {}
        }
    }
}
