//! A killed consumer and a restarted broker lose nothing that was acknowledged, on real brokers.
//!
//! The tests run one after the other, in a binary of their own: they kill the brokers that others would be using.
#![allow(clippy::unwrap_used, missing_docs)]

mod scene;

use scene::{Broker, Relay, Scene};

async fn a_killed_consumer_loses_nothing(broker: Broker) {
    let scene = Scene::open(broker, "kill").await;
    let mut relay = Relay::spawn(&scene);
    let feeding = scene.feed(3_000);
    scene.await_outputs(500).await;
    relay.kill();
    let _relay = Relay::spawn(&scene);
    let acknowledged = feeding.await.unwrap();
    scene.await_all(acknowledged).await;
    scene.close().await;
}

async fn a_restarted_broker_loses_nothing(broker: Broker) {
    let scene = Scene::open(broker, "restart").await;
    let _relay = Relay::spawn(&scene);
    let feeding = scene.feed(3_000);
    scene.await_outputs(500).await;
    scene.restart_broker().await;
    let acknowledged = feeding.await.unwrap();
    scene.await_all(acknowledged).await;
    scene.close().await;
}

/// One test, so that nothing else uses a broker while it is being restarted.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_consumers_and_restarted_brokers_lose_nothing() {
    for broker in [Broker::Kafka, Broker::Rabbit] {
        println!("{broker:?}: a consumer is killed");
        a_killed_consumer_loses_nothing(broker).await;
        println!("{broker:?}: the broker is killed and started again");
        a_restarted_broker_loses_nothing(broker).await;
    }
}
