//! The events of the shop: all that its services know of each other. Every field is an integer on the wire; money is
//! in [`Cents`]. Each event carries the id of its order, which is also what it is partitioned by.
//!
//! | event | published by | when | heard by |
//! | --- | --- | --- | --- |
//! | [`OrderPlaced`] | order | a customer orders | inventory |
//! | [`StockReserved`] | inventory | every line of the order was in stock | payment |
//! | [`StockRejected`] | inventory | one line wasn't: nothing was taken | order |
//! | [`PaymentTaken`] | payment | the customer's credit covers the order | order |
//! | [`PaymentDeclined`] | payment | it doesn't | order; inventory, which gives the stock back |
//!
//! A reservation whose payment fails for good becomes a dead letter. All three services listen to those: inventory
//! gives the stock back, payment whatever it took, and the order ends as dead-lettered.

mod cents;
pub mod data;

use serde::{Deserialize, Serialize};

pub use cents::{Cents, grouped};

/// A customer ordered something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPlaced {
    /// The order.
    pub order_id: i64,
    /// Who ordered.
    pub customer_id: i64,
    /// What the whole order costs.
    pub total: Cents,
    /// What was ordered.
    pub lines: Vec<OrderLine>,
}

/// One line of an order: so many pieces of a part, from one supplier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// Which stock the line takes from.
    #[serde(flatten)]
    pub stock: StockId,
    /// Pieces.
    pub quantity: i64,
}

/// A stock: the pieces of one part that came from one supplier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StockId {
    /// The part.
    pub part_id: i64,
    /// The supplier.
    pub supplier_id: i64,
}

/// The stock for every line of an order is set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReserved {
    /// The order.
    pub order_id: i64,
    /// Who is to pay.
    pub customer_id: i64,
    /// How much.
    pub total: Cents,
}

/// An order can't be delivered; nothing was taken from any stock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockRejected {
    /// The order.
    pub order_id: i64,
    /// The first line for which there wasn't enough.
    pub line: OrderLine,
    /// The pieces that were left for it.
    pub left: i64,
}

/// An order is paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentTaken {
    /// The order.
    pub order_id: i64,
    /// How much was taken.
    pub amount: Cents,
}

/// An order can't be paid; nothing was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentDeclined {
    /// The order.
    pub order_id: i64,
    /// How much was asked for.
    pub amount: Cents,
    /// How much of the customer's credit line was left.
    pub credit: Cents,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_plain_json_with_integers() {
        let stock = StockId {
            part_id: 3,
            supplier_id: 4,
        };
        let order = OrderPlaced {
            order_id: 1,
            customer_id: 2,
            total: Cents(12_345),
            lines: vec![OrderLine { stock, quantity: 5 }],
        };
        let json = r#"{"order_id":1,"customer_id":2,"total":12345,"lines":[{"part_id":3,"supplier_id":4,"quantity":5}]}"#;
        assert_eq!(serde_json::to_string(&order).unwrap(), json);
        assert_eq!(serde_json::from_str::<OrderPlaced>(json).unwrap(), order);
    }
}
