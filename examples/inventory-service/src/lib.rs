//! Inventory: reserves stock for placed orders, and gives it back when an order isn't paid.
//!
//! `config/inventory/application.yaml` says which destinations the listeners are connected to.

mod warehouse;

use bindery::Application;
use bindery::prelude::*;
use shop_events::{OrderPlaced, PaymentDeclined, StockRejected, StockReserved};
use tracing::debug;

pub use warehouse::Warehouse;

/// The service: its state and its listeners.
pub fn application(warehouse: Warehouse) -> Application {
    Application::new()
        .state(warehouse)
        .listeners(listeners![reserve_stock, release_declined, release_dead])
}

/// Reserves the stock for an order; says so, or says why it can't.
#[stream_listener]
pub async fn reserve_stock(
    order: OrderPlaced,
    warehouse: State<Warehouse>,
) -> (Option<StockReserved>, Option<StockRejected>) {
    match warehouse.reserve(&order) {
        Ok(reserved) => {
            debug!(order.id = order.order_id, "stock reserved");
            (Some(reserved), None)
        }
        Err(rejected) => {
            debug!(
                order.id = order.order_id,
                left = rejected.left,
                "stock is too low"
            );
            (None, Some(rejected))
        }
    }
}

/// Gives back the stock of an order that the customer can't pay.
#[stream_listener]
pub async fn release_declined(declined: PaymentDeclined, warehouse: State<Warehouse>) {
    debug!(order.id = declined.order_id, "payment declined: stock released");
    warehouse.release(declined.order_id);
}

/// Gives back the stock of an order whose payment became a dead letter.
#[stream_listener]
pub async fn release_dead(reserved: StockReserved, warehouse: State<Warehouse>) {
    debug!(
        order.id = reserved.order_id,
        "payment dead-lettered: stock released"
    );
    warehouse.release(reserved.order_id);
}

#[cfg(test)]
mod tests {
    use shop_events::{Cents, OrderLine, StockId};

    use super::*;

    #[tokio::test]
    async fn a_listener_is_called_like_any_other_function() {
        let stock = StockId {
            part_id: 1,
            supplier_id: 1,
        };
        let order = |order_id| {
            let lines = vec![OrderLine { stock, quantity: 2 }];
            OrderPlaced {
                order_id,
                customer_id: 1,
                total: Cents(100),
                lines,
            }
        };
        let warehouse = State::new(Warehouse::new([(stock, 3)]));

        let (reserved, rejected) = reserve_stock(order(1), warehouse.clone()).await;
        assert!(reserved.is_some() && rejected.is_none());
        let (reserved, rejected) = reserve_stock(order(2), warehouse.clone()).await;
        assert!(reserved.is_none() && rejected.is_some());

        let declined = PaymentDeclined {
            order_id: 1,
            amount: Cents(100),
            credit: Cents(0),
        };
        release_declined(declined, warehouse.clone()).await;
        assert_eq!(warehouse.left()[&stock], 3);
    }
}
