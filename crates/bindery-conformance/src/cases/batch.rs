//! Deliveries come in batches, each of one source, and are settled one by one all the same.

use bindery_core::Settlement;

use super::numbered;
use crate::Suite;

pub async fn a_batch_is_of_one_source_and_in_order(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    suite
        .publisher(&destination)
        .await
        .publish_texts(numbered("", 500))
        .await;
    let mut count = 0;
    let mut last = None;
    while count < 500 {
        let next = suite.within("the next batch", member.next_batch()).await;
        let batch = next.expect("the stream goes on");
        assert!(!batch.deliveries.is_empty(), "a batch is never empty");
        for delivery in batch.deliveries {
            assert_eq!(delivery.receipt.source, batch.source.id);
            assert_eq!(delivery.receipt.generation, batch.source.generation);
            assert!(last < Some(delivery.receipt.position));
            last = Some(delivery.receipt.position);
            count += 1;
            member
                .consumer
                .settler
                .settle(delivery.receipt, Settlement::Accept);
        }
    }
    member.close().await;
}

pub async fn a_backlog_comes_in_batches(suite: &Suite) {
    let destination = suite.destination("orders");
    let input = suite.input(&destination, "g");
    suite.register(&input).await;
    suite
        .publisher(&destination)
        .await
        .publish_texts(numbered("", 1_000))
        .await;
    let mut member = suite.bind(&input).await;
    let (mut messages, mut batches) = (0, 0);
    while messages < 1_000 {
        let next = suite.within("the next batch", member.next_batch()).await;
        let batch = next.expect("the stream goes on");
        messages += batch.deliveries.len();
        batches += 1;
        for delivery in batch.deliveries {
            member
                .consumer
                .settler
                .settle(delivery.receipt, Settlement::Accept);
        }
    }
    assert!(batches < 1_000, "1,000 messages that wait come in fewer batches");
    member.close().await;
}

pub async fn a_batch_can_be_settled_in_part(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut input = suite.input(&destination, "g");
    input.batch = Some(10);
    let mut member = suite.bind(&input).await;
    suite
        .publisher(&destination)
        .await
        .publish_texts(numbered("", 10))
        .await;
    let mut received = member.take(10).await;
    let rest = received.split_off(3);
    member.accept(received);
    member.settle(rest, Settlement::Release);
    member.close().await;
    let mut again = suite.bind(&input).await;
    assert_eq!(again.take_texts(7).await, numbered("", 10)[3..]);
    again.close().await;
}
