//! What was accepted is done; everything else comes again.

use bindery_core::Settlement;

use super::numbered;
use crate::Suite;
use crate::member::texts;

pub async fn accepted_messages_do_not_come_again(suite: &Suite) {
    let destination = suite.destination("orders");
    let input = suite.input(&destination, "g");
    let publisher = suite.publisher(&destination).await;
    let mut member = suite.bind(&input).await;
    publisher.publish_texts(numbered("", 50)).await;
    assert_eq!(member.take_texts(50).await, numbered("", 50));
    member.close().await;
    publisher.publish_texts(["new"]).await;
    let mut again = suite.bind(&input).await;
    assert_eq!(again.take_texts(1).await, ["new"]);
    again.close().await;
}

pub async fn a_released_message_comes_again_at_once(suite: &Suite) {
    let destination = suite.destination("orders");
    let mut member = suite.bind(&suite.input(&destination, "g")).await;
    suite
        .publisher(&destination)
        .await
        .publish_texts(["a", "b", "c"])
        .await;
    let mut received = member.take(3).await;
    let released = received.remove(1);
    member.accept(received);
    member.settle([released], Settlement::Release);
    let again = member.take(1).await;
    assert_eq!(texts(&again), ["b"]);
    assert!(again[0].message.origin.redelivered);
    member.accept(again);
    member.close().await;
}

pub async fn a_released_message_comes_again_after_a_restart(suite: &Suite) {
    let destination = suite.destination("orders");
    let input = suite.input(&destination, "g");
    let mut member = suite.bind(&input).await;
    let publisher = suite.publisher(&destination).await;
    publisher.publish_texts(["a", "b", "c"]).await;
    let mut received = member.take(3).await;
    let released = received.split_off(1);
    member.accept(received);
    member.settle(released, Settlement::Release);
    member.close().await;
    let mut again = suite.bind(&input).await;
    assert_eq!(again.take_texts(2).await, ["b", "c"]);
    again.close().await;
}

pub async fn unsettled_messages_come_again_after_close(suite: &Suite) {
    let destination = suite.destination("orders");
    let input = suite.input(&destination, "g");
    let mut member = suite.bind(&input).await;
    suite
        .publisher(&destination)
        .await
        .publish_texts(numbered("", 10))
        .await;
    let mut received = member.take(10).await;
    let unsettled = received.split_off(4);
    member.accept(received);
    member.close().await;
    drop(unsettled);
    let mut again = suite.bind(&input).await;
    assert_eq!(again.take_texts(6).await, numbered("", 10)[4..]);
    again.close().await;
}

pub async fn what_was_not_accepted_comes_again_after_settling_out_of_order(suite: &Suite) {
    let destination = suite.destination("orders");
    let input = suite.input(&destination, "g");
    let mut member = suite.bind(&input).await;
    let publisher = suite.publisher(&destination).await;
    publisher.publish_texts(numbered("", 10)).await;
    let received = member.take(10).await;
    let accepted = ["7", "1", "0", "5", "2"];
    let (mut done, kept): (Vec<_>, Vec<_>) = received
        .into_iter()
        .partition(|received| accepted.contains(&received.text().as_str()));
    done.sort_by_key(|received| accepted.iter().position(|text| *text == received.text()));
    member.accept(done);
    member.close().await;
    drop(kept);
    publisher.publish_texts(["end"]).await;
    let mut again = suite.bind(&input).await;
    let came = again.take_texts_until("end").await;
    for unsettled in ["3", "4", "6", "8", "9"] {
        assert!(
            came.iter().any(|text| text == unsettled),
            "{unsettled} is lost: {came:?}"
        );
    }
    // What was accepted behind the first unsettled message may come again: a broker that keeps one offset for each
    // partition knows nothing of it.
    for settled in ["0", "1", "2"] {
        assert!(
            !came.iter().any(|text| text == settled),
            "{settled} came again: {came:?}"
        );
    }
    again.close().await;
}

pub async fn receipts_settle_nothing_after_close(suite: &Suite) {
    let destination = suite.destination("orders");
    let input = suite.input(&destination, "g");
    let mut member = suite.bind(&input).await;
    suite
        .publisher(&destination)
        .await
        .publish_texts(["a", "b", "c"])
        .await;
    let received = member.take(3).await;
    assert!(!received[0].source.revoked.is_cancelled());
    member.close().await;
    assert!(
        received[0].source.revoked.is_cancelled(),
        "a closed consumer's source is revoked"
    );
    member.accept(received);
    let mut again = suite.bind(&input).await;
    assert_eq!(again.take_texts(3).await, ["a", "b", "c"]);
    again.close().await;
}

pub async fn settling_works_after_stop(suite: &Suite) {
    let destination = suite.destination("orders");
    let input = suite.input(&destination, "g");
    let mut member = suite.bind(&input).await;
    let publisher = suite.publisher(&destination).await;
    publisher.publish_texts(["a", "b", "c"]).await;
    let received = member.take(3).await;
    member.consumer.control.stop();
    member.accept(received);
    member.close().await;
    publisher.publish_texts(["new"]).await;
    let mut again = suite.bind(&input).await;
    assert_eq!(again.take_texts(1).await, ["new"]);
    again.close().await;
}
