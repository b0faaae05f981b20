//! The audit: what must be true when the shop is done, checked across its services.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use inventory_service::Warehouse;
use order_service::{Counts, OrderBook, Status};
use payment_service::Ledger;
use serde::Serialize;
use shop_events::{Cents, OrderPlaced, StockId, grouped};

/// What the audit looks at.
#[derive(Debug)]
pub struct Books<'a> {
    /// The orders that were to be placed.
    pub orders: &'a [OrderPlaced],
    /// The stocks at the start.
    pub stocks: &'a HashMap<StockId, i64>,
    /// The order service's book.
    pub book: &'a OrderBook,
    /// The inventory service's warehouse.
    pub warehouse: &'a Warehouse,
    /// The payment service's ledger.
    pub ledger: &'a Ledger,
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

/// Checks the books.
pub fn audit(books: &Books<'_>) -> Audit {
    let Counts {
        confirmed,
        rejected,
        dead_lettered,
        contradictions,
        ..
    } = books.book.counts();
    let is_confirmed = |order: &&OrderPlaced| books.book.status(order.order_id) == Some(Status::Confirmed);
    let confirmed_orders: Vec<_> = books.orders.iter().filter(is_confirmed).collect();
    let orders = books.orders.len() as u64;
    let ended = books
        .orders
        .iter()
        .filter(|order| !matches!(books.book.status(order.order_id), None | Some(Status::Open)));
    let taken = books.ledger.taken();
    let paid_right = confirmed_orders
        .iter()
        .filter(|order| taken.get(&order.order_id) == Some(&order.total));
    let paid_right = paid_right.count() as u64;
    Audit {
        orders,
        confirmed,
        rejected,
        dead_lettered,
        unended: orders - ended.count() as u64 + contradictions,
        parts: parts(books.stocks.keys()),
        wrong_parts: parts(&wrong_stocks(books, &confirmed_orders)),
        money_taken: taken.values().copied().sum(),
        money_due: confirmed_orders.iter().map(|order| order.total).sum(),
        wrong_payments: (confirmed_orders.len() as u64 - paid_right) + (taken.len() as u64 - paid_right),
    }
}

fn wrong_stocks(books: &Books<'_>, confirmed: &[&OrderPlaced]) -> Vec<StockId> {
    let mut sold: HashMap<StockId, i64> = HashMap::new();
    for line in confirmed.iter().flat_map(|order| &order.lines) {
        *sold.entry(line.stock).or_default() += line.quantity;
    }
    let left = books.warehouse.left();
    let of = |pieces: &HashMap<StockId, i64>, stock: &StockId| pieces.get(stock).copied().unwrap_or_default();
    let known: BTreeSet<_> = books
        .stocks
        .keys()
        .chain(sold.keys())
        .chain(left.keys())
        .copied()
        .collect();
    known
        .into_iter()
        .filter(|stock| of(&sold, stock) + of(&left, stock) != of(books.stocks, stock))
        .collect()
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

    struct Fixture {
        orders: Vec<OrderPlaced>,
        stocks: HashMap<StockId, i64>,
        book: OrderBook,
        warehouse: Warehouse,
        ledger: Ledger,
    }

    /// A shop with two orders of two pieces each; the first one is confirmed, the second one rejected.
    fn shop() -> Fixture {
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
        let fixture = Fixture {
            book: OrderBook::default(),
            warehouse: Warehouse::new(stocks.clone()),
            ledger: Ledger::new([(1, Cents(100))]),
            orders,
            stocks,
        };
        fixture
            .ledger
            .charge(&fixture.warehouse.reserve(&fixture.orders[0]).unwrap())
            .unwrap();
        fixture.book.end(1, Status::Confirmed);
        fixture.book.end(
            2,
            Status::Rejected {
                reason: "sold out".to_owned(),
            },
        );
        fixture
    }

    impl Fixture {
        fn audit(&self) -> Audit {
            let Self {
                orders,
                stocks,
                book,
                warehouse,
                ledger,
            } = self;
            audit(&Books {
                orders,
                stocks,
                book,
                warehouse,
                ledger,
            })
        }
    }

    #[test]
    fn a_shop_whose_books_agree_passes() {
        let audit = shop().audit();
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
        let mut shop = shop();
        shop.orders.push(OrderPlaced {
            order_id: 3,
            ..shop.orders[0].clone()
        });
        let audit = shop.audit();
        assert!(!audit.orders_ok() && audit.stock_ok() && audit.money_ok());
        assert!(
            audit.to_string().contains("WRONG: 1 did not, or ended twice"),
            "{audit}"
        );
    }

    #[test]
    fn stock_that_was_lost_is_found() {
        let shop = shop();
        shop.warehouse.release(1);
        let audit = shop.audit();
        assert!(audit.orders_ok() && !audit.stock_ok() && audit.money_ok());
    }

    #[test]
    fn money_that_was_taken_for_a_rejected_order_is_found() {
        let shop = shop();
        let reserved = StockReserved {
            order_id: 2,
            customer_id: 1,
            total: Cents(50),
        };
        shop.ledger.charge(&reserved).unwrap();
        assert!(!shop.audit().money_ok());
    }

    #[test]
    fn a_confirmed_order_that_was_not_paid_is_found() {
        let shop = shop();
        shop.ledger.refund(1);
        assert!(!shop.audit().money_ok());
    }
}
