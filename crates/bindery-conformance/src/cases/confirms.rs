//! Every record is answered exactly once, and what is confirmed is there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use bindery_core::{Confirm, ConfirmSink, ErrorKind, Position, Unconfirmed};

use super::numbered;
use crate::Suite;
use crate::suite::{eventually, record, record_to};

/// Counts the answers to each record.
#[derive(Debug)]
struct Answers {
    each: Vec<AtomicU32>,
    failed: AtomicUsize,
}

impl Answers {
    fn of(count: usize) -> Arc<Self> {
        Arc::new(Self {
            each: (0..count).map(|_| AtomicU32::new(0)).collect(),
            failed: AtomicUsize::new(0),
        })
    }

    fn count(&self) -> usize {
        self.each
            .iter()
            .filter(|answers| answers.load(Ordering::SeqCst) > 0)
            .count()
    }
}

impl ConfirmSink for Answers {
    fn confirmed(&self, token: u64, result: Result<Position, Unconfirmed>) {
        self.each[token as usize].fetch_add(1, Ordering::SeqCst);
        self.failed
            .fetch_add(usize::from(result.is_err()), Ordering::SeqCst);
    }
}

pub async fn every_record_is_confirmed_once(suite: &Suite) {
    const COUNT: usize = 3_000;
    let destination = suite.destination("orders");
    suite.register(&suite.input(&destination, "g")).await;
    let publisher = suite.publisher(&destination).await;
    let answers = Answers::of(COUNT);
    for (token, text) in numbered("", COUNT).into_iter().enumerate() {
        let confirm = Confirm::new(answers.clone(), token as u64);
        publisher.hand_over(record(text), confirm).await;
    }
    eventually(suite.deadline(), "every record to be answered", || {
        answers.count() == COUNT
    })
    .await;
    assert_eq!(answers.failed.load(Ordering::SeqCst), 0);
    suite
        .within("a producer to close", publisher.producer.close())
        .await;
    let once = |answers: &AtomicU32| answers.load(Ordering::SeqCst) == 1;
    assert!(answers.each.iter().all(once));
}

pub async fn a_full_window_gives_the_confirm_back_and_keeps_the_order(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    let mut output = suite.output(&destination);
    output.max_in_flight = 2;
    let publisher = suite.publisher_of(&output).await;
    let sent = numbered("", 100);
    let mut answers = Vec::new();
    for text in &sent {
        let (confirm, answer) = Confirm::channel();
        publisher.hand_over(record(text.clone()), confirm).await;
        answers.push(answer);
    }
    for answer in answers {
        let confirmed = suite.within("a confirmation", answer).await;
        confirmed.unwrap_or_else(|error| panic!("{error:?}"));
    }
    assert_eq!(member.take_texts(100).await, sent);
    member.close().await;
}

pub async fn closing_a_producer_confirms_what_was_sent(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    let publisher = suite.publisher(&destination).await;
    let answers = Answers::of(200);
    for (token, text) in numbered("", 200).into_iter().enumerate() {
        let confirm = Confirm::new(answers.clone(), token as u64);
        let sent = publisher.producer.send(record(text).into(), confirm);
        assert!(sent.is_ok(), "the window is larger than 200");
    }
    suite
        .within("a producer to close", publisher.producer.close())
        .await;
    assert_eq!(answers.count(), 200);
    assert_eq!(answers.failed.load(Ordering::SeqCst), 0);
    assert_eq!(member.take_texts(200).await, numbered("", 200));
    member.close().await;
}

pub async fn a_closed_producer_fails_what_is_sent(suite: &Suite) {
    let destination = suite.destination("orders");
    suite.register(&suite.input(&destination, "g")).await;
    let publisher = suite.publisher(&destination).await;
    publisher.publish_texts(["a"]).await;
    suite
        .within("a producer to close", publisher.producer.close())
        .await;
    let late = publisher.send_in_vain(record("late")).await;
    assert_eq!(late.error.kind(), ErrorKind::Closed, "{:?}", late.error);
    assert_eq!(late.record.as_deref(), Some(&record("late")), "it comes back");
}

pub async fn a_confirm_says_where_the_record_is(suite: &Suite) {
    let destination = suite.destination("orders");
    let publisher = suite
        .publisher_of(&suite.partitioned_output(&destination, 2))
        .await;
    let positions = publisher
        .publish([record_to(1, "a"), record_to(1, "b"), record_to(0, "c")])
        .await;
    let expected = [(1, 0), (1, 1), (0, 0)].map(|(partition, offset)| Position {
        partition: Some(partition),
        offset: Some(offset),
    });
    assert_eq!(positions, expected);
}

pub async fn a_partition_that_does_not_exist_fails(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut output = suite.partitioned_output(&destination, 2);
    output.required_groups = vec!["g".into()];
    let publisher = suite.publisher_of(&output).await;
    let results = publisher
        .send([record_to(0, "a"), record_to(7, "b"), record_to(1, "c")])
        .await;
    let confirmed: Vec<_> = results.iter().map(Result::is_ok).collect();
    assert_eq!(confirmed, [true, false, true]);
}

pub async fn an_unroutable_record_fails(suite: &Suite) {
    let destination = suite.destination("nobody");
    let publisher = suite.publisher(&destination).await;
    let results = publisher.send([record("a")]).await;
    let error = results[0].as_ref().expect_err("nobody is there to get it");
    assert_eq!(error.kind(), ErrorKind::Publish, "{error:?}");
    suite.register(&suite.input(&destination, "g")).await;
    publisher.publish_texts(["b"]).await;
}
