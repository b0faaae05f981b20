//! Every group gets every message; the members of one share them.

use std::collections::BTreeSet;

use super::{numbered, sorted};
use crate::Suite;
use crate::member::{attach, collect, texts};
use crate::suite::keyed;

pub async fn every_group_gets_every_message(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut inventory = suite.bind(&suite.input(&destination, "inventory")).await;
    let mut payment = suite.bind(&suite.input(&destination, "payment")).await;
    suite
        .publisher(&destination)
        .await
        .publish_texts(numbered("", 20))
        .await;
    assert_eq!(inventory.take_texts(20).await, numbered("", 20));
    assert_eq!(payment.take_texts(20).await, numbered("", 20));
    assert_eq!(inventory.consumer.group, Suite::group(&destination, "inventory"));
    inventory.close().await;
    payment.close().await;
}

pub async fn members_of_a_group_share_the_messages(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut input = suite.input(&destination, "g");
    input.instance_count = 2;
    let mut first = suite.bind(&input).await;
    let elsewhere = suite.another_binder();
    let mut second = suite.bind_on(&elsewhere, &input).await;
    let publisher = suite.publisher(&destination).await;
    let records = |text: String| {
        let keys = numbered("key ", 16);
        keys.iter().map(|key| keyed(key, text.clone())).collect()
    };
    attach(&mut [&mut first, &mut second], &publisher, records).await;
    let sent = numbered("", 200);
    publisher
        .publish(sent.iter().map(|text| keyed(text, text.clone())))
        .await;
    let collected = collect(&mut [&mut first, &mut second], "200 messages", |collected| {
        collected.len() == 200
    })
    .await;
    let members: BTreeSet<_> = collected.iter().map(|(index, _)| *index).collect();
    assert_eq!(members.len(), 2, "both members get a share");
    let received = collected.into_iter().map(|(_, text)| text).collect();
    assert_eq!(sorted(received), sorted(sent));
    first.close().await;
    second.close().await;
    suite.within("a binder to close", elsewhere.close()).await;
}

pub async fn an_anonymous_group_gets_new_messages_only(suite: &Suite) {
    let destination = suite.destination("orders");
    suite.register(&suite.input(&destination, "known")).await;
    let publisher = suite.publisher(&destination).await;
    publisher.publish_texts(["old"]).await;
    let mut member = suite.bind(&suite.anonymous(&destination)).await;
    member.attach(&publisher).await;
    publisher.publish_texts(["new"]).await;
    assert_eq!(member.take_texts(1).await, ["new"]);
    assert!(
        !member.consumer.group.is_empty(),
        "an anonymous group has a generated name"
    );
    member.close().await;
}

pub async fn anonymous_groups_each_get_every_message(suite: &Suite) {
    let destination = suite.destination("orders");
    let publisher = suite.publisher(&destination).await;
    let mut first = suite.bind(&suite.anonymous(&destination)).await;
    let mut second = suite.bind(&suite.anonymous(&destination)).await;
    assert_ne!(first.consumer.group, second.consumer.group);
    first.attach(&publisher).await;
    second.attach(&publisher).await;
    publisher.publish_texts(numbered("", 5)).await;
    assert_eq!(first.take_texts(5).await, numbered("", 5));
    assert_eq!(second.take_texts(5).await, numbered("", 5));
    first.close().await;
    second.close().await;
}

pub async fn a_named_group_gets_what_was_sent_while_it_was_away(suite: &Suite) {
    let destination = suite.destination("orders");
    let input = suite.input(&destination, "g");
    suite.register(&input).await;
    suite
        .publisher(&destination)
        .await
        .publish_texts(numbered("", 10))
        .await;
    let mut member = suite.bind(&input).await;
    assert_eq!(member.take_texts(10).await, numbered("", 10));
    member.close().await;
}

pub async fn a_required_group_gets_what_was_sent_before_it_came(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut output = suite.output(&destination);
    output.required_groups = ["one", "two"]
        .map(|label| Suite::group(&destination, label))
        .into();
    let publisher = suite.publisher_of(&output).await;
    publisher.publish_texts(["a", "b"]).await;
    for group in ["one", "two"] {
        let mut member = suite.bind(&suite.input(&destination, group)).await;
        assert_eq!(member.take_texts(2).await, ["a", "b"]);
        member.close().await;
    }
}

pub async fn a_new_group_starts_with_the_oldest_message(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut first = suite.bind(&suite.input(&destination, "first")).await;
    suite
        .publisher(&destination)
        .await
        .publish_texts(numbered("", 10))
        .await;
    assert_eq!(first.take_texts(10).await, numbered("", 10));
    first.close().await;
    let mut second = suite.bind(&suite.input(&destination, "second")).await;
    assert_eq!(second.take_texts(10).await, numbered("", 10));
    second.close().await;
}

pub async fn the_messages_of_a_member_that_leaves_go_to_another(suite: &Suite) {
    let destination = suite.destination("orders");
    let input = suite.input(&destination, "g");
    let mut first = suite.bind(&input).await;
    suite
        .publisher(&destination)
        .await
        .publish_texts(numbered("", 5))
        .await;
    let mut unsettled = first.take(5).await;
    let accepted = unsettled.remove(0);
    first.accept([accepted]);
    let elsewhere = suite.another_binder();
    let mut second = suite.bind_on(&elsewhere, &input).await;
    first.close().await;
    let received = second.take(4).await;
    assert_eq!(texts(&received), numbered("", 5)[1..]);
    second.accept(received);
    second.close().await;
    suite.within("a binder to close", elsewhere.close()).await;
}
