//! The Kafka binder passes the suite that every binder passes.

use std::sync::Arc;
use std::time::Duration;

use bindery_conformance::{Answers, DeadLetterFixture, Fixture, Relay};
use bindery_core::{BinderSpec, ConsumerSpec, Options};
use bindery_kafka::KafkaBinderFactory;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use serde_json::json;

use crate::support::{binder_with, brokers, options};

fn fixture() -> Fixture {
    Fixture {
        factory: Arc::new(KafkaBinderFactory),
        binder: spec(&brokers()),
        deadline: Duration::from_secs(30),
        assigns_partitions: true,
        dead_letter: Some(DeadLetterFixture {
            options: options(json!({ "enable-dlq": true })),
            input: dead_letter_input,
            refuse: Some(Arc::new(|topic| Box::pin(refuse_all_messages(topic)))),
        }),
        native_dead_letter: None,
        unreachable: Some(binder_with(json!({ "brokers": "127.0.0.1:1" }))),
        outage: Some(Arc::new(|| {
            let relay = Relay::start(&brokers(), Answers::Kafka);
            let mut frail = spec(&relay.address());
            // A member that is cut off can't leave its group: others wait for as long as its session lasts.
            let configuration = json!({ "session.timeout.ms": "6000" });
            frail.options.0.insert("configuration".to_owned(), configuration);
            relay.outage(frail)
        })),
    }
}

fn spec(brokers: &str) -> BinderSpec {
    BinderSpec {
        name: "kafka".into(),
        kind: "kafka".into(),
        options: options(json!({ "brokers": brokers })),
        connection: Options::default(),
        consumers: 1,
    }
}

/// Dead letters are read from their topic by any group.
fn dead_letter_input(failing: &ConsumerSpec, destination: &str) -> ConsumerSpec {
    ConsumerSpec {
        destination: destination.into(),
        group: Some("reader".into()),
        options: Options::default(),
        ..failing.clone()
    }
}

/// Makes the topic take messages of one byte only, which none is.
async fn refuse_all_messages(topic: String) {
    let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers())
        .create()
        .unwrap();
    let change = AlterConfig::new(ResourceSpecifier::Topic(&topic)).set("max.message.bytes", "1");
    let results = admin
        .alter_configs([&change], &AdminOptions::new())
        .await
        .unwrap();
    for result in results {
        result.unwrap();
    }
}

bindery_conformance::conformance_suite! {
    fixture: fixture(),
    not_applicable: [
        "settlement::a_released_message_comes_again_at_once",
        "dead_letter::a_rejected_message_is_dead_lettered_by_the_broker",
        "confirms::an_unroutable_record_fails",
    ],
}
