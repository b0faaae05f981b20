//! What the shop starts with: customers, stocks and orders of the TPC-H benchmark at scale factor 0.01. The data are
//! generated, and the same on every machine.

use std::sync::LazyLock;

use tpchgen::distribution::Distributions;
use tpchgen::generators::{CustomerGenerator, LineItemGenerator, OrderGenerator, PartSuppGenerator};
use tpchgen::text::TextPool;

use crate::{Cents, OrderLine, OrderPlaced, StockId};

const SCALE_FACTOR: f64 = 0.01;

/// The room between the ids of one pass over the orders and those of the next: order ids are below it.
const IDS_PER_PASS: i64 = 60_001;

/// The generator draws comments from a pool of 300 MB. Nobody reads them here: a small pool gives the same numbers.
static COMMENTS: LazyLock<TextPool> =
    LazyLock::new(|| TextPool::new(10_000, Distributions::static_default()));

/// The customers' account balances, as `(customer, balance)`. Some are negative.
pub fn accounts() -> impl Iterator<Item = (i64, Cents)> {
    let distributions = Distributions::static_default();
    let customers =
        CustomerGenerator::new_with_distributions_and_text_pool(SCALE_FACTOR, 1, 1, distributions, &COMMENTS);
    customers
        .iter()
        .map(|customer| (customer.c_custkey, Cents(customer.c_acctbal.into_inner())))
}

/// The stocks, as `(stock, pieces)`.
pub fn stocks() -> impl Iterator<Item = (StockId, i64)> {
    PartSuppGenerator::new_with_text_pool(SCALE_FACTOR, 1, 1, &COMMENTS)
        .iter()
        .map(|row| {
            let stock = StockId {
                part_id: row.ps_partkey,
                supplier_id: row.ps_suppkey,
            };
            (stock, i64::from(row.ps_availqty))
        })
}

/// How often [`orders`] goes over its 15,000 orders to give `count` of them.
pub fn passes(count: usize) -> usize {
    count.div_ceil(15_000).max(1)
}

/// The first `count` orders. After 15,000 they start over, under new ids.
pub fn orders(count: usize) -> impl Iterator<Item = OrderPlaced> {
    (0..).flat_map(pass).take(count)
}

fn pass(number: i64) -> impl Iterator<Item = OrderPlaced> {
    let distributions = Distributions::static_default();
    let orders =
        OrderGenerator::new_with_distributions_and_text_pool(SCALE_FACTOR, 1, 1, distributions, &COMMENTS);
    let lines =
        LineItemGenerator::new_with_distributions_and_text_pool(SCALE_FACTOR, 1, 1, distributions, &COMMENTS);
    let mut lines = lines.iter().peekable();
    orders.iter().map(move |order| {
        let mut placed = OrderPlaced {
            order_id: order.o_orderkey + number * IDS_PER_PASS,
            customer_id: order.o_custkey,
            total: Cents(order.o_totalprice.into_inner()),
            lines: Vec::new(),
        };
        while let Some(line) = lines.next_if(|line| line.l_orderkey == order.o_orderkey) {
            let stock = StockId {
                part_id: line.l_partkey,
                supplier_id: line.l_suppkey,
            };
            placed.lines.push(OrderLine {
                stock,
                quantity: line.l_quantity,
            });
        }
        placed
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn the_data_are_those_of_tpc_h() {
        let accounts: HashMap<_, _> = accounts().collect();
        assert_eq!(accounts.len(), 1_500);
        assert_eq!(
            accounts.values().filter(|balance| **balance < Cents(0)).count(),
            139
        );

        let stocks: HashMap<_, _> = stocks().collect();
        assert_eq!(stocks.len(), 8_000);

        let orders: Vec<_> = orders(15_000).collect();
        assert_eq!(orders.len(), 15_000);
        assert_eq!(
            orders.iter().map(|order| order.lines.len()).sum::<usize>(),
            60_175
        );
        assert!(
            orders
                .iter()
                .all(|order| accounts.contains_key(&order.customer_id))
        );
        let lines = || orders.iter().flat_map(|order| &order.lines);
        assert!(lines().all(|line| stocks.contains_key(&line.stock) && line.quantity > 0));
        // The first order of every TPC-H data set of this scale factor.
        assert_eq!((orders[0].order_id, orders[0].customer_id), (1, 370));
    }

    #[test]
    fn orders_start_over_under_new_ids() {
        let ids: HashSet<_> = orders(30_000).map(|order| order.order_id).collect();
        assert_eq!(ids.len(), 30_000);
        assert_eq!((passes(0), passes(15_000), passes(15_001)), (1, 1, 2));
    }
}
