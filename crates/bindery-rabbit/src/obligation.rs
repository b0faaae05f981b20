//! What is owed to whoever sent a publication: an answer, and the record with it where it isn't confirmed.

use bindery_core::{Confirm, Error, OutboundRecord, Position, Unconfirmed};

/// An answer that is owed, exactly once.
pub(crate) struct Obligation {
    confirm: Confirm,
    /// Nothing for what doesn't come back, as a dead letter.
    record: Option<Box<OutboundRecord>>,
}

impl Obligation {
    /// The record comes back when it isn't confirmed. Its payload is shared with what is published.
    pub(crate) fn giving_back(record: OutboundRecord, confirm: Confirm) -> Self {
        Self {
            confirm,
            record: Some(Box::new(record)),
        }
    }

    /// The publication is confirmed.
    pub(crate) fn confirmed(self) {
        self.confirm.complete(Ok(Position::default()));
    }

    /// The publication isn't confirmed.
    pub(crate) fn fail(self, error: Error) {
        let record = self.record;
        self.confirm.complete(Err(Unconfirmed { error, record }));
    }
}

impl From<Confirm> for Obligation {
    fn from(confirm: Confirm) -> Self {
        Self {
            confirm,
            record: None,
        }
    }
}
