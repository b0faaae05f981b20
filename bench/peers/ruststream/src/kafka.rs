//! Kafka. The plain services are those of the crate's front page; the tuned one that publishes takes batches, whose
//! records are under way together.

use bench_common::Order;
use futures_util::future::try_join_all;
use ruststream_rdkafka::PARTITION_KEY_HEADER;
use ruststream_rdkafka::prelude::*;

use crate::bench::{bench, info};
use crate::priced::Priced;

/// The largest batch of `tuned_pipe`.
const BATCH: usize = 4_096;

#[subscriber(KafkaTopic::new(bench().settings.input.clone()).start(StartOffset::Earliest))]
async fn consume(order: &Order) -> HandlerOutcome {
    bench().meter.order(order);
    HandlerOutcome::ack()
}

pub(crate) fn consume_app() -> impl App {
    RustStream::new(info()).with_broker(broker(), |b| {
        b.include(consume);
    })
}

#[subscriber(
    KafkaTopic::new(bench().settings.input.clone())
        .start(StartOffset::Earliest)
        .commit(Commit::Tracked)
        .config("fetch.queue.backoff.ms", "10")
)]
async fn tuned_consume(order: &Order) -> HandlerOutcome {
    bench().meter.order(order);
    HandlerOutcome::ack()
}

pub(crate) fn tuned_consume_app() -> impl App {
    RustStream::new(info()).with_broker(broker(), |b| {
        b.include(tuned_consume);
    })
}

/// The input is settled when its one record is confirmed.
#[subscriber(
    KafkaTopic::new(bench().settings.input.clone())
        .start(StartOffset::Earliest)
        .commit(Commit::Tracked)
)]
async fn pipe(order: &Order, Out(output): Out<impl Publisher>) -> HandlerOutcome {
    bench().meter.order(order);
    let sent = output
        .message(&Priced(order.clone().priced()))
        .with_headers(headers(order))
        .to(&bench().settings.output)
        .publish()
        .await;
    if sent.is_err() {
        return HandlerOutcome::retry();
    }
    HandlerOutcome::ack()
}

pub(crate) fn pipe_app() -> impl App {
    RustStream::new(info()).with_broker(broker(), |b| {
        b.include(pipe).out(DefaultSlot, Publish::default()).build();
    })
}

/// The batch is settled when every record of it is confirmed. The client takes the records in the batch's order.
#[subscriber(
    KafkaTopic::new(bench().settings.input.clone())
        .start(StartOffset::Earliest)
        .commit(Commit::Tracked)
        .config("fetch.queue.backoff.ms", "10")
)]
async fn tuned_pipe(orders: &[Order], Out(output): Out<impl Publisher>) -> HandlerOutcome {
    let sent = try_join_all(orders.iter().map(async |order| {
        bench().meter.order(order);
        output
            .message(&Priced(order.clone().priced()))
            .with_headers(headers(order))
            .to(&bench().settings.output)
            .publish()
            .await
    }));
    if sent.await.is_err() {
        return HandlerOutcome::retry();
    }
    HandlerOutcome::ack()
}

pub(crate) fn tuned_pipe_app() -> impl App {
    let broker = broker()
        .producer_config("acks", "all")
        .producer_config("enable.idempotence", "true");
    RustStream::new(info()).with_broker(broker, |b| {
        b.include(tuned_pipe.batch(nonzero!(BATCH)))
            .out(DefaultSlot, Publish::default())
            .build();
    })
}

fn broker() -> KafkaBroker {
    KafkaBroker::new([bench().settings.kafka.clone()]).default_group(bench().settings.group.clone())
}

fn headers(order: &Order) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("contentType", "application/json");
    headers.insert(PARTITION_KEY_HEADER, order.key());
    headers
}
