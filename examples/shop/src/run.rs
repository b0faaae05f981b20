//! One run of the shop: start, place orders, wait until all is done, stop, check.

use std::fmt;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use order_service::Status;
use serde::Serialize;
use shop_events::{OrderPlaced, data, grouped};

use crate::audit::{Audit, line};
use crate::options::Options;
use crate::{Progress, Shop, place_all};

/// How often the watch looks.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What came of a run. Displayed, it is one line for each invariant.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Whether everything is as it must be.
    pub ok: bool,
    /// What the services' books say.
    #[serde(flatten)]
    pub audit: Audit,
    /// Orders that were placed and didn't end.
    pub open: u64,
    /// Messages that were delivered and not settled.
    pub unsettled: u64,
    /// Attempts that were made again.
    pub retried: u64,
    /// From the first order that was placed to the last one that ended.
    pub seconds: f64,
}

/// Runs the shop once, and shows its progress.
///
/// # Errors
/// When a configuration has problems, a binding doesn't get ready, or a service doesn't stop in time.
pub async fn run(options: &Options) -> bindery::Result<Summary> {
    let shop = Shop::start(options).await?;
    if let Err(error) = shop.wait_ready(options.load.patience()).await {
        report(&shop.troubles());
        return Err(error);
    }

    let orders: Vec<_> = data::orders(options.load.orders).collect();
    let start = Instant::now();
    place_and_watch(&shop, &orders, options).await;
    let seconds = start.elapsed().as_secs_f64();

    let (unsettled, retried, books) = (shop.unsettled(), shop.retried(), shop.books.clone());
    shop.shutdown().await?;
    // Whatever the services did while they stopped must not have changed anything.
    let audit = books.audit(&orders);
    let open = books.orders.counts().open();
    let ok = audit.ok() && open == 0 && unsettled == 0;
    Ok(Summary {
        ok,
        audit,
        open,
        unsettled,
        retried,
        seconds,
    })
}

/// Places the orders, and waits for what becomes of them.
async fn place_and_watch(shop: &Shop, orders: &[OrderPlaced], options: &Options) {
    let place = async |order: &OrderPlaced| shop.orders.place(order.clone()).await;
    let placing = pin!(place_all(orders.iter().cloned(), options.load.rate, place));
    // Placing goes on until every order is taken: the watch ends it when its patience is over.
    let watching = pin!(watch(shop, orders, options.load.patience()));
    if let Either::Right(((), watching)) = select(watching, placing).await {
        watching.await;
    }
}

/// Waits until everything is done, or until nothing has happened for as long as the patience lasts.
async fn watch(shop: &Shop, orders: &[OrderPlaced], patience: Duration) {
    let total = orders.len() as u64;
    let mut progress = Progress::new();
    let mut last = (shop.books.orders.counts(), Instant::now());
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        look.tick().await;
        let counts = shop.books.orders.counts();
        if counts != last.0 {
            last = (counts, Instant::now());
        }
        // The last order has ended before everybody has heard of it: stock may still be on its way back.
        let done = counts.ended() == total && shop.unsettled() == 0 && shop.books.audit(orders).ok();
        let stuck = last.1.elapsed() > patience;
        if done || stuck {
            progress.finish(counts, shop.retried(), total);
        }
        if stuck && !done {
            explain(shop, orders, patience);
        }
        if done || stuck {
            return;
        }
        progress.show(counts, shop.retried(), total);
    }
}

/// Says what is missing.
fn explain(shop: &Shop, orders: &[OrderPlaced], patience: Duration) {
    let open = orders.iter().filter(|order| {
        matches!(
            shop.books.orders.status(order.order_id),
            None | Some(Status::Open)
        )
    });
    let ids: Vec<_> = open.map(|order| order.order_id.to_string()).collect();
    eprintln!(
        "\nno order ended for {} s; {} are open",
        patience.as_secs(),
        grouped(ids.len() as u64)
    );
    if !ids.is_empty() {
        eprintln!("  the first of them: {}", ids[..ids.len().min(10)].join(", "));
    }
    report(&shop.troubles());
}

fn report(troubles: &[String]) {
    for trouble in troubles {
        eprintln!("  {trouble}");
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.audit)?;
        let figures = format!(
            "{} messages, {} unsettled",
            grouped(self.open),
            grouped(self.unsettled)
        );
        line(
            f,
            "nothing in flight",
            &figures,
            self.open == 0 && self.unsettled == 0,
            || "nothing happened any more".to_owned(),
        )?;
        write!(f, "done in {:.1} s", self.seconds)
    }
}
