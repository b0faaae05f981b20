//! The records of one message, from when they are made until they are confirmed.
//!
//! A message's only record is with its producer while it is on its way, and comes back when it isn't confirmed: a copy that is
//! kept beside it, with thousands outstanding, takes the processor's cache from everything else. Of several each is kept,
//! because all of them are published again, in their order, when one isn't confirmed.

use bindery_core::OutboundRecord;

/// The records of one message, each with the number of its output.
#[derive(Debug)]
pub(crate) enum Records {
    /// They are here.
    Here(Vec<(usize, OutboundRecord)>),
    /// The only one is with the producer of this output.
    Away(usize),
}

impl Records {
    /// No records.
    pub(super) fn none() -> Self {
        Self::Here(Vec::new())
    }

    /// How many there are, here or away.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Here(records) => records.len(),
            Self::Away(_) => 1,
        }
    }

    /// The numbers of their outputs, in their order.
    pub(super) fn outputs(&self) -> impl Iterator<Item = usize> {
        let (here, away) = match self {
            Self::Here(records) => (records.as_slice(), None),
            Self::Away(output) => (&[][..], Some(*output)),
        };
        here.iter().map(|(output, _)| *output).chain(away)
    }

    /// The output of the record at `index`.
    pub(super) fn output(&self, index: usize) -> Option<usize> {
        self.outputs().nth(index)
    }

    /// The record at `index`, for its producer.
    pub(super) fn hand_out(&mut self, index: usize) -> Option<(usize, OutboundRecord)> {
        let Self::Here(records) = self else { return None };
        if records.len() != 1 || index > 0 {
            return records.get(index).cloned();
        }
        let (output, record) = records.pop()?;
        *self = Self::Away(output);
        Some((output, record))
    }

    /// A record came back. Where each is kept it is here already.
    pub(super) fn come_back(&mut self, record: OutboundRecord) {
        if let Self::Away(output) = *self {
            *self = Self::Here(vec![(output, record)]);
        }
    }

    /// Whether they are here, to be published again.
    pub(super) fn are_here(&self) -> bool {
        matches!(self, Self::Here(_))
    }
}

#[cfg(test)]
mod tests {
    use bindery_core::Headers;

    use super::*;

    fn record(text: &'static str) -> OutboundRecord {
        OutboundRecord {
            payload: Some(text.into()),
            key: None,
            headers: Headers::new(),
            partition: None,
            routing_key: None,
        }
    }

    #[test]
    fn the_only_record_is_away_until_it_comes_back() {
        let mut records = Records::Here(vec![(3, record("a"))]);
        assert_eq!(records.hand_out(1), None, "there is no second one");
        assert_eq!(records.hand_out(0), Some((3, record("a"))));
        assert!(!records.are_here() && records.len() == 1 && records.output(0) == Some(3));
        assert_eq!(records.hand_out(0), None, "it is with its producer");
        records.come_back(record("a"));
        assert!(records.are_here());
        assert_eq!(records.hand_out(0), Some((3, record("a"))));
    }

    #[test]
    fn several_records_are_kept_in_their_order() {
        let all = [(1, record("a")), (0, record("b"))];
        let mut records = Records::Here(all.to_vec());
        assert_eq!([records.hand_out(0), records.hand_out(1)], all.clone().map(Some));
        records.come_back(record("b"));
        assert!(records.are_here());
        assert_eq!(records.outputs().collect::<Vec<_>>(), [1, 0]);
        assert_eq!([records.hand_out(0), records.hand_out(1)], all.map(Some));
    }
}
