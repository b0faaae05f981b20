//! Orders: takes them over HTTP, and follows each one until it ends.
//!
//! `config/order/application.yaml` says which destinations the listeners are connected to.

mod api;
mod book;

use bindery::prelude::*;
use bindery::{Application, StreamBridge};
use shop_events::{OrderPlaced, PaymentDeclined, PaymentTaken, StockRejected, StockReserved};
use tracing::debug;

pub use api::router;
pub use book::{Counts, OrderBook, Status};

/// The service: its state and its listeners.
pub fn application(book: OrderBook) -> Application {
    Application::new()
        .state(book)
        .listeners(listeners![confirm, reject_unavailable, reject_unpaid, give_up])
}

/// The front door: where orders are placed.
#[derive(Clone, Debug)]
pub struct Orders {
    book: OrderBook,
    bridge: StreamBridge,
}

impl Orders {
    /// A front door that notes orders in `book` and publishes them through `bridge`.
    pub fn new(book: OrderBook, bridge: StreamBridge) -> Self {
        Self { book, bridge }
    }

    /// Places an order, and returns when the broker has it for good.
    ///
    /// # Errors
    /// When the broker doesn't take it. Placing it again is safe: an order is carried out once.
    pub async fn place(&self, order: OrderPlaced) -> bindery::Result {
        debug!(order.id = order.order_id, "placed");
        self.book.open(order.order_id);
        self.bridge.send("place_order-out-0", order).await?;
        Ok(())
    }
}

/// A paid order is confirmed.
#[stream_listener]
pub async fn confirm(paid: PaymentTaken, book: State<OrderBook>) {
    debug!(order.id = paid.order_id, "confirmed");
    book.end(paid.order_id, Status::Confirmed);
}

/// An order that isn't in stock is rejected.
#[stream_listener]
pub async fn reject_unavailable(rejected: StockRejected, book: State<OrderBook>) {
    let (stock, left) = (rejected.line.stock, rejected.left);
    let (wanted, part, supplier) = (rejected.line.quantity, stock.part_id, stock.supplier_id);
    let reason = format!("{wanted} of part {part} from supplier {supplier} are wanted, {left} are left");
    debug!(order.id = rejected.order_id, reason, "rejected");
    book.end(rejected.order_id, Status::Rejected { reason });
}

/// An order that the customer can't pay is rejected.
#[stream_listener]
pub async fn reject_unpaid(declined: PaymentDeclined, book: State<OrderBook>) {
    let reason = format!(
        "{} is to be paid, the credit is {}",
        declined.amount, declined.credit
    );
    debug!(order.id = declined.order_id, reason, "rejected");
    book.end(declined.order_id, Status::Rejected { reason });
}

/// An order whose payment became a dead letter is given up.
#[stream_listener]
pub async fn give_up(reserved: StockReserved, book: State<OrderBook>) {
    debug!(
        order.id = reserved.order_id,
        "given up: the payment is a dead letter"
    );
    book.end(reserved.order_id, Status::DeadLettered);
}
