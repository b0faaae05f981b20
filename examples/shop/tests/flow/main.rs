//! The whole shop, from the first order to the audit: in memory, and on real brokers by configuration only.
#![allow(clippy::unwrap_used, reason = "tests")]

mod repeated;

use std::path::Path;

use shop::options::{Generate, Load, Options};
use shop::{Shop, Summary};
use tokio::net::TcpListener;

/// A seed under which a payment among the first 1,500 orders becomes a dead letter.
const SEED: u64 = 0;

fn options(orders: usize, profile: Option<&str>) -> Options {
    Options {
        load: Load {
            orders,
            rate: None,
            patience: 60,
        },
        seed: SEED,
        profile: profile.map(str::to_owned),
        prefix: format!("flow-{}.", uuid::Uuid::new_v4().simple()),
        config: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config"),
        json: false,
        properties: Vec::new(),
    }
}

/// Runs the shop and checks that it did what it is there for, and that nothing is missing.
async fn check(orders: usize, profile: Option<&str>) -> Summary {
    let summary = shop::run(&options(orders, profile)).await.unwrap();
    assert!(summary.ok, "{summary}");
    let audit = &summary.audit;
    assert_eq!(audit.orders, orders as u64);
    assert!(
        audit.rejected > 0 && audit.dead_lettered > 0 && summary.retried > 0,
        "{summary}"
    );
    summary
}

/// Checks that the brokers' addresses are set; the configuration reads them.
fn need(variables: &[&str]) {
    for variable in variables {
        let value = std::env::var(variable).unwrap_or_default();
        assert!(
            !value.is_empty(),
            "`{variable}` is not set: `cargo xtask test` starts the brokers and sets it"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_memory_every_order_ends_once_and_most_are_confirmed() {
    let audit = check(15_000, None).await.audit;
    assert!((12_000..13_500).contains(&audit.confirmed), "{audit}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_kafka_every_order_ends_once() {
    need(&["KAFKA_BROKERS"]);
    check(1_500, Some("kafka")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_rabbit_every_order_ends_once() {
    need(&["RABBITMQ_ADDRESSES"]);
    check(1_500, Some("rabbit")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_both_brokers_every_order_ends_once() {
    need(&["KAFKA_BROKERS", "RABBITMQ_ADDRESSES"]);
    check(1_500, Some("mixed")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_can_be_placed_over_http() {
    let options = options(300, None);
    let shop = Shop::start(&options).await.unwrap();
    shop.wait_ready(options.load.patience()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server =
        tokio::spawn(axum::serve(listener, order_service::router(shop.orders.clone())).into_future());

    let generate = Generate {
        url,
        skip: 0,
        load: options.load,
    };
    assert!(shop::remote::generate(&generate).await.unwrap());
    assert_eq!(shop.books.orders.counts().ended(), 300);
    // Placed again, they are the same orders.
    assert!(shop::remote::generate(&generate).await.unwrap());
    assert_eq!(shop.books.orders.counts().placed, 300);

    server.abort();
    shop.shutdown().await.unwrap();
}
