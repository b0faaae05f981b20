//! Payment: charges customers for reserved orders.
//!
//! `config/payment/application.yaml` says which destinations the listeners are connected to.

mod ledger;
mod provider;

use bindery::prelude::*;
use shop_events::{PaymentDeclined, PaymentTaken, StockReserved};
use tracing::debug;

pub use ledger::{Ledger, credit_line};
pub use provider::{Provider, ProviderError};

/// Charges the customer for a reserved order. When the provider fails the message is tried again, and becomes a dead
/// letter in the end: `max-attempts` says when.
#[stream_listener]
pub async fn charge(
    reserved: StockReserved,
    attempt: Attempt,
    provider: State<Provider>,
    ledger: State<Ledger>,
) -> Result<(Option<PaymentTaken>, Option<PaymentDeclined>), ProviderError> {
    let order_id = reserved.order_id;
    provider.authorize(order_id, attempt.0)?;
    Ok(match ledger.charge(&reserved) {
        Ok(taken) => {
            debug!(order.id = order_id, amount = %taken.amount, "payment taken");
            (Some(taken), None)
        }
        Err(declined) => {
            debug!(order.id = order_id, amount = %declined.amount, credit = %declined.credit, "payment declined");
            (None, Some(declined))
        }
    })
}

/// Gives back what was taken for an order whose payment became a dead letter nevertheless, because the news of it
/// could not be published.
#[stream_listener]
pub async fn refund_dead(reserved: StockReserved, ledger: State<Ledger>) {
    debug!(
        order.id = reserved.order_id,
        "payment dead-lettered: nothing is taken"
    );
    ledger.refund(reserved.order_id);
}
