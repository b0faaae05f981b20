//! Groups: sharing, taking over without losing or repeating finished work, and groups without a name.

use std::collections::BTreeSet;
use std::time::Duration;

use bindery_core::{Consumer, Delivery, Settlement, Status};
use futures_util::StreamExt;
use serde_json::json;

use crate::support::*;

/// Takes what comes within a time.
async fn take_for(consumer: &mut Consumer, time: Duration) -> Vec<Delivery> {
    let mut taken = Vec::new();
    let _ = tokio::time::timeout(time, async {
        while let Some(batch) = consumer.deliveries.next().await {
            taken.extend(batch.deliveries);
        }
    })
    .await;
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_member_takes_over_only_when_started_work_is_settled() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "take-over", 2).await;
    for number in 0..20 {
        send_to(&producer, number % 2, &number.to_string()).await;
    }
    let spec = consumer(&topic, Some("g"), json!({}));
    let mut first = binder.bind_consumer(&spec).await.unwrap();
    let mut started = Vec::new();
    let mut revoked = Vec::new();
    while started.len() < 20 {
        let batch = within(first.deliveries.next()).await.unwrap();
        if !revoked.iter().any(|(id, _)| *id == batch.source.id) {
            revoked.push((batch.source.id, batch.source.revoked.clone()));
        }
        started.extend(batch.deliveries);
    }
    let mut second = binder.bind_consumer(&spec).await.unwrap();
    for (_, token) in &revoked {
        within(token.cancelled()).await;
    }
    // The first member holds on to its partitions as long as its work goes on.
    assert!(take_for(&mut second, Duration::from_secs(1)).await.is_empty());
    accept_all(&first, started);
    send_to(&producer, 0, "a").await;
    send_to(&producer, 1, "b").await;
    let both = async {
        let mut seen = BTreeSet::new();
        while seen.len() < 2 {
            let (consumer, batch) = tokio::select! {
                batch = first.deliveries.next() => (&first, batch.unwrap()),
                batch = second.deliveries.next() => (&second, batch.unwrap()),
            };
            for delivery in batch.deliveries {
                assert!(seen.insert(payload(&delivery)));
                accept(consumer, delivery);
            }
        }
        seen
    };
    assert_eq!(
        within(both).await,
        BTreeSet::from(["a".to_owned(), "b".to_owned()])
    );
    close(first).await;
    close(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_released_rest_goes_to_the_next_member_and_late_receipts_settle_nothing() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "hand-over", 1).await;
    send_all(&producer, numbers(0..6)).await;
    // The drain takes at most half of this.
    let spec = consumer(
        &topic,
        Some("g"),
        json!({"configuration": {"max.poll.interval.ms": "12000", "session.timeout.ms": "12000"}}),
    );
    let mut first = binder.bind_consumer(&spec).await.unwrap();
    let batch = within(first.deliveries.next()).await.unwrap();
    let source = batch.source.clone();
    let mut deliveries = batch.deliveries;
    while deliveries.len() < 6 {
        deliveries.extend(within(first.deliveries.next()).await.unwrap().deliveries);
    }
    let late = deliveries.pop().unwrap();
    let mut second = binder.bind_consumer(&spec).await.unwrap();
    within(source.revoked.cancelled()).await;
    for delivery in deliveries {
        let settlement = if *payload(&delivery) < *"2" {
            Settlement::Accept
        } else {
            Settlement::Release
        };
        first.settler.settle(delivery.receipt, settlement);
    }
    // One message is never settled in time: after the drain's deadline the partition goes on without it.
    let again = async {
        let mut taken: Vec<Delivery> = Vec::new();
        while taken.len() < 4 {
            tokio::select! {
                batch = first.deliveries.next() => taken.extend(batch.unwrap().deliveries),
                batch = second.deliveries.next() => taken.extend(batch.unwrap().deliveries),
            }
        }
        taken
    };
    assert_eq!(payloads(&within(again).await), numbers(2..6));
    first.settler.settle(late.receipt, Settlement::Accept);
    close(first).await;
    close(second).await;
    let mut third = binder.bind_consumer(&spec).await.unwrap();
    assert_eq!(payloads(&take(&mut third, 4).await), numbers(2..6));
    close(third).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_group_share_and_two_groups_each_get_all() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "share", 4).await;
    let shared = consumer(&topic, Some("shared"), json!({}));
    let mut first = binder.bind_consumer(&shared).await.unwrap();
    let mut second = binder.bind_consumer(&shared).await.unwrap();
    let mut other = binder
        .bind_consumer(&consumer(&topic, Some("other"), json!({})))
        .await
        .unwrap();
    for number in 0..40 {
        send_to(&producer, number % 4, &number.to_string()).await;
    }
    let all: BTreeSet<String> = numbers(0..40).into_iter().collect();
    let both = async {
        let mut seen = BTreeSet::new();
        while seen.len() < 40 {
            let (consumer, batch) = tokio::select! {
                batch = first.deliveries.next() => (&first, batch.unwrap()),
                batch = second.deliveries.next() => (&second, batch.unwrap()),
            };
            for delivery in batch.deliveries {
                seen.insert(payload(&delivery));
                accept(consumer, delivery);
            }
        }
        seen
    };
    assert_eq!(within(both).await, all);
    let seen: BTreeSet<_> = payloads(&take(&mut other, 40).await).into_iter().collect();
    assert_eq!(seen, all);
    for consumer in [first, second, other] {
        close(consumer).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anonymous_group_gets_what_is_sent_after_it_was_bound() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "anonymous", 3).await;
    for partition in 0..3 {
        send_to(&producer, partition, "before").await;
    }
    let mut consumer = binder
        .bind_consumer(&consumer(&topic, None, json!({})))
        .await
        .unwrap();
    assert!(consumer.group.starts_with("anonymous."), "{}", consumer.group);
    for partition in 0..3 {
        send_to(&producer, partition, "after").await;
    }
    assert_eq!(payloads(&take(&mut consumer, 3).await), ["after"; 3]);
    close(consumer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_begins_where_the_start_offset_says() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "start", 1).await;
    send_all(&producer, numbers(0..2)).await;
    let mut earliest = binder
        .bind_consumer(&consumer(&topic, Some("e"), json!({})))
        .await
        .unwrap();
    assert_eq!(payloads(&take(&mut earliest, 2).await), numbers(0..2));
    close(earliest).await;
    let anonymous = consumer(&topic, None, json!({"start-offset": "earliest"}));
    let mut anonymous = binder.bind_consumer(&anonymous).await.unwrap();
    assert_eq!(payloads(&take(&mut anonymous, 2).await), numbers(0..2));
    close(anonymous).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_offsets_begins_anew_at_every_start() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "reset", 1).await;
    send_all(&producer, numbers(0..3)).await;
    let spec = consumer(&topic, Some("g"), json!({"reset-offsets": true}));
    for _ in 0..2 {
        let mut consumer = binder.bind_consumer(&spec).await.unwrap();
        let deliveries = take(&mut consumer, 3).await;
        assert_eq!(payloads(&deliveries), numbers(0..3));
        accept_all(&consumer, deliveries);
        close(consumer).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_rebalancing_an_instance_reads_its_share_and_goes_on_where_it_was() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "fixed", 4).await;
    for number in 0..8 {
        send_to(&producer, number % 4, &number.to_string()).await;
    }
    let mut spec = consumer(&topic, Some("g"), json!({"auto-rebalance-enabled": false}));
    spec.instance_count = 2;
    spec.instance_index = 1;
    let mut first = binder.bind_consumer(&spec).await.unwrap();
    let deliveries = take(&mut first, 4).await;
    let seen: BTreeSet<_> = payloads(&deliveries).into_iter().collect();
    assert_eq!(seen, ["1", "3", "5", "7"].map(str::to_owned).into());
    accept_all(&first, deliveries);
    close(first).await;
    send_to(&producer, 2, "not ours").await;
    send_to(&producer, 3, "ours").await;
    let mut second = binder.bind_consumer(&spec).await.unwrap();
    assert_eq!(payloads(&take(&mut second, 1).await), ["ours"]);
    close(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_was_fenced_comes_back() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "fenced", 1).await;
    let spec = consumer(
        &topic,
        Some("g"),
        json!({"configuration": {"group.instance.id": "one", "session.timeout.ms": "6000"}}),
    );
    let mut first = binder.bind_consumer(&spec).await.unwrap();
    send_to(&producer, 0, "1").await;
    let delivery = take(&mut first, 1).await.remove(0);
    accept(&first, delivery);
    // A second member of the same name: the group knows only one, and the first is shut out.
    let second = binder.bind_consumer(&spec).await.unwrap();
    eventually("the first is shut out", || {
        first.control.health().status == Status::Down
    })
    .await;
    close(second).await;
    send_to(&producer, 0, "2").await;
    let mut seen = Vec::new();
    while !seen.contains(&"2".to_owned()) {
        let batch = within(first.deliveries.next()).await.unwrap();
        seen.extend(payloads(&batch.deliveries));
        accept_all(&first, batch.deliveries);
    }
    close(first).await;
}

/// Takes and accepts everything until the consumer is stopped, then closes it; returns what it took.
async fn work_until_stopped(
    mut consumer: Consumer,
    stopped: tokio_util::sync::CancellationToken,
) -> Vec<String> {
    let mut done = Vec::new();
    let mut stopping = false;
    loop {
        let batch = tokio::select! {
            batch = consumer.deliveries.next() => batch,
            () = stopped.cancelled(), if !stopping => {
                stopping = true;
                consumer.control.stop();
                continue;
            }
        };
        let Some(batch) = batch else { break };
        for delivery in batch.deliveries {
            if batch.source.revoked.is_cancelled() {
                consumer.settler.settle(delivery.receipt, Settlement::Release);
                continue;
            }
            done.push(payload(&delivery));
            tokio::task::yield_now().await;
            accept(&consumer, delivery);
        }
    }
    close(consumer).await;
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_come_and_go_lose_nothing_and_repeat_nothing_that_is_finished() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "storm", 4).await;
    let spec = consumer(&topic, Some("g"), json!({}));
    let stop = tokio_util::sync::CancellationToken::new();
    let steady = tokio::spawn(work_until_stopped(
        binder.bind_consumer(&spec).await.unwrap(),
        stop.clone(),
    ));
    let mut visits = Vec::new();
    let mut sent = 0;
    for _ in 0..4 {
        let visitor_stop = tokio_util::sync::CancellationToken::new();
        let visitor = binder.bind_consumer(&spec).await.unwrap();
        let visit = tokio::spawn(work_until_stopped(visitor, visitor_stop.clone()));
        for _ in 0..40 {
            for _ in 0..10 {
                send_to(&producer, sent % 4, &sent.to_string()).await;
                sent += 1;
            }
        }
        visitor_stop.cancel();
        visits.push(visit);
    }
    let mut done = Vec::new();
    for visit in visits {
        done.extend(within(visit).await.unwrap());
    }
    let lag = crate::wire::Lag::new(&topic, &group_of(&topic, "g"), 4);
    eventually("everything is committed", || lag.is_zero()).await;
    stop.cancel();
    done.extend(within(steady).await.unwrap());
    let unique: BTreeSet<_> = done.iter().cloned().collect();
    let all: BTreeSet<_> = numbers(0..usize::try_from(sent).unwrap()).into_iter().collect();
    assert_eq!(unique, all, "messages were lost");
    assert_eq!(done.len(), unique.len(), "finished messages came again");
}
