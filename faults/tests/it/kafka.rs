//! The generator, the verifier and the operator's hand on Kafka.

use std::collections::BTreeMap;

use faults::brokers::Kafka;
use faults::ledger::Record;
use faults::load::raw_kafka::{self, Raw};
use faults::load::{self, Sequences, Tally};
use faults::verify::{KafkaVerifier, MARK};

use crate::support::{Ledgers, small_load, unique};

/// Topics that go with the test.
async fn topics(kafka: &Kafka) -> [String; 2] {
    let topics = [unique("first"), unique("second")];
    for topic in &topics {
        kafka.create_topic(topic, 3, &[]).await.unwrap();
    }
    topics
}

async fn remove(kafka: &Kafka, topics: &[String]) {
    for topic in topics {
        kafka.delete_topic(topic).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_generated_is_read_back_in_the_order_of_each_key() {
    let kafka = Kafka::from_environment().unwrap();
    let topics = topics(&kafka).await;
    let ledgers = Ledgers::new();
    let load = load::start_kafka(
        &kafka,
        &topics[1],
        small_load(),
        Sequences::default(),
        ledgers.writer("load"),
        |_| {},
    );
    let tally = load.unwrap().finished().await.unwrap();
    let all = Tally {
        sent: 500,
        ok: 500,
        ..Tally::default()
    };
    assert_eq!(tally, all);
    assert_eq!(ledgers.answers().len(), 500);
    // Read as dead letters, because those may be anything that has an id.
    let mut verifier = KafkaVerifier::new(&kafka, &topics[0], &topics[1], ledgers.writer("verifier"));
    assert_eq!(verifier.drain().await.unwrap().dead_letters, 500);
    assert_eq!(verifier.drain().await.unwrap().dead_letters, 0);
    let mut keys = BTreeMap::new();
    for record in ledgers.records() {
        if let Record::Intent { id, key, .. } = record {
            keys.insert(id, key);
        }
    }
    let mut last = BTreeMap::new();
    for (id, _) in ledgers.dead_letters() {
        let id = id.unwrap();
        let before = last.insert(keys[&id], id);
        assert!(before.is_none_or(|before| before < id));
    }
    assert_eq!(kafka.ends(&topics[1]).await.unwrap().values().sum::<i64>(), 500);
    assert_eq!(kafka.lag("nobody", &topics[1]).await.unwrap(), 500);
    remove(&kafka, &topics).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_records_arrive_and_the_verifier_goes_on_where_it_stopped() {
    let kafka = Kafka::from_environment().unwrap();
    let topics = topics(&kafka).await;
    let ledgers = Ledgers::new();
    let mut verifier = KafkaVerifier::new(&kafka, &topics[0], &topics[1], ledgers.writer("verifier"));
    let marked = |mark: &str| Raw {
        value: Some(b"{".to_vec()),
        headers: vec![
            (b"bad-\xff-name".to_vec(), b"x".to_vec()),
            (MARK.as_bytes().to_vec(), mark.as_bytes().to_vec()),
        ],
        ..Raw::default()
    };
    for mark in ["first", "second"] {
        raw_kafka::publish(&kafka, &topics[1], vec![(1, marked(mark))])
            .await
            .unwrap();
        assert_eq!(verifier.drain().await.unwrap().dead_letters, 1);
    }
    let marks: Vec<_> = ledgers
        .dead_letters()
        .into_iter()
        .map(|(_, mark)| mark.unwrap())
        .collect();
    assert_eq!(marks, ["first", "second"]);
    remove(&kafka, &topics).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_grows_and_one_that_is_missing_is_empty() {
    let kafka = Kafka::from_environment().unwrap();
    let topic = unique("grows");
    kafka.create_topic(&topic, 2, &[]).await.unwrap();
    kafka.add_partitions(&topic, 5).await.unwrap();
    let grown = async {
        while kafka.ends(&topic).await.unwrap().len() < 5 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), grown)
        .await
        .unwrap();
    let mut verifier = KafkaVerifier::new(
        &kafka,
        &topic,
        "it-bench-no-such-topic",
        Ledgers::new().writer("verifier"),
    );
    assert_eq!(verifier.drain().await.unwrap().dead_letters, 0);
    kafka.delete_topic(&topic).await.unwrap();
    assert!(kafka.ends(&topic).await.unwrap().is_empty());
}
