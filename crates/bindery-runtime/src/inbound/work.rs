//! Work: what a lane processes at a time, one message or a batch, with the receipts to settle it by.

use bindery_core::{Delivery, Input, RawMessage, Receipt};

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
        Input::One(message) => std::slice::from_ref(&**message),
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
        let bytes = delivery.message.size_bytes() as u64;
        Self {
            input: Input::One(Box::new(delivery.message)),
            receipts: Receipts::One(delivery.receipt),
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
            Input::One(message) => vec![*message],
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
