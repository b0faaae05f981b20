//! The ledger: what customers may spend, and what became of each payment. It knows nothing of messages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shop_events::{Cents, PaymentDeclined, PaymentTaken, StockReserved, data};

/// What every customer whose balance isn't negative may spend.
const BASE_CREDIT: Cents = Cents::whole(2_000_000);

/// What each cent of balance adds to that, in cents.
const CREDIT_PER_CENT: i64 = 400;

/// A customer's credit line: 2,000,000.00 and 400 times the account balance; nothing when the balance is negative.
///
/// A customer of the shop orders for about 2,100,000.00 altogether: most can pay all of it, some run out towards the
/// end, and those with a negative balance are always declined.
pub fn credit_line(balance: Cents) -> Cents {
    if balance < Cents(0) {
        return Cents(0);
    }
    BASE_CREDIT + Cents(balance.0.saturating_mul(CREDIT_PER_CENT))
}

/// The customers' credit and the payments made with it. Clones are handles to the same ledger.
///
/// Events can arrive more than once, so each order is decided once, and asking again gives the same answer. All of it
/// is kept in memory: a restarted service starts with full credit lines.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    books: Arc<Mutex<Books>>,
}

#[derive(Debug, Default)]
struct Books {
    credit: HashMap<i64, Cents>,
    payments: HashMap<i64, Payment>,
}

#[derive(Debug)]
enum Payment {
    Taken { customer_id: i64, amount: Cents },
    Declined { credit: Cents },
    Refunded,
}

/// The answer to a charge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charge {
    /// The price was taken.
    Taken(PaymentTaken),
    /// The credit doesn't cover it; nothing was taken.
    Declined(PaymentDeclined),
    /// The order was given up; nothing is taken for it any more.
    Refunded,
}

impl Ledger {
    /// A ledger with the given credit for each customer.
    pub fn new(credit: impl IntoIterator<Item = (i64, Cents)>) -> Self {
        let books = Books {
            credit: credit.into_iter().collect(),
            payments: HashMap::new(),
        };
        Self {
            books: Arc::new(Mutex::new(books)),
        }
    }

    /// The ledger of the shop, with credit for so many passes over its orders.
    pub fn opened(passes: usize) -> Self {
        let times = i64::try_from(passes).unwrap_or(i64::MAX);
        let credit = |balance| Cents(credit_line(balance).0.saturating_mul(times));
        Self::new(data::accounts().map(|(customer_id, balance)| (customer_id, credit(balance))))
    }

    /// Takes the price of an order from the customer's credit.
    pub fn charge(&self, reserved: &StockReserved) -> Charge {
        let Books { credit, payments } = &mut *self.books();
        let (order_id, customer_id, amount) = (reserved.order_id, reserved.customer_id, reserved.total);
        let payment = payments
            .entry(order_id)
            .or_insert_with(|| match credit.get_mut(&customer_id) {
                Some(credit) if (Cents(0)..=*credit).contains(&amount) => {
                    *credit -= amount;
                    Payment::Taken { customer_id, amount }
                }
                credit => Payment::Declined {
                    credit: credit.copied().unwrap_or_default(),
                },
            });
        match *payment {
            Payment::Taken { amount, .. } => Charge::Taken(PaymentTaken { order_id, amount }),
            Payment::Declined { credit } => Charge::Declined(PaymentDeclined {
                order_id,
                amount,
                credit,
            }),
            Payment::Refunded => Charge::Refunded,
        }
    }

    /// Gives back what was taken for an order, if anything was, and takes nothing for it from then on.
    pub fn refund(&self, order_id: i64) {
        let Books { credit, payments } = &mut *self.books();
        if let Some(Payment::Taken { customer_id, amount }) = payments.insert(order_id, Payment::Refunded) {
            *credit.entry(customer_id).or_default() += amount;
        }
    }

    /// What was taken for each order that is paid.
    pub fn taken(&self) -> HashMap<i64, Cents> {
        let books = self.books();
        let payments = books.payments.iter();
        payments
            .filter_map(|(order_id, payment)| match payment {
                Payment::Taken { amount, .. } => Some((*order_id, *amount)),
                Payment::Declined { .. } | Payment::Refunded => None,
            })
            .collect()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reserved(order_id: i64, customer_id: i64, total: i64) -> StockReserved {
        StockReserved {
            order_id,
            customer_id,
            total: Cents(total),
        }
    }

    #[test]
    fn a_negative_balance_has_no_credit() {
        assert_eq!(credit_line(Cents(-1)), Cents(0));
        assert_eq!(credit_line(Cents(0)), Cents::whole(2_000_000));
        assert_eq!(credit_line(Cents::whole(1)), Cents::whole(2_000_400));
    }

    /// Whether the price is taken.
    fn pays(ledger: &Ledger, reserved: &StockReserved) -> bool {
        matches!(ledger.charge(reserved), Charge::Taken(_))
    }

    #[test]
    fn a_payment_is_taken_from_the_credit_until_it_is_used_up() {
        let ledger = Ledger::new([(7, Cents(100))]);
        let taken = PaymentTaken {
            order_id: 1,
            amount: Cents(60),
        };
        assert_eq!(ledger.charge(&reserved(1, 7, 60)), Charge::Taken(taken));
        let declined = PaymentDeclined {
            order_id: 2,
            amount: Cents(41),
            credit: Cents(40),
        };
        assert_eq!(ledger.charge(&reserved(2, 7, 41)), Charge::Declined(declined));
        assert!(pays(&ledger, &reserved(3, 7, 40)));
        assert!(!pays(&ledger, &reserved(4, 8, 1)), "customer 8 is unknown");
        assert!(!pays(&ledger, &reserved(5, 7, -1)), "nobody is paid for ordering");
        assert_eq!(ledger.taken(), HashMap::from([(1, Cents(60)), (3, Cents(40))]));
    }

    #[test]
    fn an_order_that_comes_again_is_not_charged_again() {
        let ledger = Ledger::new([(7, Cents(100))]);
        let answers = [60, 60].map(|total| ledger.charge(&reserved(1, 7, total)));
        assert_eq!(answers[0], answers[1]);
        assert!(pays(&ledger, &reserved(2, 7, 40)));
    }

    #[test]
    fn a_refund_is_given_once_and_for_good() {
        let ledger = Ledger::new([(7, Cents(100))]);
        assert!(pays(&ledger, &reserved(1, 7, 60)));
        ledger.refund(1);
        ledger.refund(1);
        assert_eq!(ledger.charge(&reserved(1, 7, 60)), Charge::Refunded);
        assert!(pays(&ledger, &reserved(2, 7, 100)));
        assert!(!pays(&ledger, &reserved(3, 7, 1)));
    }
}
