//! The audit: what must be true when the shop is done, checked across its services.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use inventory_service::Warehouse;
use order_service::{Counts, OrderBook, Status};
use payment_service::Ledger;
use serde::Serialize;
use shop_events::{Cents, OrderPlaced, StockId, grouped};

/// What the services keep. Clones show the same books.
#[derive(Clone, Debug)]
pub struct Books {
    /// The order service's.
    pub orders: OrderBook,
    /// The inventory service's.
    pub warehouse: Warehouse,
    /// The payment service's.
    pub ledger: Ledger,
    /// What was in the warehouse at the start.
    pub stocks: HashMap<StockId, i64>,
}

/// What the audit found. Displayed, it is one line for each invariant.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Audit {
    /// Orders that were to be placed.
    pub orders: u64,
    /// Orders delivered and paid.
    pub confirmed: u64,
    /// Orders not delivered or not paid.
    pub rejected: u64,
    /// Orders whose payment is a dead letter.
    pub dead_lettered: u64,
    /// Orders that didn't end, or ended in two ways.
    pub unended: u64,
    /// Parts that are kept in stock.
    pub parts: u64,
    /// Parts of which more or fewer pieces are left than the confirmed orders explain.
    pub wrong_parts: u64,
    /// The money taken, in cents.
    pub money_taken: Cents,
    /// What the confirmed orders cost, in cents.
    pub money_due: Cents,
    /// Orders that were charged otherwise than they should have been.
    pub wrong_payments: u64,
}

impl Books {
    /// Checks what became of these orders, which are all that were to be placed.
    pub fn audit(&self, placed: &[OrderPlaced]) -> Audit {
        let Counts {
            confirmed,
            rejected,
            dead_lettered,
            contradictions,
            ..
        } = self.orders.counts();
        let orders = placed.len() as u64;
        let status = |order: &OrderPlaced| self.orders.status(order.order_id).unwrap_or(Status::Open);
        let ended = placed
            .iter()
            .filter(|order| status(order) != Status::Open)
            .count() as u64;
        let sold: Vec<_> = placed
            .iter()
            .filter(|order| status(order) == Status::Confirmed)
            .collect();
        let taken = self.ledger.taken();
        let paid = sold
            .iter()
            .filter(|order| taken.get(&order.order_id) == Some(&order.total))
            .count() as u64;
        Audit {
            orders,
            confirmed,
            rejected,
            dead_lettered,
            unended: orders - ended + contradictions,
            parts: parts(self.stocks.keys()),
            wrong_parts: parts(&self.wrong_stocks(&sold)),
            money_taken: taken.values().copied().sum(),
            money_due: sold.iter().map(|order| order.total).sum(),
            wrong_payments: (sold.len() as u64 - paid) + (taken.len() as u64 - paid),
        }
    }

    /// The stocks of which something else is left than what wasn't sold.
    fn wrong_stocks(&self, sold_orders: &[&OrderPlaced]) -> Vec<StockId> {
        let mut sold: HashMap<StockId, i64> = HashMap::new();
        for line in sold_orders.iter().flat_map(|order| &order.lines) {
            *sold.entry(line.stock).or_default() += line.quantity;
        }
        let left = self.warehouse.left();
        let known: BTreeSet<_> = self
            .stocks
            .keys()
            .chain(sold.keys())
            .chain(left.keys())
            .copied()
            .collect();
        let of =
            |pieces: &HashMap<StockId, i64>, stock: &StockId| pieces.get(stock).copied().unwrap_or_default();
        known
            .into_iter()
            .filter(|stock| of(&sold, stock) + of(&left, stock) != of(&self.stocks, stock))
            .collect()
    }
}

fn parts<'a>(stocks: impl IntoIterator<Item = &'a StockId>) -> u64 {
    stocks
        .into_iter()
        .map(|stock| stock.part_id)
        .collect::<BTreeSet<_>>()
        .len() as u64
}

impl Audit {
    /// Whether every order ended once.
    pub fn orders_ok(&self) -> bool {
        self.unended == 0 && self.confirmed + self.rejected + self.dead_lettered == self.orders
    }

    /// Whether what was sold and what is left is what was there at the start.
    pub fn stock_ok(&self) -> bool {
        self.wrong_parts == 0
    }

    /// Whether the confirmed orders are paid, and no other.
    pub fn money_ok(&self) -> bool {
        self.wrong_payments == 0 && self.money_taken == self.money_due
    }

    /// Whether all of it is as it must be.
    pub fn ok(&self) -> bool {
        self.orders_ok() && self.stock_ok() && self.money_ok()
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (orders, confirmed, rejected) = (
            grouped(self.orders),
            grouped(self.confirmed),
            grouped(self.rejected),
        );
        let dead = grouped(self.dead_lettered);
        let sum = format!("{orders} = {confirmed} confirmed + {rejected} rejected + {dead} dead-lettered");
        line(f, "every order ended once", &sum, self.orders_ok(), || {
            format!("{} did not, or ended twice", grouped(self.unended))
        })?;
        let parts = format!("{} parts", grouped(self.parts));
        line(f, "stock: sold + left = start", &parts, self.stock_ok(), || {
            format!("wrong for {}", grouped(self.wrong_parts))
        })?;
        let money = self.money_taken.to_string();
        line(
            f,
            "money: taken = sum of confirmed",
            &money,
            self.money_ok(),
            || {
                format!(
                    "{} is due, {} payments are wrong",
                    self.money_due,
                    grouped(self.wrong_payments)
                )
            },
        )
    }
}

/// One invariant as a line: what it says, its figures, whether it holds.
pub(crate) fn line(
    f: &mut impl fmt::Write,
    invariant: &str,
    figures: &str,
    ok: bool,
    problem: impl FnOnce() -> String,
) -> fmt::Result {
    let verdict = if ok {
        "ok".to_owned()
    } else {
        format!("WRONG: {}", problem())
    };
    writeln!(f, "{invariant:<33} {figures:<69} {verdict}")
}

#[cfg(test)]
mod tests {
    use shop_events::{OrderLine, StockReserved};

    use super::*;

    const STOCK: StockId = StockId {
        part_id: 1,
        supplier_id: 2,
    };

    /// A shop with two orders of two pieces each; the first one is confirmed, the second one rejected.
    fn shop() -> (Books, Vec<OrderPlaced>) {
        let lines = vec![OrderLine {
            stock: STOCK,
            quantity: 2,
        }];
        let order = |order_id| OrderPlaced {
            order_id,
            customer_id: 1,
            total: Cents(50),
            lines: lines.clone(),
        };
        let orders = vec![order(1), order(2)];
        let stocks = HashMap::from([(STOCK, 3)]);
        let books = Books {
            orders: OrderBook::default(),
            warehouse: Warehouse::new(stocks.clone()),
            ledger: Ledger::new([(1, Cents(100))]),
            stocks,
        };
        books.ledger.charge(&books.warehouse.reserve(&orders[0]).unwrap());
        books.orders.end(1, Status::Confirmed);
        books.orders.end(
            2,
            Status::Rejected {
                reason: "sold out".to_owned(),
            },
        );
        (books, orders)
    }

    #[test]
    fn a_shop_whose_books_agree_passes() {
        let (books, orders) = shop();
        let audit = books.audit(&orders);
        assert!(audit.ok(), "{audit}");
        assert_eq!(
            audit.to_string(),
            "every order ended once            2 = 1 confirmed + 1 rejected + 0 dead-lettered                        ok\n\
             stock: sold + left = start        1 parts                                                               ok\n\
             money: taken = sum of confirmed   0.50                                                                  ok\n"
        );
    }

    #[test]
    fn an_order_that_did_not_end_is_found() {
        let (books, mut orders) = shop();
        orders.push(OrderPlaced {
            order_id: 3,
            ..orders[0].clone()
        });
        let audit = books.audit(&orders);
        assert!(!audit.orders_ok() && audit.stock_ok() && audit.money_ok());
        assert!(
            audit.to_string().contains("WRONG: 1 did not, or ended twice"),
            "{audit}"
        );
    }

    #[test]
    fn stock_that_was_lost_is_found() {
        let (books, orders) = shop();
        books.warehouse.release(1);
        let audit = books.audit(&orders);
        assert!(audit.orders_ok() && !audit.stock_ok() && audit.money_ok());
    }

    #[test]
    fn money_that_was_taken_for_a_rejected_order_is_found() {
        let (books, orders) = shop();
        let reserved = StockReserved {
            order_id: 2,
            customer_id: 1,
            total: Cents(50),
        };
        books.ledger.charge(&reserved);
        assert!(!books.audit(&orders).money_ok());
    }

    #[test]
    fn a_confirmed_order_that_was_not_paid_is_found() {
        let (books, orders) = shop();
        books.ledger.refund(1);
        assert!(!books.audit(&orders).money_ok());
    }
}
