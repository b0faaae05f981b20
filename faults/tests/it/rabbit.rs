//! The generator, the verifier and the operator's hand on RabbitMQ.

use faults::brokers::Rabbit;
use faults::ledger::Outcome;
use faults::load::raw_rabbit::{self, Raw, entry, nested_value, text_value};
use faults::load::{self, Load, Sequences, Tally};
use faults::verify::{MARK, RabbitVerifier};
use serde_json::json;

use crate::support::{Ledgers, small_load, unique};

/// Two exchanges, each with a queue of its name.
async fn exchanges(rabbit: &Rabbit) -> Vec<String> {
    let exchanges = vec![unique("first"), unique("second")];
    for name in &exchanges {
        rabbit.declare_exchange(name, "topic").await.unwrap();
        rabbit
            .declare_queue(name, json!({"x-queue-type": "quorum"}))
            .await
            .unwrap();
        rabbit.bind(name, name, "#").await.unwrap();
    }
    exchanges
}

async fn remove(rabbit: &Rabbit, exchanges: &[String]) {
    for name in exchanges {
        rabbit.delete_queue(name).await.unwrap();
        assert!(rabbit.delete_exchange(name).await.unwrap());
    }
}

async fn run(rabbit: &Rabbit, exchanges: &[String], load: Load, ledgers: &Ledgers) -> Tally {
    let load = load::start_rabbit(
        rabbit,
        exchanges.to_vec(),
        load,
        Sequences::default(),
        ledgers.writer("load"),
        |_| {},
    );
    load.finished().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_generated_is_read_back_until_the_queues_are_empty() {
    let rabbit = Rabbit::from_environment().unwrap();
    let exchanges = exchanges(&rabbit).await;
    let ledgers = Ledgers::new();
    let tally = run(&rabbit, &exchanges, small_load(), &ledgers).await;
    assert_eq!((tally.sent, tally.ok), (500, 500));
    let mut verifier = RabbitVerifier::new(&rabbit, &[], &exchanges, ledgers.writer("verifier"));
    assert_eq!(verifier.drain().await.unwrap().dead_letters, 500);
    assert_eq!(verifier.drain().await.unwrap().dead_letters, 0);
    let queues = rabbit.queues(&exchanges[0]).await.unwrap();
    assert_eq!((queues[0].ready, queues[0].unacknowledged), (0, 0));
    remove(&rabbit, &exchanges).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_reach_no_queue_are_told_from_their_neighbours() {
    let rabbit = Rabbit::from_environment().unwrap();
    let exchanges = exchanges(&rabbit).await;
    assert!(rabbit.delete_queue(&exchanges[1]).await.unwrap());
    let ledgers = Ledgers::new();
    let load = Load {
        count: 4_000,
        per_second: 100_000,
        bytes: 0,
        ..Load::default()
    };
    let tally = run(&rabbit, &exchanges, load, &ledgers).await;
    assert_eq!(tally.ok + tally.fail, 4_000);
    let mut verifier = RabbitVerifier::new(&rabbit, &[], &exchanges, ledgers.writer("verifier"));
    verifier.drain().await.unwrap();
    let arrived: std::collections::BTreeSet<u64> = ledgers
        .dead_letters()
        .into_iter()
        .map(|(id, _)| id.unwrap())
        .collect();
    for (id, outcome) in ledgers.answers() {
        assert_eq!(arrived.contains(&id), outcome == Outcome::Ok, "{id}: {outcome:?}");
    }
    assert!(tally.fail > 1_000, "{tally:?}");
    remove(&rabbit, &exchanges).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn raw_messages_arrive_with_whatever_headers() {
    let rabbit = Rabbit::from_environment().unwrap();
    let exchanges = exchanges(&rabbit).await;
    let ledgers = Ledgers::new();
    let raw = Raw {
        headers: vec![
            entry(MARK.as_bytes(), &text_value(b"deep")),
            entry(b"nested", &nested_value(50)),
        ],
        content_type: Some(b"text/plain".to_vec()),
        content_encoding: None,
        body: b"{".to_vec(),
    };
    raw_rabbit::publish(&rabbit, &exchanges[0], "k", &[raw])
        .await
        .unwrap();
    let mut verifier = RabbitVerifier::new(&rabbit, &[], &exchanges, ledgers.writer("verifier"));
    assert_eq!(verifier.drain().await.unwrap().dead_letters, 1);
    assert_eq!(ledgers.dead_letters(), [(None, Some("deep".to_owned()))]);
    remove(&rabbit, &exchanges).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_closed_by_the_name_that_their_clients_gave() {
    let rabbit = Rabbit::from_environment().unwrap();
    let name = unique("connection");
    let connection = rabbit.connect(&name).await.unwrap();
    let closing = async {
        while rabbit.close_connections(&name).await.unwrap() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        while connection.status().connected() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), closing)
        .await
        .unwrap();
}
