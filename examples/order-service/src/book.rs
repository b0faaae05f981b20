//! The order book: every order and how it ended. It knows nothing of messages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// Where an order stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum Status {
    /// Nothing is decided yet.
    Open,
    /// Stock is reserved and the payment is taken.
    Confirmed,
    /// It can't be delivered, or not be paid.
    Rejected {
        /// Why.
        reason: String,
    },
    /// Its payment could not be processed at all.
    DeadLettered,
}

/// How many orders stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub placed: u64,
    /// Delivered and paid.
    pub confirmed: u64,
    /// Not delivered or not paid.
    pub rejected: u64,
    /// Payment not processed.
    pub dead_lettered: u64,
    /// Orders of which two different ends were reported: always none, or something is broken.
    pub contradictions: u64,
}

impl Counts {
    /// The orders that ended.
    pub fn ended(&self) -> u64 {
        self.confirmed + self.rejected + self.dead_lettered
    }

    /// The orders that didn't end yet.
    pub fn open(&self) -> u64 {
        self.placed - self.ended()
    }

    fn of(&mut self, status: &Status) -> Option<&mut u64> {
        match status {
            Status::Open => None,
            Status::Confirmed => Some(&mut self.confirmed),
            Status::Rejected { .. } => Some(&mut self.rejected),
            Status::DeadLettered => Some(&mut self.dead_lettered),
        }
    }
}

/// The orders. Clones are handles to the same book, which is kept in memory only.
#[derive(Clone, Debug, Default)]
pub struct OrderBook {
    pages: Arc<Mutex<Pages>>,
}

#[derive(Debug, Default)]
struct Pages {
    orders: HashMap<i64, Status>,
    counts: Counts,
}

impl OrderBook {
    /// Opens an order; one that is known already stays as it is.
    pub fn open(&self, order_id: i64) {
        self.pages().status(order_id);
    }

    /// Ends an order. It can be told so more than once, and a dead letter has the last word.
    pub fn end(&self, order_id: i64, end: Status) {
        let mut pages = self.pages();
        let status = pages.status(order_id).clone();
        match (&status, &end) {
            (Status::Open, _) | (Status::Confirmed | Status::Rejected { .. }, Status::DeadLettered) => {}
            (Status::Confirmed, Status::Rejected { .. }) | (Status::Rejected { .. }, Status::Confirmed) => {
                pages.counts.contradictions += 1;
                return;
            }
            _ => return,
        }
        if let Some(count) = pages.counts.of(&status) {
            *count -= 1;
        }
        if let Some(count) = pages.counts.of(&end) {
            *count += 1;
        }
        pages.orders.insert(order_id, end);
    }

    /// Where an order stands; `None` if it was never placed.
    pub fn status(&self, order_id: i64) -> Option<Status> {
        self.pages().orders.get(&order_id).cloned()
    }

    /// How many orders stand where.
    pub fn counts(&self) -> Counts {
        self.pages().counts
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    fn status(&mut self, order_id: i64) -> &Status {
        self.orders.entry(order_id).or_insert_with(|| {
            self.counts.placed += 1;
            Status::Open
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rejected() -> Status {
        Status::Rejected {
            reason: "sold out".to_owned(),
        }
    }

    /// The status and the counts after an order met the given ends.
    fn after(ends: &[Status]) -> (Status, Counts) {
        let book = OrderBook::default();
        book.open(1);
        for end in ends {
            book.end(1, end.clone());
        }
        (book.status(1).unwrap(), book.counts())
    }

    #[test]
    fn an_order_is_open_until_it_ends() {
        let (status, counts) = after(&[]);
        assert_eq!((status, counts.open(), counts.ended()), (Status::Open, 1, 0));
        let (status, counts) = after(&[Status::Confirmed]);
        assert_eq!(
            (status, counts.open(), counts.confirmed),
            (Status::Confirmed, 0, 1)
        );
        assert_eq!(OrderBook::default().status(1), None);
    }

    #[test]
    fn an_end_that_is_reported_again_counts_once() {
        for end in [Status::Confirmed, rejected(), Status::DeadLettered] {
            assert_eq!(after(&[end.clone(), end.clone()]), after(&[end]));
        }
    }

    #[test]
    fn a_dead_letter_has_the_last_word() {
        for end in [Status::Confirmed, rejected()] {
            let dead = after(&[Status::DeadLettered]);
            assert_eq!(after(&[end.clone(), Status::DeadLettered]), dead);
            assert_eq!(after(&[Status::DeadLettered, end]), dead);
        }
    }

    #[test]
    fn two_different_ends_are_noticed() {
        assert_eq!(after(&[Status::Confirmed, rejected()]).1.contradictions, 1);
        assert_eq!(after(&[rejected(), Status::Confirmed]).1.contradictions, 1);
    }

    #[test]
    fn an_end_that_overtakes_its_order_holds() {
        let book = OrderBook::default();
        book.end(1, Status::Confirmed);
        book.open(1);
        assert_eq!(book.status(1), Some(Status::Confirmed));
        assert_eq!(book.counts().placed, 1);
    }
}
