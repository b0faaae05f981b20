//! The verifier: reads what the service published and what it gave up, with the bare clients, and writes it down. It is
//! asked to while no fault is under way, as often as the case likes; each time it goes on where it stopped.

mod kafka;
mod rabbit;

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use serde::Deserialize;

pub use kafka::KafkaVerifier;
pub use rabbit::RabbitVerifier;

use crate::ledger::{Moment, Record, Writer};
use crate::work::Done;

/// The header that says why a message was given up.
const REASON: &str = "x-exception-message";
/// The header that RabbitMQ adds when it gives a message up itself.
const BROKERS_REASON: &str = "x-first-death-reason";
/// The header by which a hostile message is known again.
pub const MARK: &str = "x-mark";

/// What a drain read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Outputs.
    pub outputs: u64,
    /// Dead letters.
    pub dead_letters: u64,
}

/// What is read from one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Output,
    DeadLetter,
}

/// A message, as the verifier sees it: headers as text, damaged or not.
#[derive(Debug)]
struct Seen {
    /// The partition or queue.
    source: String,
    position: u64,
    payload: Vec<u8>,
    headers: BTreeMap<String, String>,
}

/// Writes down what was seen.
#[derive(Debug)]
struct Notes {
    ledger: Arc<Writer>,
    drained: Drained,
}

impl Notes {
    fn new(ledger: Arc<Writer>) -> Self {
        Self {
            ledger,
            drained: Drained::default(),
        }
    }

    fn take(&mut self, what: What, seen: Seen) -> Result<()> {
        let record = match what {
            What::Output => {
                self.drained.outputs += 1;
                output(seen)?
            }
            What::DeadLetter => {
                self.drained.dead_letters += 1;
                dead_letter(&seen)
            }
        };
        Ok(self.ledger.append(&record)?)
    }

    /// What was read since the last time.
    fn finish(&mut self) -> Drained {
        std::mem::take(&mut self.drained)
    }
}

fn output(seen: Seen) -> Result<Record> {
    let done: Done = serde_json::from_slice(&seen.payload).with_context(|| {
        format!(
            "`{}`, position {}: not an output of the service",
            seen.source, seen.position
        )
    })?;
    Ok(Record::Output {
        cause: done.cause,
        key: done.key,
        seq: done.seq,
        source: seen.source,
        position: seen.position,
        at: Moment::now(),
    })
}

fn dead_letter(seen: &Seen) -> Record {
    #[derive(Deserialize)]
    struct Known {
        id: u64,
    }
    let known = serde_json::from_slice::<Known>(&seen.payload).ok();
    let header = |name: &str| seen.headers.get(name).cloned();
    Record::DeadLetter {
        id: known.map(|known| known.id),
        mark: header(MARK),
        reason: header(REASON)
            .or_else(|| header(BROKERS_REASON))
            .unwrap_or_default(),
        bytes: seen.payload.len(),
        at: Moment::now(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(payload: &str, headers: &[(&str, &str)]) -> Seen {
        Seen {
            source: "q".to_owned(),
            position: 7,
            payload: payload.into(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        }
    }

    #[test]
    fn a_dead_letter_is_known_by_its_id_or_its_mark() {
        let whole = dead_letter(&seen(r#"{"id":3,"key":1,"seq":0}"#, &[(REASON, "told to fail")]));
        let Record::DeadLetter { id, mark, reason, .. } = whole else {
            panic!("another record")
        };
        assert_eq!((id, mark, reason.as_str()), (Some(3), None, "told to fail"));
        let broken = dead_letter(&seen(
            "{",
            &[(MARK, "poison-1"), (BROKERS_REASON, "delivery_limit")],
        ));
        let Record::DeadLetter {
            id,
            mark,
            reason,
            bytes,
            ..
        } = broken
        else {
            panic!("another record")
        };
        assert_eq!((id, mark.as_deref(), bytes), (None, Some("poison-1"), 1));
        assert_eq!(reason, "delivery_limit");
    }

    #[test]
    fn an_output_that_is_none_is_an_error_with_its_place() {
        let error = output(seen("{}", &[])).unwrap_err().to_string();
        assert_eq!(error, "`q`, position 7: not an output of the service");
    }
}
