//! RabbitMQ. The plain services are those of the crate's front page; the tuned one that publishes takes batches, each
//! published as one transaction of the client, which waits for the broker's confirms.

use bench_common::Order;
use ruststream_lapin::prelude::*;

use crate::bench::{bench, info};
use crate::priced::Priced;

/// The largest batch of `tuned_pipe`.
const BATCH: usize = 1_024;
/// The window of the front page.
const PREFETCH: u16 = 64;
/// Twice the batch, so that the next one waits while the one before is confirmed.
const TUNED_PREFETCH: u16 = 2_048;

#[subscriber(RabbitQueue::new(queue()))]
async fn consume(order: &Order) -> HandlerOutcome {
    bench().meter.order(order);
    HandlerOutcome::ack()
}

pub(crate) fn consume_app() -> impl App {
    RustStream::new(info()).with_broker(broker().prefetch(nonzero!(PREFETCH)), |b| {
        b.include(consume);
    })
}

pub(crate) fn tuned_consume_app() -> impl App {
    RustStream::new(info()).with_broker(broker().prefetch(nonzero!(TUNED_PREFETCH)), |b| {
        b.include(consume);
    })
}

/// The input is settled when its message is written to the connection.
#[subscriber(RabbitQueue::new(queue()))]
async fn pipe(order: &Order, Out(output): Out<impl Publisher>) -> HandlerOutcome {
    bench().meter.order(order);
    let sent = output
        .message(&Priced(order.clone().priced()))
        .with_headers(headers())
        .to(&bench().settings.output)
        .publish()
        .await;
    if sent.is_err() {
        return HandlerOutcome::retry();
    }
    HandlerOutcome::ack()
}

pub(crate) fn pipe_app() -> impl App {
    RustStream::new(info()).with_broker(broker().prefetch(nonzero!(PREFETCH)), |b| {
        let policy = Publish::default().exchange(bench().settings.output.clone());
        b.include(pipe).out(DefaultSlot, policy).build();
    })
}

/// The batch is settled when every message of it is confirmed.
#[subscriber(RabbitQueue::new(queue()))]
async fn tuned_pipe(orders: &[Order], Out(output): Out<impl TransactionalPublisher>) -> HandlerOutcome {
    if output.begin_transaction().await.is_err() {
        return HandlerOutcome::retry();
    }
    for order in orders {
        bench().meter.order(order);
        let sent = output
            .message(&Priced(order.clone().priced()))
            .with_headers(headers())
            .to(&bench().settings.output)
            .publish()
            .await;
        if sent.is_err() {
            output.abort().await.ok();
            return HandlerOutcome::retry();
        }
    }
    if output.commit().await.is_err() {
        return HandlerOutcome::retry();
    }
    HandlerOutcome::ack()
}

pub(crate) fn tuned_pipe_app() -> impl App {
    RustStream::new(info()).with_broker(broker().prefetch(nonzero!(TUNED_PREFETCH)), |b| {
        let policy = TransactionalPublish::default().exchange(bench().settings.output.clone());
        b.include(tuned_pipe.batch(nonzero!(BATCH)))
            .out(DefaultSlot, policy)
            .build();
    })
}

fn broker() -> LapinBroker {
    LapinBroker::new(format!("amqp://guest:guest@{}/%2f", bench().settings.rabbit))
}

/// The queue has the name that a consumer group has at Spring Cloud Stream and Bindery.
fn queue() -> String {
    let settings = &bench().settings;
    format!("{}.{}", settings.input, settings.group)
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json");
    headers
}
