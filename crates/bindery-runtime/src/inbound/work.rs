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

/// Messages that came together, each to be processed by itself. They stay where they are until the last is settled, which
/// saves an allocation and two copies of each; that is why a run is short.
#[derive(Debug, Default)]
pub(crate) struct Run {
    messages: SharedMessages,
    receipts: std::vec::IntoIter<Receipt>,
}

impl Run {
    /// How many messages a run has at most.
    const MOST: usize = 32;

    /// Takes the first of the deliveries.
    pub(crate) fn of(deliveries: &mut std::vec::IntoIter<Delivery>) -> Self {
        let mut receipts = Vec::with_capacity(deliveries.len().min(Self::MOST));
        let messages = deliveries.by_ref().take(Self::MOST).map(|delivery| {
            receipts.push(delivery.receipt);
            delivery.message
        });
        Self {
            messages: messages.collect(),
            receipts: receipts.into_iter(),
        }
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
