//! Orders: takes them over HTTP, and follows each one until it ends.
//!
//! `config/order/application.yaml` says which destinations the listeners are connected to.

mod book;

use bindery::prelude::*;
use shop_events::{PaymentDeclined, PaymentTaken, StockRejected, StockReserved};
use tracing::debug;

pub use book::{Counts, OrderBook, Status};

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
