//! The records of one message, from when they are made until they are confirmed.
//!
//! A message's only record is with its producer while it is on its way, and comes back when it isn't confirmed: a copy that is
//! kept beside it, with thousands outstanding, takes the processor's cache from everything else. Of several each is kept,
//! because all of them are published again, in their order, when one isn't confirmed.

use bindery_core::OutboundRecord;

/// The records of one message, each with the number of its output.
#[derive(Debug)]
pub(crate) enum Records {
    /// The only one; nothing while it is with the producer of its output.
    One(usize, Option<Box<OutboundRecord>>),
    /// Several, or none.
    Several(Vec<(usize, Box<OutboundRecord>)>),
}

impl From<Vec<(usize, Box<OutboundRecord>)>> for Records {
    fn from(mut records: Vec<(usize, Box<OutboundRecord>)>) -> Self {
        if records.len() == 1
            && let Some((output, record)) = records.pop()
        {
            return Self::One(output, Some(record));
        }
        Self::Several(records)
    }
}

impl Records {
    /// No records.
    pub(super) fn none() -> Self {
        Self::Several(Vec::new())
    }

    /// How many there are, here or away.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::One(..) => 1,
            Self::Several(records) => records.len(),
        }
    }

    /// The numbers of their outputs, in their order.
    pub(super) fn outputs(&self) -> impl Iterator<Item = usize> {
        let (only, several) = match self {
            Self::One(output, _) => (Some(*output), &[][..]),
            Self::Several(records) => (None, records.as_slice()),
        };
        only.into_iter().chain(several.iter().map(|(output, _)| *output))
    }

    /// The output of the record at `index`.
    pub(super) fn output(&self, index: usize) -> Option<usize> {
        self.outputs().nth(index)
    }

    /// The record at `index`, for its producer.
    pub(super) fn hand_out(&mut self, index: usize) -> Option<(usize, Box<OutboundRecord>)> {
        match self {
            Self::One(output, record) if index == 0 => Some((*output, record.take()?)),
            Self::One(..) => None,
            Self::Several(records) => records.get(index).cloned(),
        }
    }

    /// A record came back. Where each is kept it is here already.
    pub(super) fn come_back(&mut self, record: Box<OutboundRecord>) {
        if let Self::One(_, away @ None) = self {
            *away = Some(record);
        }
    }

    /// Whether they are here, to be published again.
    pub(super) fn are_here(&self) -> bool {
        !matches!(self, Self::One(_, None))
    }
}

#[cfg(test)]
mod tests {
    use bindery_core::Headers;

    use super::*;

    fn record(text: &'static str) -> Box<OutboundRecord> {
        Box::new(OutboundRecord {
            payload: Some(text.into()),
            key: None,
            headers: Headers::new(),
            partition: None,
            routing_key: None,
        })
    }

    #[test]
    fn the_only_record_is_away_until_it_comes_back() {
        let mut records = Records::from(vec![(3, record("a"))]);
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
        let mut records = Records::from(all.to_vec());
        assert_eq!([records.hand_out(0), records.hand_out(1)], all.clone().map(Some));
        records.come_back(record("b"));
        assert!(records.are_here());
        assert_eq!(records.outputs().collect::<Vec<_>>(), [1, 0]);
        assert_eq!([records.hand_out(0), records.hand_out(1)], all.map(Some));
    }
}
