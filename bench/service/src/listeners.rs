//! The handlers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bench_common::{Meter, Order, Settings};
use bindery::prelude::*;
use bindery::{Batch, Origin};

/// Who is slow or fails, in the scenarios that have such a key.
const TROUBLED: &str = "key-200";
/// How long an order of that key takes, where it is slow.
const SLOW: Duration = Duration::from_millis(10);

/// Takes an order.
#[stream_listener]
pub(crate) async fn consume(order: Order, meter: State<Meter>) {
    meter.order(&order);
}

/// Takes an order and passes it on with its sum, under the key that it came with.
#[stream_listener]
pub(crate) async fn price(order: Order, key: Key, meter: State<Meter>) -> Message<Order> {
    meter.order(&order);
    let mut priced = Message::new(order.priced());
    priced.key = key.0;
    priced
}

/// Takes up to 500 orders at once.
#[stream_listener]
pub(crate) async fn consume_batch(orders: Batch<Order>, meter: State<Meter>) {
    for order in orders.payloads() {
        meter.order(&order);
    }
}

/// How long handlers have really slept, in microseconds: no timer is exact, and no service is faster than that.
pub(crate) static SLEPT: AtomicU64 = AtomicU64::new(0);

/// Takes an order and blocks as long as its number says, up to 5 ms, as a call into a library without futures does. The
/// timer of tokio has whole milliseconds and would make 3.6 of 2.5 on average.
#[stream_listener]
pub(crate) async fn delay(order: Order, meter: State<Meter>) -> Result<(), HandlerError> {
    let asked = Duration::from_micros(order.id * 7_919 % 5_001);
    let began = Instant::now();
    tokio::task::spawn_blocking(move || std::thread::sleep(asked))
        .await
        .map_err(HandlerError::permanent)?;
    let slept = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    SLEPT.fetch_add(slept, Ordering::Relaxed);
    meter.order(&order);
    Ok(())
}

/// Takes an order, those of one key slowly.
#[stream_listener]
pub(crate) async fn slow(order: Order, meter: State<Meter>, settings: State<Settings>) {
    if settings.slow && order.customer == TROUBLED {
        tokio::time::sleep(SLOW).await;
    }
    meter.order(&order);
}

/// Takes an order, those of one key in vain.
#[stream_listener]
pub(crate) async fn failing(
    order: Order,
    meter: State<Meter>,
    settings: State<Settings>,
) -> Result<(), HandlerError> {
    if settings.slow && order.customer == TROUBLED {
        return Err(HandlerError::permanent("this key fails for ever"));
    }
    meter.order(&order);
    Ok(())
}

/// Looks at nothing but where a message comes from.
#[stream_listener]
pub(crate) async fn dispatch(_origin: Origin, meter: State<Meter>) {
    meter.published(1);
}
