//! The message: an order as JSON, padded to a size.

use serde::{Deserialize, Serialize};

use crate::meter::now;

/// An order. It says where it stands in its partition or queue, so that whoever reads it can check the order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its number in the whole run.
    pub id: u64,
    /// The partition it is fed into; 0 for a queue.
    pub partition: u32,
    /// Its place in that partition, from 0 without gaps.
    pub sequence: u64,
    /// When it was meant to be sent, in microseconds since 1970.
    pub sent: u64,
    /// Who ordered.
    pub customer: String,
    /// What it costs, in cents.
    pub amount: u64,
    /// What was ordered.
    pub lines: Vec<OrderLine>,
    /// Fills the message up to its size.
    pub note: String,
}

/// A position of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// The article.
    pub sku: String,
    /// How many.
    pub quantity: u32,
    /// What one costs, in cents.
    pub price: u64,
}

impl Order {
    /// An order whose JSON has `bytes` bytes, or as few as an order can have.
    pub fn sample(id: u64, partition: u32, sequence: u64, sent: u64, bytes: usize) -> Self {
        let mut order = Self {
            id,
            partition,
            sequence,
            sent,
            customer: format!("customer-{:06}", id % 1_000_000),
            amount: 0,
            lines: (0..3)
                .map(|line| OrderLine {
                    sku: format!("sku-{:05}", (id + line) % 100_000),
                    quantity: u32::try_from(line + 1).unwrap_or(1),
                    price: 1_250 + line,
                })
                .collect(),
            note: String::new(),
        };
        let bare = serde_json::to_vec(&order).map_or(0, |json| json.len());
        order.note = "x".repeat(bytes.saturating_sub(bare));
        order
    }

    /// Makes it the order of this number, sent now, for a program that publishes by itself.
    pub fn renew(&mut self, id: u64) {
        self.id = id;
        self.sequence = id;
        self.sent = now();
    }

    /// What a service makes of it: the same order with its sum.
    pub fn priced(mut self) -> Self {
        self.amount = self
            .lines
            .iter()
            .map(|line| u64::from(line.quantity) * line.price)
            .sum();
        self
    }

    /// Its partition key: there are 1,000 of them, where the customers are not the keys.
    pub fn key(&self) -> String {
        format!("key-{:03}", self.id % 1_000)
    }

    /// A customer who is a key, where a scenario is about few keys.
    pub fn numbered_key(number: usize) -> String {
        format!("key-{number:03}")
    }

    /// The number of such a key; 0 for every other customer.
    pub fn key_number(&self) -> usize {
        let number = self.customer.strip_prefix("key-");
        number.and_then(|number| number.parse().ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_the_size_that_was_asked_for() {
        for bytes in [512, 1_024, 100 * 1_024] {
            for id in [0, 999, 12_345_678] {
                let order = Order::sample(id, 3, id, 1_764_000_000_000_000, bytes);
                assert_eq!(serde_json::to_vec(&order).unwrap_or_default().len(), bytes);
            }
        }
    }

    #[test]
    fn the_number_of_a_key_is_read_from_the_customer() {
        let of = |customer: String| {
            Order {
                customer,
                ..Order::default()
            }
            .key_number()
        };
        assert_eq!([7, 200].map(Order::numbered_key).map(of), [7, 200]);
        assert_eq!(of("customer-000007".to_owned()), 0);
    }

    #[test]
    fn a_priced_order_has_its_sum() {
        assert_eq!(
            Order::sample(0, 0, 0, 0, 512).priced().amount,
            1_250 + 2 * 1_251 + 3 * 1_252
        );
    }
}
