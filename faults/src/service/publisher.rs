//! A service that publishes by hand, as fast as it can, and writes down what it was told of each message.

use std::io;

use bindery::prelude::*;
use bindery::{ErrorKind, Message};
use futures_util::future::join_all;

use crate::ledger::{Moment, Outcome, Record, Writer};
use crate::work::Work;

/// The output binding that it publishes to.
pub const BINDING: &str = "bridge-out-0";

/// The header that decides whether a message reaches a queue: [`KEPT`], or anything else.
pub const ROUTE: &str = "route";

/// The value with which a message reaches a queue.
pub const KEPT: &str = "kept";

/// Every so many messages one reaches no queue.
pub const ASTRAY: u64 = 10;

/// How many messages the bench wants published.
pub(super) fn wanted() -> Option<u64> {
    std::env::var("BENCH_PUBLISH").ok()?.parse().ok()
}

/// Publishes `count` messages through one [`StreamBridge`], all at once, and then runs until it is told to stop.
pub(super) async fn run(application: Application, count: u64, ledger: Writer) -> bindery::Result {
    let running = application.start().await?;
    let bridge = running.stream_bridge();
    let written: io::Result<Vec<()>> = join_all((0..count).map(|id| publish(&bridge, &ledger, id)))
        .await
        .into_iter()
        .collect();
    written.map_err(|error| bindery::Error::new(ErrorKind::Handler, error.to_string()))?;
    bindery::terminated().await;
    running.shutdown().await
}

async fn publish(bridge: &StreamBridge, ledger: &Writer, id: u64) -> io::Result<()> {
    let key = u32::try_from(id).unwrap_or_default();
    ledger.append(&Record::Intent {
        id,
        key,
        seq: 0,
        at: Moment::now(),
    })?;
    let work = Work {
        id,
        key,
        ..Work::default()
    };
    let route = if id.is_multiple_of(ASTRAY) { "astray" } else { KEPT };
    let outcome = match bridge
        .send(BINDING, Message::new(work).header(ROUTE, route))
        .await
    {
        Ok(_) => Outcome::Ok,
        Err(error) if error.kind() == ErrorKind::Publish => Outcome::Fail,
        Err(_) => Outcome::Unknown,
    };
    ledger.append(&Record::Answer {
        id,
        outcome,
        at: Moment::now(),
    })
}
