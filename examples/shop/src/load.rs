//! The generator: places orders, as fast as they are taken or at a rate.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use shop_events::OrderPlaced;
use tokio::time::Instant;
use tracing::warn;

/// How many orders are being placed at a time.
const AT_A_TIME: usize = 512;

/// How long to wait before an order that wasn't taken is placed again.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// Places every order once it is due: `rate` of them in a second, or as fast as `place` takes them.
///
/// An order that isn't taken is placed again until it is, under its id: the services know a repeated order.
///
/// # Cancel safety
/// Orders that are being placed when this is dropped may have been placed or not.
pub async fn place_all<E: std::fmt::Display>(
    orders: impl IntoIterator<Item = OrderPlaced>,
    rate: Option<f64>,
    place: impl AsyncFn(&OrderPlaced) -> Result<(), E>,
) {
    let start = Instant::now();
    let place = &place;
    let due = |index: u32| rate.map(|rate| start + Duration::from_secs_f64(f64::from(index) / rate));
    stream::iter((0..).zip(orders))
        .then(async |(index, order)| {
            if let Some(due) = due(index) {
                tokio::time::sleep_until(due).await;
            }
            order
        })
        .for_each_concurrent(AT_A_TIME, async |order| {
            while let Err(error) = place(&order).await {
                warn!(order.id = order.order_id, %error, "the order was not taken and is placed again");
                tokio::time::sleep(AGAIN_AFTER).await;
            }
        })
        .await;
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use shop_events::data;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn orders_are_placed_at_the_rate() {
        let start = Instant::now();
        place_all(data::orders(101), Some(10.0), async |_| Ok::<_, String>(())).await;
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn an_order_that_is_not_taken_is_placed_again() {
        let refused = RefCell::new(Vec::new());
        let taken = RefCell::new(Vec::new());
        place_all(data::orders(3), None, async |order: &OrderPlaced| {
            if order.order_id == 2 && refused.borrow().len() < 2 {
                refused.borrow_mut().push(order.order_id);
                return Err("the broker is away");
            }
            taken.borrow_mut().push(order.order_id);
            Ok(())
        })
        .await;
        assert_eq!(
            (refused.into_inner(), taken.into_inner()),
            (vec![2, 2], vec![1, 3, 2])
        );
    }
}
