//! Order is kept within a source, also when messages come again.

use super::{beginning_with, numbered};
use crate::Suite;
use crate::suite::{keyed, record_to};

pub async fn messages_of_one_source_arrive_in_order(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    let publisher = suite.publisher(&destination).await;
    let sent = numbered("", 2_000);
    let (received, ()) = tokio::join!(member.take_texts(2_000), publisher.publish_texts(sent.clone()));
    assert!(received == sent, "the order is lost");
    member.close().await;
}

pub async fn redelivered_messages_come_in_order_and_before_new_ones(suite: &Suite) {
    let destination = suite.destination("orders");
    let input = suite.input(&destination, "g");
    let publisher = suite.publisher(&destination).await;
    let mut member = suite.bind(&input).await;
    let sent = numbered("", 10);
    publisher.publish_texts(sent[..5].to_vec()).await;
    let unsettled = member.take(5).await;
    member.close().await;
    drop(unsettled);
    publisher.publish_texts(sent[5..].to_vec()).await;
    let mut again = suite.bind(&input).await;
    assert_eq!(again.take_texts(10).await, sent);
    again.close().await;
}

pub async fn messages_of_one_key_arrive_in_order(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut input = suite.input(&destination, "g");
    input.concurrency = 2;
    let mut member = suite.bind(&input).await;
    let publisher = suite.publisher(&destination).await;
    let keys = ["a", "b", "c", "d"];
    let records = (0..100).flat_map(|number| keys.map(|key| keyed(key, format!("{key}{number}"))));
    publisher.publish(records).await;
    let received = member.take(400).await;
    let texts = crate::member::texts(&received);
    member.accept(received);
    // Where several consumers share a queue, order is kept within each of them only.
    if suite.capabilities().partitions {
        for key in keys {
            assert_eq!(
                beginning_with(&texts, key),
                numbered(key, 100).iter().collect::<Vec<_>>()
            );
        }
    }
    member.close().await;
}

pub async fn every_partition_is_in_order(suite: &Suite) {
    let destination = suite.destination("orders");
    let publisher = suite
        .publisher_of(&suite.partitioned_output(&destination, 3))
        .await;
    let mut member = suite.bind(&suite.instance(&destination, "g", 0, 1)).await;
    let records = (0..100).flat_map(|number| [0, 1, 2].map(|to| record_to(to, format!("{to}-{number}"))));
    publisher.publish(records).await;
    let texts = member.take_texts(300).await;
    for partition in ["0-", "1-", "2-"] {
        assert_eq!(
            beginning_with(&texts, partition),
            numbered(partition, 100).iter().collect::<Vec<_>>()
        );
    }
    member.close().await;
}

pub async fn several_publishers_each_keep_their_order(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    let (a, b) = tokio::join!(suite.publisher(&destination), suite.publisher(&destination));
    let (texts, (), ()) = tokio::join!(
        member.take_texts(400),
        a.publish_texts(numbered("a", 200)),
        b.publish_texts(numbered("b", 200)),
    );
    for publisher in ["a", "b"] {
        assert_eq!(
            beginning_with(&texts, publisher),
            numbered(publisher, 200).iter().collect::<Vec<_>>()
        );
    }
    member.close().await;
}
