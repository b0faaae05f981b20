//! Payment: charges customers for reserved orders.
//!
//! `config/payment/application.yaml` says which destinations the listeners are connected to.

mod ledger;
mod provider;

use bindery::Application;
use bindery::prelude::*;
use shop_events::{PaymentDeclined, PaymentTaken, StockReserved};
use tracing::debug;

pub use ledger::{Charge, Ledger, credit_line};
pub use provider::{Provider, ProviderError};

/// The service: its state and its listeners.
pub fn application(ledger: Ledger, provider: Provider) -> Application {
    Application::new()
        .state(ledger)
        .state(provider)
        .listeners(listeners![charge, refund_dead])
}

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
    provider
        .authorize(order_id, attempt.0)
        .inspect_err(|error| debug!(order.id = order_id, attempt = attempt.0, %error, "not charged"))?;
    let answer = ledger.charge(&reserved);
    debug!(order.id = order_id, ?answer, "charged");
    Ok(match answer {
        Charge::Taken(taken) => (Some(taken), None),
        Charge::Declined(declined) => (None, Some(declined)),
        Charge::Refunded => (None, None),
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

#[cfg(test)]
mod tests {
    use shop_events::Cents;

    use super::*;

    #[tokio::test]
    async fn a_listener_is_called_like_any_other_function() {
        let (ledger, provider) = (
            State::new(Ledger::new([(1, Cents(100))])),
            State::new(Provider::default()),
        );
        let reserved = |order_id, total| StockReserved {
            order_id,
            customer_id: 1,
            total: Cents(total),
        };
        let charge = |reserved, attempt| charge(reserved, Attempt(attempt), provider.clone(), ledger.clone());

        let (taken, declined) = charge(reserved(1, 70), 1).await.unwrap();
        assert!(taken.is_some() && declined.is_none());
        let (taken, declined) = charge(reserved(2, 31), 1).await.unwrap();
        assert!(taken.is_none() && declined.is_some());

        let poison = (0..)
            .find(|order_id| provider.authorize(*order_id, u32::MAX).is_err())
            .unwrap();
        assert_eq!(
            charge(reserved(poison, 1), 4).await,
            Err(ProviderError::Unreadable(poison))
        );
        refund_dead(reserved(1, 70), ledger.clone()).await;
        assert!(ledger.taken().is_empty());
    }
}
