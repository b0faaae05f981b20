//! The warehouse: what is in stock, and what became of each order. It knows nothing of messages.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shop_events::{OrderLine, OrderPlaced, StockId, StockRejected, StockReserved, data};

/// The stocks and the orders served from them. Clones are handles to the same warehouse.
///
/// Events can arrive more than once, so each order is decided once, and asking again gives the same answer. All of it
/// is kept in memory: a restarted service starts with full stocks.
#[derive(Clone, Debug, Default)]
pub struct Warehouse {
    books: Arc<Mutex<Books>>,
}

#[derive(Debug, Default)]
struct Books {
    left: HashMap<StockId, i64>,
    orders: HashMap<i64, Decision>,
}

/// What became of an order.
#[derive(Debug)]
enum Decision {
    Reserved(Vec<OrderLine>),
    Rejected(StockRejected),
    Released,
}

impl Warehouse {
    /// A warehouse with the given pieces in stock.
    pub fn new(stocks: impl IntoIterator<Item = (StockId, i64)>) -> Self {
        let left = stocks.into_iter().collect();
        let books = Books {
            left,
            orders: HashMap::new(),
        };
        Self {
            books: Arc::new(Mutex::new(books)),
        }
    }

    /// The warehouse of the shop, stocked for so many passes over its orders.
    pub fn stocked(passes: usize) -> Self {
        let times = i64::try_from(passes).unwrap_or(i64::MAX);
        Self::new(data::stocks().map(|(stock, pieces)| (stock, pieces.saturating_mul(times))))
    }

    /// Takes every line of an order from its stock, or nothing at all.
    ///
    /// # Errors
    /// When a stock has too little: the answer names the first such line.
    pub fn reserve(&self, order: &OrderPlaced) -> Result<StockReserved, StockRejected> {
        let Books { left, orders } = &mut *self.books();
        let decision = orders
            .entry(order.order_id)
            .or_insert_with(|| match take(left, order) {
                Ok(()) => Decision::Reserved(order.lines.clone()),
                Err(rejected) => Decision::Rejected(rejected),
            });
        match decision {
            Decision::Rejected(rejected) => Err(rejected.clone()),
            Decision::Reserved(_) | Decision::Released => Ok(StockReserved {
                order_id: order.order_id,
                customer_id: order.customer_id,
                total: order.total,
            }),
        }
    }

    /// Puts back what was reserved for an order. Does nothing if nothing is; an order that comes later gets nothing.
    pub fn release(&self, order_id: i64) {
        let Books { left, orders } = &mut *self.books();
        let decision = orders.entry(order_id).or_insert(Decision::Released);
        if let Decision::Reserved(lines) = decision {
            for line in lines.iter() {
                *left.entry(line.stock).or_default() += line.quantity;
            }
            *decision = Decision::Released;
        }
    }

    /// The pieces left in each stock.
    pub fn left(&self) -> HashMap<StockId, i64> {
        self.books().left.clone()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn take(left: &mut HashMap<StockId, i64>, order: &OrderPlaced) -> Result<(), StockRejected> {
    for (index, line) in order.lines.iter().enumerate() {
        let stock = left.entry(line.stock).or_default();
        if (0..=*stock).contains(&line.quantity) {
            *stock -= line.quantity;
            continue;
        }
        let rejected = StockRejected {
            order_id: order.order_id,
            line: line.clone(),
            left: *stock,
        };
        for taken in &order.lines[..index] {
            *left.entry(taken.stock).or_default() += taken.quantity;
        }
        return Err(rejected);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use shop_events::Cents;

    use super::*;

    const BOLTS: StockId = StockId {
        part_id: 1,
        supplier_id: 1,
    };
    const NUTS: StockId = StockId {
        part_id: 2,
        supplier_id: 1,
    };

    fn order(order_id: i64, lines: &[(StockId, i64)]) -> OrderPlaced {
        let lines = lines.iter().map(|(stock, quantity)| OrderLine {
            stock: *stock,
            quantity: *quantity,
        });
        OrderPlaced {
            order_id,
            customer_id: 1,
            total: Cents(100),
            lines: lines.collect(),
        }
    }

    fn left(warehouse: &Warehouse) -> (i64, i64) {
        let left = warehouse.left();
        (left[&BOLTS], left[&NUTS])
    }

    #[test]
    fn a_line_takes_from_its_stock() {
        let warehouse = Warehouse::new([(BOLTS, 10), (NUTS, 10)]);
        assert!(
            warehouse
                .reserve(&order(1, &[(BOLTS, 4), (NUTS, 1), (BOLTS, 6)]))
                .is_ok()
        );
        assert_eq!(left(&warehouse), (0, 9));
    }

    #[test]
    fn an_order_that_one_stock_cannot_serve_takes_nothing() {
        let warehouse = Warehouse::new([(BOLTS, 10), (NUTS, 10)]);
        let rejected = warehouse
            .reserve(&order(1, &[(BOLTS, 6), (NUTS, 1), (BOLTS, 6)]))
            .unwrap_err();
        assert_eq!((rejected.line.stock, rejected.left), (BOLTS, 4));
        assert!(warehouse.reserve(&order(2, &[(NUTS, -1)])).is_err());
        assert_eq!(left(&warehouse), (10, 10));
    }

    #[test]
    fn an_order_that_comes_again_gets_the_same_answer_and_takes_nothing_more() {
        let warehouse = Warehouse::new([(BOLTS, 10), (NUTS, 10)]);
        let (large, small) = (order(1, &[(BOLTS, 11)]), order(2, &[(BOLTS, 6)]));
        let answers = [&large, &small, &large, &small].map(|order| warehouse.reserve(order).is_ok());
        assert_eq!(answers, [false, true, false, true]);
        assert_eq!(left(&warehouse), (4, 10));
    }

    #[test]
    fn stock_is_released_once_and_never_taken_again() {
        let warehouse = Warehouse::new([(BOLTS, 10), (NUTS, 10)]);
        let order = order(1, &[(BOLTS, 6)]);
        warehouse.reserve(&order).unwrap();
        warehouse.release(1);
        warehouse.release(1);
        assert!(warehouse.reserve(&order).is_ok());
        assert_eq!(left(&warehouse), (10, 10));
    }

    #[test]
    fn a_release_that_overtakes_its_order_holds() {
        let warehouse = Warehouse::new([(BOLTS, 10), (NUTS, 10)]);
        warehouse.release(1);
        assert!(warehouse.reserve(&order(1, &[(BOLTS, 6)])).is_ok());
        assert_eq!(left(&warehouse), (10, 10));
    }
}
