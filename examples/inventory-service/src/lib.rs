//! Inventory: reserves stock for placed orders, and gives it back when an order isn't paid.
//!
//! `config/inventory/application.yaml` says which destinations the listeners are connected to.

mod warehouse;

use bindery::prelude::*;
use shop_events::{OrderPlaced, PaymentDeclined, StockRejected, StockReserved};
use tracing::debug;

pub use warehouse::Warehouse;

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
