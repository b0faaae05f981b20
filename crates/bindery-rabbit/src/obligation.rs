//! What is owed to whoever sent a publication: an answer, and the record with it where it isn't confirmed.

use bindery_core::{Confirm, Error, ErrorKind, OutboundRecord, Position, Unconfirmed};

/// An answer that is owed, exactly once. Where it is dropped nobody knows what became of the publication, and the record comes
/// back.
pub(crate) struct Obligation {
    /// Taken by the answer.
    confirm: Option<Confirm>,
    /// Nothing for what doesn't come back, as a dead letter.
    record: Option<Box<OutboundRecord>>,
}

impl Obligation {
    /// The record comes back when it isn't confirmed. Its payload is shared with what is published.
    pub(crate) fn giving_back(record: Box<OutboundRecord>, confirm: Confirm) -> Self {
        Self {
            confirm: Some(confirm),
            record: Some(record),
        }
    }

    /// The publication is confirmed.
    pub(crate) fn confirmed(mut self) {
        self.answer(Ok(Position::default()));
    }

    /// The publication isn't confirmed.
    pub(crate) fn fail(mut self, error: Error) {
        self.give_back(error);
    }

    fn give_back(&mut self, error: Error) {
        let record = self.record.take();
        self.answer(Err(Unconfirmed { error, record }));
    }

    fn answer(&mut self, answer: Result<Position, Unconfirmed>) {
        if let Some(confirm) = self.confirm.take() {
            confirm.complete(answer);
        }
    }
}

impl Drop for Obligation {
    fn drop(&mut self) {
        if self.confirm.is_some() {
            let error = "the publication ended without an answer from the broker";
            self.give_back(Error::temporary(ErrorKind::Unavailable, error));
        }
    }
}

impl From<Confirm> for Obligation {
    fn from(confirm: Confirm) -> Self {
        Self {
            confirm: Some(confirm),
            record: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use bindery_core::{ConfirmSink, Headers};

    use super::*;

    #[derive(Default)]
    struct Answers(Mutex<Vec<(u64, Option<Box<OutboundRecord>>)>>);

    impl ConfirmSink for Answers {
        fn confirmed(&self, token: u64, result: Result<Position, Unconfirmed>) {
            let record = result.err().and_then(|unconfirmed| unconfirmed.record);
            self.0.lock().unwrap().push((token, record));
        }
    }

    #[test]
    fn a_record_comes_back_unless_it_is_confirmed() {
        let record = Box::new(OutboundRecord {
            payload: Some("a".into()),
            key: Some("k".into()),
            headers: Headers::new(),
            partition: Some(1),
            routing_key: None,
        });
        let answers = Arc::new(Answers::default());
        let owed = |token| Obligation::giving_back(record.clone(), Confirm::new(answers.clone(), token));
        owed(0).confirmed();
        owed(1).fail(Error::temporary(ErrorKind::Timeout, "too late"));
        drop(owed(2));
        drop(Obligation::from(Confirm::new(answers.clone(), 3)));
        let expected = [
            (0, None),
            (1, Some(record.clone())),
            (2, Some(record.clone())),
            (3, None),
        ];
        assert_eq!(*answers.0.lock().unwrap(), expected);
    }
}
