//! Memory stays bounded: a paused or forgotten consumer fetches no further, and nothing is lost by it.

use std::collections::BTreeSet;

use super::numbered;
use crate::Suite;
use crate::member::texts;
use crate::suite::{record, record_to};

pub async fn a_paused_source_hands_over_only_what_was_on_its_way(suite: &Suite) {
    const COUNT: usize = 20_000;
    let destination = suite.destination("orders");
    let mut input = suite.input(&destination, "paused");
    input.max_in_flight = 100;
    let mut paused = suite.bind(&input).await;
    let mut control = suite.bind(&suite.input(&destination, "control")).await;
    let publisher = suite.publisher(&destination).await;
    publisher.publish_texts(["first"]).await;
    let first = paused.take(1).await;
    let source = first[0].source.id;
    paused.consumer.control.pause(source);
    paused.accept(first);
    let records = numbered("", COUNT)
        .into_iter()
        .map(|text| record(format!("{text:>200}")));
    let others = async { tokio::join!(publisher.publish(records), control.take_texts(COUNT + 1)) };
    let mut on_its_way = 0;
    let leak = async {
        while let Some(received) = paused.next().await {
            paused.accept([received]);
            on_its_way += 1;
        }
    };
    tokio::select! {
        _ = others => {}
        () = leak => panic!("the stream of a paused consumer ended"),
    }
    assert!(
        on_its_way < COUNT / 2,
        "{on_its_way} of {COUNT} messages came from a paused source"
    );
    paused.consumer.control.resume(source);
    let rest = paused.take_texts(COUNT - on_its_way).await;
    assert_eq!(rest.last().map(|text| text.trim()), Some("19999"));
    paused.close().await;
    control.close().await;
}

pub async fn a_resumed_source_loses_nothing(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    let publisher = suite.publisher(&destination).await;
    let sent = numbered("", 1_000);
    let mut came = Vec::new();
    for chunk in sent.chunks(100) {
        publisher.publish_texts(chunk.to_vec()).await;
        let received = member.take(50).await;
        let source = received[0].source.id;
        member.consumer.control.pause(source);
        came.extend(texts(&received));
        member.accept(received);
        member.consumer.control.resume(source);
    }
    came.extend(member.take_texts(500).await);
    assert!(came == sent, "messages are lost, doubled or out of order");
    member.close().await;
}

pub async fn a_consumer_that_takes_nothing_stops_nobody_else(suite: &Suite) {
    const COUNT: usize = 5_000;
    let destination = suite.destination("orders");
    let mut idle = suite.bind(&suite.input(&destination, "idle")).await;
    let mut busy = suite.bind(&suite.input(&destination, "busy")).await;
    let publisher = suite.publisher(&destination).await;
    let sent: Vec<String> = numbered("", COUNT)
        .iter()
        .map(|text| format!("{text:>500}"))
        .collect();
    let (came, ()) = tokio::join!(busy.take_texts(COUNT), publisher.publish_texts(sent.clone()));
    assert!(came == sent);
    assert!(idle.take_texts(COUNT).await == sent);
    idle.close().await;
    busy.close().await;
}

pub async fn pausing_one_source_leaves_the_others_running(suite: &Suite) {
    let destination = suite.destination("orders");
    let publisher = suite
        .publisher_of(&suite.partitioned_output(&destination, 2))
        .await;
    let mut member = suite.bind(&suite.instance(&destination, "g", 0, 1)).await;
    publisher.publish([record_to(0, "0-"), record_to(1, "1-")]).await;
    let first = member.take(2).await;
    let paused = first.iter().find(|received| received.text() == "0-");
    let paused = paused.expect("one came of each partition").source.id;
    member.accept(first);
    member.consumer.control.pause(paused);
    let records = (0..100).flat_map(|number| [0, 1].map(|to| record_to(to, format!("{to}-{number}"))));
    publisher.publish(records).await;
    let mut came = BTreeSet::new();
    while came
        .iter()
        .filter(|text: &&String| text.starts_with("1-"))
        .count()
        < 100
    {
        came.extend(member.take_texts(1).await);
    }
    member.consumer.control.resume(paused);
    while came.len() < 200 {
        came.extend(member.take_texts(1).await);
    }
    member.close().await;
}

pub async fn pausing_and_resuming_twice_does_nothing_more(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    let publisher = suite.publisher(&destination).await;
    publisher.publish_texts(["a"]).await;
    let received = member.take(1).await;
    let control = &member.consumer.control;
    let source = received[0].source.id;
    control.pause(source);
    control.pause(source);
    control.resume(source);
    control.resume(source);
    // A source that doesn't exist is nobody's.
    control.pause(u32::MAX);
    control.resume(u32::MAX);
    member.accept(received);
    publisher.publish_texts(["b"]).await;
    assert_eq!(member.take_texts(1).await, ["b"]);
    member.close().await;
}
