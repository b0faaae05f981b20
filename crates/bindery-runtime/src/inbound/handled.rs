//! What a lane has handled in one go: messages whose handlers never had to wait are settled together.
//!
//! Settling takes a lock of the binder's and some counters, which at a million messages a second is most of the work.
//! Nothing is kept while the lane waits for anything: what is handled is settled before that.

use bindery_core::Receipt;

use super::Shared;
use super::load::SourceLoad;
use super::settle;
use super::work::{Receipts, Work};
use crate::metrics::HandlerTimes;

/// How many messages are settled together at most.
const MOST: usize = 256;

/// Messages that are handled and not settled yet.
#[derive(Default)]
pub(crate) struct Handled {
    receipts: Vec<Receipt>,
    bytes: u64,
    /// How many records of each output were confirmed.
    confirmed: Vec<u64>,
    /// How long the handlers took that were not reported yet.
    pub(crate) times: HandlerTimes,
}

impl Handled {
    /// Takes a message whose handler is done, and whose outputs are confirmed.
    pub(crate) fn add(&mut self, work: Work) {
        self.bytes += work.bytes;
        match work.receipts {
            Receipts::One(receipt) => self.receipts.push(receipt),
            Receipts::Many(receipts) => self.receipts.extend(receipts),
        }
    }

    /// Takes a record that was confirmed, by the number of its output.
    pub(crate) fn confirmed(&mut self, output: usize) {
        if self.confirmed.len() <= output {
            self.confirmed.resize(output + 1, 0);
        }
        self.confirmed[output] += 1;
    }

    /// Whether there are as many as are settled together.
    pub(crate) fn is_full(&self) -> bool {
        self.receipts.len() >= MOST
    }

    /// Settles them.
    pub(crate) fn flush(&mut self, shared: &Shared, load: &SourceLoad) {
        shared.metrics.handler_times(&mut self.times);
        if self.receipts.is_empty() {
            return;
        }
        for (output, count) in shared.outputs.iter().zip(&mut self.confirmed) {
            output.metrics.confirmed(std::mem::take(count));
        }
        settle::accept_all(shared, load, &mut self.receipts, std::mem::take(&mut self.bytes));
    }
}
