//! Partitions: a record reaches the one it names, and each belongs to one instance at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bindery_core::{OutboundRecord, Settlement};

use super::numbered;
use crate::Suite;
use crate::member::{Member, attach, collect, texts};
use crate::suite::{Publisher, eventually, keyed, record_to};

/// One record for each of two partitions.
fn to_both(text: &str) -> Vec<OutboundRecord> {
    vec![record_to(0, text), record_to(1, text)]
}

/// Two instances of one group in two binders, and a publisher to two partitions; each instance has its share.
async fn two_instances(suite: &Suite, destination: &Arc<str>) -> (Member, Member, Publisher) {
    let mut first = suite.bind(&suite.instance(destination, "g", 0, 2)).await;
    let elsewhere = suite.another_binder();
    let mut second = suite
        .bind_on(&elsewhere, &suite.instance(destination, "g", 1, 2))
        .await;
    let publisher = suite
        .publisher_of(&suite.partitioned_output(destination, 2))
        .await;
    attach(&mut [&mut first, &mut second], &publisher, |text| to_both(&text)).await;
    (first, second, publisher)
}

pub async fn a_record_goes_to_the_partition_it_names(suite: &Suite) {
    let destination = suite.destination("orders");
    let (mut first, mut second, publisher) = two_instances(suite, &destination).await;
    publisher
        .publish([record_to(1, "one"), record_to(0, "zero")])
        .await;
    for member in [&mut first, &mut second] {
        let received = member.take(1).await;
        let named = if received[0].text() == "one" { 1 } else { 0 };
        if suite.capabilities().partitions {
            assert_eq!(received[0].message.origin.partition, Some(named));
            assert_eq!(received[0].source.partition, Some(named));
        }
        member.accept(received);
        member.close().await;
    }
}

pub async fn instances_have_disjoint_partitions(suite: &Suite) {
    let destination = suite.destination("orders");
    let (mut first, mut second, publisher) = two_instances(suite, &destination).await;
    let records = (0..50).flat_map(|number| [0, 1].map(|to| record_to(to, format!("{to}-{number}"))));
    publisher.publish(records).await;
    let mut seen = BTreeSet::new();
    for member in [&mut first, &mut second] {
        let texts = member.take_texts(50).await;
        let partition = texts[0][..2].to_owned();
        assert_eq!(texts, numbered(&partition, 50));
        seen.insert(partition);
        member.close().await;
    }
    assert_eq!(seen.len(), 2);
}

pub async fn a_key_stays_in_its_partition(suite: &Suite) {
    let destination = suite.destination("orders");
    let publisher = suite
        .publisher_of(&suite.partitioned_output(&destination, 3))
        .await;
    let mut member = suite.bind(&suite.instance(&destination, "g", 0, 1)).await;
    let keys = numbered("key ", 20);
    let records = (0..5).flat_map(|_| keys.iter().map(|key| keyed(key, key.clone())));
    publisher.publish(records).await;
    let received = member.take(100).await;
    let mut homes: BTreeMap<String, BTreeSet<Option<i32>>> = BTreeMap::new();
    for one in &received {
        homes
            .entry(one.text())
            .or_default()
            .insert(one.message.origin.partition);
    }
    assert!(
        homes.values().all(|partitions| partitions.len() == 1),
        "{homes:?}"
    );
    let used: BTreeSet<_> = homes.values().flatten().collect();
    assert!(used.len() > 1, "20 keys are spread over the partitions");
    member.accept(received);
    member.close().await;
}

pub async fn a_producer_knows_how_many_partitions_there_are(suite: &Suite) {
    let destination = suite.destination("orders");
    let publisher = suite
        .publisher_of(&suite.partitioned_output(&destination, 3))
        .await;
    let known = || publisher.producer.partition_count() == Some(3);
    eventually(suite.deadline(), "the producer to know its 3 partitions", known).await;
}

pub async fn a_source_that_moves_is_revoked_and_drained(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut first = suite.bind(&suite.instance(&destination, "g", 0, 2)).await;
    let publisher = suite
        .publisher_of(&suite.partitioned_output(&destination, 2))
        .await;
    let records = (0..3).flat_map(|number| [0, 1].map(|to| record_to(to, format!("{to}-{number}"))));
    publisher.publish(records).await;
    let held = first.take(6).await;
    let elsewhere = suite.another_binder();
    let mut second = suite
        .bind_on(&elsewhere, &suite.instance(&destination, "g", 1, 2))
        .await;
    let sources: Vec<_> = held.iter().map(|received| received.source.clone()).collect();
    let revoked = || sources.iter().any(|source| source.revoked.is_cancelled());
    eventually(suite.deadline(), "a source to be revoked", revoked).await;

    // The runtime's part: what was not started goes back, what was started is settled as it finishes.
    let mut expected = BTreeSet::from(["0-end".to_owned(), "1-end".to_owned()]);
    for received in held {
        let started = received.text().ends_with("-0");
        if started || !received.source.revoked.is_cancelled() {
            first.accept([received]);
        } else {
            expected.insert(received.text());
            first.settle([received], Settlement::Release);
        }
    }
    attach(&mut [&mut first, &mut second], &publisher, |text| to_both(&text)).await;
    publisher
        .publish([record_to(0, "0-end"), record_to(1, "1-end")])
        .await;
    let collected = collect(&mut [&mut first, &mut second], "what was released", |collected| {
        expected
            .iter()
            .all(|text| collected.iter().any(|(_, came)| came == text))
    })
    .await;
    let again = |text: &str| collected.iter().any(|(_, came)| came == text);
    assert!(
        !again("0-0") && !again("1-0"),
        "what was accepted came again: {collected:?}"
    );
    let ends: BTreeSet<_> = collected
        .iter()
        .filter(|(_, text)| text.ends_with("-end"))
        .map(|(member, _)| *member)
        .collect();
    assert_eq!(ends.len(), 2, "each instance has a partition: {collected:?}");
    first.close().await;
    second.close().await;
}

pub async fn the_partitions_of_a_member_that_leaves_go_to_another(suite: &Suite) {
    let destination = suite.destination("orders");
    let (mut first, mut second, publisher) = two_instances(suite, &destination).await;
    publisher.publish(to_both("before")).await;
    let kept = first.take_texts(1).await;
    let unsettled = second.take(1).await;
    assert_eq!(kept, texts(&unsettled));
    second.close().await;
    publisher.publish(to_both("after")).await;
    let mut came = first.take_texts(3).await;
    came.sort();
    assert_eq!(came, ["after", "after", "before"]);
    first.close().await;
}
