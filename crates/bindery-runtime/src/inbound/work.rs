//! Work: what a lane processes at a time, one message or a batch, with the receipts to settle it by.

use bindery_core::{Delivery, Input, RawMessage, Receipt, SharedMessage, SharedMessages};

/// The receipts of the messages of one piece of work, in their order.
#[derive(Debug)]
pub(crate) enum Receipts {
    One(Receipt),
    Many(Vec<Receipt>),
}

/// The messages of an input.
pub(crate) fn messages(input: &Input) -> &[RawMessage] {
    match input {
        Input::Nothing => &[],
        Input::One(message) => std::slice::from_ref(message),
        Input::Batch(messages) => messages,
    }
}

/// One message or one batch, delivered and not settled.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) input: Input,
    pub(crate) receipts: Receipts,
    pub(crate) bytes: u64,
}

impl Work {
    pub(crate) fn one(delivery: Delivery) -> Self {
        Self::single(delivery.message.into(), delivery.receipt)
    }

    fn single(message: SharedMessage, receipt: Receipt) -> Self {
        let bytes = message.size_bytes() as u64;
        Self {
            input: Input::One(message),
            receipts: Receipts::One(receipt),
            bytes,
        }
    }

    pub(crate) fn batch(deliveries: Vec<Delivery>) -> Self {
        let bytes = deliveries
            .iter()
            .map(|delivery| delivery.message.size_bytes() as u64)
            .sum();
        let (messages, receipts): (Vec<_>, Vec<_>) = deliveries
            .into_iter()
            .map(|delivery| (delivery.message, delivery.receipt))
            .unzip();
        Self {
            input: Input::Batch(messages.into()),
            receipts: Receipts::Many(receipts),
            bytes,
        }
    }

    /// The position of its first message.
    pub(crate) fn position(&self) -> u64 {
        match &self.receipts {
            Receipts::One(receipt) => receipt.position,
            Receipts::Many(receipts) => receipts.first().map_or(0, |receipt| receipt.position),
        }
    }

    pub(crate) fn messages(&self) -> &[RawMessage] {
        messages(&self.input)
    }

    pub(crate) fn len(&self) -> usize {
        self.messages().len()
    }

    /// The messages one by one: how a poisoned message is told from its neighbours in a batch.
    pub(crate) fn split(self) -> Vec<Self> {
        let receipts = match self.receipts {
            Receipts::One(receipt) => vec![receipt],
            Receipts::Many(receipts) => receipts,
        };
        let messages = match self.input {
            Input::Nothing => Vec::new(),
            Input::One(message) => vec![(*message).clone()],
            Input::Batch(messages) => messages.to_vec(),
        };
        let single = |(message, receipt): (RawMessage, Receipt)| {
            let bytes = message.size_bytes() as u64;
            Self {
                input: Input::Batch([message].into()),
                receipts: Receipts::Many(vec![receipt]),
                bytes,
            }
        };
        messages.into_iter().zip(receipts).map(single).collect()
    }
}

/// Messages that came together, each to be processed by itself. They stay where they are until the last of them is settled,
/// in place of a copy and an allocation for each; a run is short because one that stays open keeps all.
#[derive(Debug, Default)]
pub(crate) struct Run {
    messages: SharedMessages,
    receipts: std::vec::IntoIter<Receipt>,
}

impl Run {
    /// How many messages a run has at most.
    const MOST: usize = 32;
    /// How many bytes the messages of a run have at most, unless there is one only.
    const MOST_BYTES: usize = 64 << 10;

    /// The first delivery, and as many of those that follow it as a run may have; empty only where there are none.
    pub(crate) fn of(deliveries: &mut std::vec::IntoIter<Delivery>) -> Self {
        let length = Self::fitting(deliveries.as_slice());
        let mut receipts = Vec::with_capacity(length);
        let messages = deliveries.take(length).map(|delivery| {
            receipts.push(delivery.receipt);
            delivery.message
        });
        Self {
            messages: messages.collect(),
            receipts: receipts.into_iter(),
        }
    }

    fn fitting(deliveries: &[Delivery]) -> usize {
        let mut bytes = 0;
        let fitting = deliveries.iter().take(Self::MOST).take_while(|delivery| {
            bytes += delivery.message.size_bytes();
            bytes <= Self::MOST_BYTES
        });
        // One that is too large goes alone: who takes runs would never come to an end with one that is empty.
        fitting.count().max(1)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.receipts.len() == 0
    }
}

impl Iterator for Run {
    type Item = Work;

    fn next(&mut self) -> Option<Work> {
        let message = self.messages.next()?;
        let receipt = self.receipts.next()?;
        Some(Work::single(message, receipt))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use bindery_core::{Headers, Origin, Source};
    use bytes::Bytes;

    use super::*;

    /// Deliveries with payloads of so many bytes, whose positions count up.
    pub(in super::super) fn deliveries(bytes: &[usize]) -> std::vec::IntoIter<Delivery> {
        let source = Source::new(0, 0, "orders", None);
        let delivery = |(position, bytes): (u64, &usize)| Delivery {
            message: RawMessage {
                payload: Some(Bytes::from(vec![0; *bytes])),
                key: None,
                headers: Headers::new(),
                origin: Origin {
                    position,
                    ..Origin::default()
                },
            },
            receipt: source.receipt(position),
        };
        let deliveries: Vec<_> = (0..).zip(bytes).map(delivery).collect();
        deliveries.into_iter()
    }

    fn lengths(bytes: &[usize]) -> Vec<usize> {
        let mut deliveries = deliveries(bytes);
        let mut lengths = Vec::new();
        while deliveries.len() > 0 {
            let length = Run::of(&mut deliveries).count();
            assert!(length > 0, "a run takes something");
            lengths.push(length);
        }
        lengths
    }

    fn run(length: usize) -> Run {
        Run::of(&mut deliveries(&vec![7; length]))
    }

    #[test]
    fn runs_are_bounded_by_messages_and_by_bytes() {
        assert_eq!(lengths(&[512; 70]), [32, 32, 6]);
        assert_eq!(lengths(&[30 << 10; 5]), [2, 2, 1]);
        assert_eq!(lengths(&[1 << 20, 10, 10, 1 << 20]), [1, 2, 1]);
    }

    #[test]
    fn each_message_has_its_receipt() {
        let positions: Vec<_> = run(20)
            .map(|work| (work.position(), work.messages()[0].origin.position))
            .collect();
        assert!(
            positions
                .iter()
                .copied()
                .eq((0..20).map(|position| (position, position)))
        );
    }

    #[test]
    fn nothing_of_a_run_is_kept_when_its_last_message_is_gone() {
        let mut run = run(3);
        let first = run.next().unwrap();
        let watched = Arc::downgrade(&first.messages()[0].origin.destination);
        let others: Vec<_> = run.by_ref().collect();
        drop(first);
        assert!(watched.upgrade().is_some() && others.len() == 2);
        drop(others);
        assert!(run.is_empty() && watched.upgrade().is_none());
    }
}
