//! Bind, stop, close, drop, bind again.

use std::collections::BTreeSet;
use std::time::Duration;

use bindery_core::Status;

use super::numbered;
use crate::Suite;
use crate::suite::eventually;

pub async fn stop_ends_the_stream_and_loses_nothing(suite: &Suite) {
    let destination = suite.destination("orders");
    let input = suite.input(&destination, "g");
    let mut member = suite.bind(&input).await;
    let publisher = suite.publisher(&destination).await;
    publisher.publish_texts(numbered("", 500)).await;
    let mut came: BTreeSet<String> = member.take_texts(10).await.into_iter().collect();
    member.consumer.control.stop();
    while let Some(received) = suite.within("the stream to end", member.next()).await {
        came.insert(received.text());
        member.accept([received]);
    }
    member.close().await;
    publisher.publish_texts(["end"]).await;
    let mut again = suite.bind(&input).await;
    let rest = again.take_texts_until("end").await;
    let overlap: Vec<_> = rest.iter().filter(|text| came.contains(*text)).collect();
    assert!(
        overlap.is_empty(),
        "accepted after stop, and came again: {overlap:?}"
    );
    assert_eq!(came.len() + rest.len(), 501);
    again.close().await;
}

pub async fn close_ends_the_stream(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    suite.publisher(&destination).await.publish_texts(["a"]).await;
    let received = member.take(1).await;
    member.accept(received);
    member.close().await;
    let ended = suite.within("the stream to end", member.next()).await;
    assert!(ended.is_none());
}

pub async fn closing_twice_does_nothing(suite: &Suite) {
    let destination = suite.destination("orders");
    let member = suite.bind(&suite.input(&destination, "g")).await;
    let publisher = suite.publisher(&destination).await;
    member.close().await;
    member.close().await;
    for _ in 0..2 {
        suite
            .within("a producer to close", publisher.producer.close())
            .await;
    }
}

pub async fn a_binding_can_be_bound_again(suite: &Suite) {
    let destination = suite.destination("orders");
    let input = suite.input(&destination, "g");
    for round in 0..3 {
        let mut member = suite.bind(&input).await;
        let publisher = suite.publisher(&destination).await;
        publisher.publish_texts([round.to_string()]).await;
        assert_eq!(member.take_texts(1).await, [round.to_string()]);
        member.close().await;
        suite
            .within("a producer to close", publisher.producer.close())
            .await;
    }
}

pub async fn closing_one_consumer_leaves_the_others_running(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut first = suite.bind(&suite.input(&destination, "first")).await;
    let second = suite.bind(&suite.input(&destination, "second")).await;
    let publisher = suite.publisher(&destination).await;
    let other_publisher = suite.publisher(&destination).await;
    second.close().await;
    suite
        .within("a producer to close", other_publisher.producer.close())
        .await;
    publisher.publish_texts(["a"]).await;
    assert_eq!(first.take_texts(1).await, ["a"]);
    first.close().await;
}

pub async fn a_dropped_consumer_leaves_its_group(suite: &Suite) {
    let destination = suite.destination("orders");
    let input = suite.input(&destination, "g");
    let mut member = suite.bind(&input).await;
    suite
        .publisher(&destination)
        .await
        .publish_texts(["a", "b"])
        .await;
    let received = member.take(1).await;
    drop(member);
    drop(received);
    let mut again = suite.bind(&input).await;
    assert_eq!(again.take_texts(2).await, ["a", "b"]);
    again.close().await;
}

pub async fn what_is_bound_is_healthy(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    let publisher = suite.publisher(&destination).await;
    publisher.publish_texts(["a"]).await;
    member.take_texts(1).await;
    let up = || {
        suite.binder().health().status == Status::Up
            && member.consumer.control.health().status == Status::Up
            && publisher.producer.health().status == Status::Up
    };
    eventually(suite.deadline(), "binder, consumer and producer to be up", up).await;
    if let Some(lag) = member.consumer.control.lag() {
        assert!(lag <= 1, "a lag of {lag} messages after all were accepted");
    }
    member.close().await;
}

pub async fn a_bind_without_a_broker_fails_as_temporary(suite: &Suite) {
    let unreachable = suite.fixture().unreachable.clone();
    let unreachable = unreachable.expect("the case needs a binder without a broker");
    let destination = suite.destination("orders");
    let input = suite.input(&destination, "g");
    let consumer = suite.within("the input's bind to fail", unreachable.bind_consumer(&input));
    let error = consumer.await.expect_err("nobody is there to bind to");
    assert!(error.is_temporary(), "{error:?}");
    let output = suite.output(&destination);
    let producer = suite.within("the output's bind to fail", unreachable.bind_producer(&output));
    let error = producer.await.expect_err("nobody is there to bind to");
    assert!(error.is_temporary(), "{error:?}");
    assert_ne!(unreachable.health().status, Status::Up);
}

pub async fn a_cancelled_bind_consumes_nothing(suite: &Suite) {
    let destination = suite.destination("orders");
    let input = suite.input(&destination, "g");
    let publisher = suite.publisher(&destination).await;
    suite.register(&input).await;
    for millis in [0, 1, 3, 10, 30, 100] {
        let binding = suite.binder().bind_consumer(&input);
        // A bind that was quicker gives a consumer, which is dropped.
        let _ = tokio::time::timeout(Duration::from_millis(millis), binding).await;
    }
    let mut member = suite.bind(&input).await;
    publisher.publish_texts(numbered("", 100)).await;
    assert_eq!(member.take_texts(100).await, numbered("", 100));
    member.close().await;
}

pub async fn a_cancelled_wait_loses_no_delivery(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    let publisher = suite.publisher(&destination).await;
    let taking = async {
        let mut came = Vec::new();
        while came.len() < 500 {
            let next = tokio::time::timeout(Duration::from_micros(200), member.next()).await;
            if let Ok(received) = next {
                let received = received.expect("the stream goes on");
                came.push(received.text());
                member.accept([received]);
            }
        }
        came
    };
    let taking = suite.within("every message", taking);
    let publishing = async {
        for texts in numbered("", 500).chunks(10) {
            publisher.publish_texts(texts.to_vec()).await;
        }
    };
    let (came, ()) = tokio::join!(taking, publishing);
    assert_eq!(came, numbered("", 500));
    member.close().await;
}
