//! The line to the broker is cut in the middle of things: nothing is lost, nobody hangs, and it goes on by itself.
//!
//! The other side of each case, what publishes for a consumer or reads after a producer, has a line of its own.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bindery_core::{
    Binder, ConsumerSpec, DeadLetterRoute, Failure, FailureReason, OutboundRecord, Settlement, Status,
};

use super::numbered;
use crate::Suite;
use crate::member::Member;
use crate::suite::{Publisher, eventually, keyed, record, within};

/// A consumer over the line that is cut.
async fn frail(suite: &Suite, spec: &ConsumerSpec) -> (Arc<dyn Binder>, Member) {
    let binder = suite.frail_binder();
    let member = suite.bind_on(&binder, spec).await;
    (binder, member)
}

async fn finish(suite: &Suite, binder: &Arc<dyn Binder>, member: &Member) {
    member.close().await;
    suite.within("a binder to close", binder.close()).await;
}

/// Cuts the line for a moment. What was on its way is gone; how long the line is away doesn't matter to a case.
async fn blink(suite: &Suite) {
    (suite.outage().cut)();
    tokio::time::sleep(Duration::from_millis(200)).await;
    (suite.outage().restore)();
}

/// Takes and accepts until every text was there; those that come twice don't matter.
async fn take_all(member: &mut Member, mut missing: BTreeSet<String>) {
    while !missing.is_empty() {
        for text in member.take_texts(1).await {
            missing.remove(&text);
        }
    }
}

pub async fn messages_are_not_lost_by_cuts(suite: &Suite) {
    let destination = suite.destination("orders");
    let (binder, mut member) = frail(suite, &suite.input(&destination, "g")).await;
    let publisher = suite.publisher(&destination).await;
    let taking = take_all(&mut member, numbered("", 600).into_iter().collect());
    let publishing = async {
        for (round, texts) in numbered("", 600).chunks(200).enumerate() {
            if round > 0 {
                blink(suite).await;
            }
            publisher.insist(texts.to_vec()).await;
        }
    };
    tokio::join!(taking, publishing);
    finish(suite, &binder, &member).await;
}

pub async fn what_was_open_at_a_cut_can_still_be_settled_or_comes_again(suite: &Suite) {
    let destination = suite.destination("orders");
    let (binder, mut member) = frail(suite, &suite.input(&destination, "g")).await;
    let publisher = suite.publisher(&destination).await;
    publisher.publish_texts(numbered("", 10)).await;
    let mut open = member.take(10).await;
    let source = open[0].source.clone();
    member.accept(open.drain(..4));
    blink(suite).await;
    publisher.insist(["probe"]).await;
    // The probe shows that the consumer is back, on the old source or on a new one.
    let mut again = BTreeSet::new();
    let mut came = member.take(1).await;
    while came[0].text() != "probe" {
        again.insert(came[0].text());
        member.accept(came);
        came = member.take(1).await;
    }
    let revoked = source.revoked.is_cancelled();
    member.accept(came);
    member.accept(open);
    if revoked {
        let missing = numbered("", 10).into_iter().skip(4);
        take_all(
            &mut member,
            missing.filter(|text| !again.contains(text)).collect(),
        )
        .await;
    }
    finish(suite, &binder, &member).await;
    publisher.publish_texts(["next"]).await;
    let mut later = suite.bind(&suite.input(&destination, "g")).await;
    assert_eq!(
        later.take_texts(1).await,
        ["next"],
        "what is settled stays settled"
    );
    later.close().await;
}

pub async fn a_batch_that_was_settled_in_part_is_not_lost_by_a_cut(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut input = suite.input(&destination, "g");
    input.batch = Some(10);
    let (binder, mut member) = frail(suite, &input).await;
    let publisher = suite.publisher(&destination).await;
    publisher.publish_texts(numbered("", 10)).await;
    let mut received = member.take(10).await;
    let rest = received.split_off(3);
    member.accept(received);
    member.settle(rest, Settlement::Release);
    blink(suite).await;
    member.close().await;
    let mut again = suite.bind(&input).await;
    take_all(&mut again, numbered("", 10).into_iter().skip(3).collect()).await;
    again.close().await;
    suite.within("a binder to close", binder.close()).await;
}

pub async fn every_group_gets_every_message_through_a_cut(suite: &Suite) {
    let destination = suite.destination("orders");
    let (binder, mut one) = frail(suite, &suite.input(&destination, "one")).await;
    let mut two = suite.bind_on(&binder, &suite.input(&destination, "two")).await;
    let publisher = suite.publisher(&destination).await;
    let texts = numbered("", 200);
    publisher.insist(texts[..100].to_vec()).await;
    blink(suite).await;
    publisher.insist(texts[100..].to_vec()).await;
    let all: BTreeSet<String> = texts.into_iter().collect();
    tokio::join!(take_all(&mut one, all.clone()), take_all(&mut two, all));
    one.close().await;
    finish(suite, &binder, &two).await;
}

pub async fn a_source_that_was_paused_before_a_cut_can_be_resumed(suite: &Suite) {
    let destination = suite.destination("orders");
    let (binder, mut member) = frail(suite, &suite.input(&destination, "g")).await;
    let publisher = suite.publisher(&destination).await;
    publisher.publish_texts(["first"]).await;
    let first = member.take(1).await;
    let source = first[0].source.id;
    member.consumer.control.pause(source);
    member.accept(first);
    blink(suite).await;
    publisher.insist(numbered("", 100)).await;
    member.consumer.control.resume(source);
    take_all(&mut member, numbered("", 100).into_iter().collect()).await;
    finish(suite, &binder, &member).await;
}

pub async fn a_consumer_that_is_cut_off_stops_and_closes_in_time(suite: &Suite) {
    let destination = suite.destination("orders");
    let input = suite.input(&destination, "g");
    let (binder, mut member) = frail(suite, &input).await;
    let publisher = suite.publisher(&destination).await;
    publisher.publish_texts(["a", "b"]).await;
    let open = member.take(2).await;
    (suite.outage().cut)();
    member.consumer.control.stop();
    let ending = async { while member.next().await.is_some() {} };
    within(
        suite.deadline(),
        "the stream of a stopped consumer to end",
        ending,
    )
    .await;
    finish(suite, &binder, &member).await;
    (suite.outage().restore)();
    drop(open);
    let mut again = suite.bind(&input).await;
    take_all(&mut again, ["a", "b"].map(str::to_owned).into()).await;
    again.close().await;
}

pub async fn publications_under_way_are_answered(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    let binder = suite.frail_binder();
    let mut output = suite.output(&destination);
    output.confirm_timeout = suite.deadline() / 3;
    let publisher = suite.publisher_on(&binder, &output).await;
    let texts = numbered("", 2_000);
    // Every answer comes, and what fails does so as temporary; `insist` sends that again.
    let publishing = async {
        let cutting = async {
            for _ in 0..3 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                blink(suite).await;
            }
        };
        tokio::join!(publisher.insist(texts.clone()), cutting);
    };
    let taking = take_all(&mut member, texts.iter().cloned().collect());
    tokio::join!(publishing, taking);
    suite
        .within("a producer to close", publisher.producer.close())
        .await;
    member.close().await;
    suite.within("a binder to close", binder.close()).await;
}

pub async fn a_producer_that_is_cut_off_answers_and_closes_in_time(suite: &Suite) {
    let destination = suite.destination("orders");
    suite.register(&suite.input(&destination, "g")).await;
    let binder = suite.frail_binder();
    let mut output = suite.output(&destination);
    output.confirm_timeout = Duration::from_secs(2);
    let publisher = suite.publisher_on(&binder, &output).await;
    // The first one of a producer may take longer than a record has.
    publisher.insist(["a"]).await;
    (suite.outage().cut)();
    let publisher = Publisher {
        deadline: suite.deadline() * 2,
        ..publisher
    };
    let results = publisher.send([record("b")]).await;
    let error = results[0].as_ref().expect_err("the broker is away");
    assert!(error.is_temporary(), "{error:?}");
    suite
        .within("a producer to close", publisher.producer.close())
        .await;
    suite.within("a binder to close", binder.close()).await;
    (suite.outage().restore)();
}

/// Records with everything that one can have, and with as little as there may be.
fn various() -> Vec<OutboundRecord> {
    let mut full = keyed("k", "full");
    full.headers.insert("contentType", "text/plain");
    full.headers.insert("retries", 3);
    let empty = record("");
    let empty_key = keyed("", "with an empty key");
    vec![full, empty, empty_key, record("plain")]
}

pub async fn what_is_not_confirmed_comes_back_as_it_was(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    let binder = suite.frail_binder();
    let mut output = suite.output(&destination);
    output.confirm_timeout = Duration::from_secs(2);
    let publisher = suite.publisher_on(&binder, &output).await;
    publisher.insist(["a"]).await;
    assert_eq!(member.take_texts(1).await, ["a"]);
    (suite.outage().cut)();
    let publisher = Publisher {
        deadline: suite.deadline() * 2,
        ..publisher
    };
    let mut given_back = Vec::new();
    for record in various() {
        let unconfirmed = publisher.send_in_vain(record).await;
        assert!(unconfirmed.error.is_temporary(), "{:?}", unconfirmed.error);
        given_back.extend(unconfirmed.record.map(|record| *record));
    }
    assert_eq!(given_back, various());
    (suite.outage().restore)();
    for record in given_back {
        let sending = async {
            while publisher.send([record.clone()]).await[0].is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        within(publisher.deadline, "the record to be confirmed", sending).await;
        // One that was answered as failed may have arrived all the same.
        let message = loop {
            let come = member.take(1).await;
            let message = come[0].message.clone();
            member.accept(come);
            if message.payload == record.payload {
                break message;
            }
        };
        for (name, value) in record.headers.iter() {
            assert_eq!(message.headers.get(name), Some(value), "{name}");
        }
    }
    member.close().await;
    suite
        .within("a producer to close", publisher.producer.close())
        .await;
    suite.within("a binder to close", binder.close()).await;
}

pub async fn a_dead_letter_is_confirmed_by_the_broker_or_not_at_all(suite: &Suite) {
    let input = ConsumerSpec {
        options: suite.dead_letter().options.clone(),
        ..suite.input(&suite.destination("orders"), "g")
    };
    let (binder, mut member) = frail(suite, &input).await;
    let DeadLetterRoute::Publish {
        destination,
        publisher,
    } = member.consumer.dead_letter.clone()
    else {
        panic!("the fixture's options publish no dead letters");
    };
    let reader = (suite.dead_letter().input)(&input, &destination);
    let mut reader = suite.bind(&reader).await;
    let source = suite.publisher(&input.destination).await;
    source.publish_texts(["poison"]).await;
    let received = member.take(1).await;
    let failure = Failure {
        reason: FailureReason::Exhausted,
        error_type: "shop::PaymentError".to_owned(),
        message: "the card was declined".to_owned(),
        trace: String::new(),
        attempts: 3,
        first_failure: std::time::UNIX_EPOCH,
        binding: "conform-in-0".into(),
        group: "g".into(),
    };
    (suite.outage().cut)();
    eventually(suite.deadline(), "the consumer to be down", || {
        member.consumer.control.health().status == Status::Down
    })
    .await;
    let mut publishing = Box::pin(publisher.publish(&received[0].message, &failure));
    let early = tokio::time::timeout(Duration::from_millis(300), &mut publishing).await;
    assert!(!matches!(early, Ok(Ok(()))), "nobody can have confirmed the copy");
    (suite.outage().restore)();
    let confirmed = async {
        let mut published = match early {
            Ok(published) => published,
            Err(_) => publishing.await,
        };
        while let Err(error) = published {
            assert!(error.is_temporary(), "{error:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
            published = publisher.publish(&received[0].message, &failure).await;
        }
    };
    within(suite.deadline() * 2, "the copy to be confirmed", confirmed).await;
    assert_eq!(reader.take_texts(1).await, ["poison"]);
    reader.close().await;
    finish(suite, &binder, &member).await;
}

pub async fn a_bind_in_an_outage_fails_as_temporary_and_works_after_it(suite: &Suite) {
    let destination = suite.destination("orders");
    let input = suite.input(&destination, "g");
    let binder = suite.frail_binder();
    (suite.outage().cut)();
    let bound = suite.within("an answer to a bind", binder.bind_consumer(&input));
    let error = bound.await.expect_err("the broker is away");
    assert!(error.is_temporary(), "{error:?}");
    (suite.outage().restore)();
    let binding = async {
        loop {
            match binder.bind_consumer(&input).await {
                Ok(consumer) => return Member::new(consumer, suite.deadline()),
                Err(error) => assert!(error.is_temporary(), "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let mut member = suite.within("an input to be bound", binding).await;
    let publisher = suite.publisher(&destination).await;
    publisher.publish_texts(["a"]).await;
    assert_eq!(member.take_texts(1).await, ["a"]);
    finish(suite, &binder, &member).await;
}

pub async fn health_says_that_the_broker_is_away_and_back(suite: &Suite) {
    let destination = suite.destination("orders");
    let (binder, member) = frail(suite, &suite.input(&destination, "g")).await;
    let output = suite.output(&destination);
    let publisher = suite.publisher_on(&binder, &output).await;
    publisher.publish_texts(["a"]).await;
    let is = |status| {
        let parts = [
            member.consumer.control.health(),
            publisher.producer.health(),
            binder.health(),
        ];
        parts.iter().all(|part| part.status == status)
    };
    eventually(suite.deadline(), "everything to be up", || is(Status::Up)).await;
    for _ in 0..2 {
        (suite.outage().cut)();
        eventually(suite.deadline(), "everything to be down", || is(Status::Down)).await;
        assert!(binder.health().reason.is_some(), "a trouble has a reason");
        (suite.outage().restore)();
        eventually(suite.deadline(), "everything to be up again", || is(Status::Up)).await;
    }
    finish(suite, &binder, &member).await;
}
