//! What is sent arrives: whole, once, with its key, at the right place.

use bindery_core::{Headers, OutboundRecord};
use bytes::Bytes;

use super::{numbered, sorted};
use crate::Suite;
use crate::suite::{keyed, record};

fn bytes_record(payload: Option<Bytes>) -> OutboundRecord {
    OutboundRecord {
        payload,
        key: None,
        headers: Headers::new(),
        partition: None,
        routing_key: None,
    }
}

pub async fn payloads_arrive_as_they_were_sent(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    let publisher = suite.publisher(&destination).await;
    let payloads = [
        Bytes::from_static(b""),
        Bytes::from_static(b"plain"),
        Bytes::from("gr\u{fc}\u{df} \u{1f69a} \u{0} \u{202e}"),
        (0..=255).collect::<Bytes>(),
        Bytes::from_static(b"{\"id\":\"o-1\"}"),
    ];
    publisher
        .publish(payloads.iter().cloned().map(Some).map(bytes_record))
        .await;
    let received = member.take(payloads.len()).await;
    for (sent, got) in payloads.iter().zip(&received) {
        assert_eq!(got.message.payload.as_ref(), Some(sent));
    }
    member.accept(received);
    member.close().await;
}

pub async fn a_large_payload_arrives_whole(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    let publisher = suite.publisher(&destination).await;
    // As large as brokers take with their default limits.
    let payload: Bytes = (0..900_000_u32).map(|index| (index % 251) as u8).collect();
    publisher.publish([bytes_record(Some(payload.clone()))]).await;
    let received = member.take(1).await;
    assert!(received[0].message.payload.as_ref() == Some(&payload));
    member.accept(received);
    member.close().await;
}

pub async fn a_tombstone_stays_one_or_is_refused(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    let publisher = suite.publisher(&destination).await;
    let tombstone = OutboundRecord {
        key: Some("o-1".into()),
        ..bytes_record(None)
    };
    let results = publisher
        .send([tombstone, bytes_record(Some(Bytes::new()))])
        .await;
    if suite.capabilities().tombstones {
        assert!(results[0].is_ok(), "{results:?}");
        let received = member.take(1).await;
        assert_eq!(received[0].message.payload, None);
        assert_eq!(received[0].message.key.as_deref(), Some(&b"o-1"[..]));
        member.accept(received);
    } else {
        let error = results[0].as_ref().expect_err("the broker has no tombstones");
        assert!(!error.is_temporary(), "{error:?}");
    }
    let received = member.take(1).await;
    assert_eq!(received[0].message.payload, Some(Bytes::new()));
    member.accept(received);
    member.close().await;
}

pub async fn a_key_arrives_with_its_message(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    let publisher = suite.publisher(&destination).await;
    publisher
        .publish([keyed("o-1", "a"), record("b"), keyed("sch\u{fc}ssel", "c")])
        .await;
    let received = member.take(3).await;
    let keys: Vec<_> = received
        .iter()
        .map(|received| received.message.key.as_deref())
        .collect();
    assert_eq!(keys, [Some(&b"o-1"[..]), None, Some("sch\u{fc}ssel".as_bytes())]);
    member.accept(received);
    member.close().await;
}

pub async fn a_message_says_where_it_comes_from(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    suite
        .publisher(&destination)
        .await
        .publish_texts(["a", "b"])
        .await;
    let received = member.take(2).await;
    for one in &received {
        assert_eq!(one.message.origin.destination, destination);
        assert_eq!(one.message.origin.partition, one.source.partition);
        assert!(!one.message.origin.redelivered);
    }
    assert!(received[0].message.origin.position < received[1].message.origin.position);
    member.accept(received);
    member.close().await;
}

pub async fn many_messages_arrive_once_each(suite: &Suite) {
    const COUNT: usize = 5_000;
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    let sent = numbered("", COUNT);
    let publisher = suite.publisher(&destination).await;
    let (received, ()) = tokio::join!(member.take_texts(COUNT), publisher.publish_texts(sent.clone()));
    assert_eq!(sorted(received), sorted(sent));
    member.close().await;
}

pub async fn destinations_do_not_mix(suite: &Suite) {
    let (orders, stock) = (suite.destination("orders"), suite.destination("stock"));
    let mut orders_member = suite.bind(&suite.input(&orders, "g")).await;
    let mut stock_member = suite.bind(&suite.input(&stock, "g")).await;
    let orders_publisher = suite.publisher(&orders).await;
    let stock_publisher = suite.publisher(&stock).await;
    for number in 0..5 {
        orders_publisher.publish_texts([format!("order {number}")]).await;
        stock_publisher.publish_texts([format!("stock {number}")]).await;
    }
    assert_eq!(orders_member.take_texts(5).await, numbered("order ", 5));
    assert_eq!(stock_member.take_texts(5).await, numbered("stock ", 5));
    orders_member.close().await;
    stock_member.close().await;
}
