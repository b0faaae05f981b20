//! Dead letters: a confirmed copy that says what failed, and never a lost original.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bindery_core::{
    ConsumerSpec, DeadLetterPublisher, DeadLetterRoute, Failure, FailureReason, HeaderValue, Headers,
    OutboundRecord, RawMessage, Settlement,
};

use crate::Suite;
use crate::member::{Member, texts};
use crate::suite::record;

fn failure() -> Failure {
    Failure {
        reason: FailureReason::Exhausted,
        error_type: "shop::PaymentError".to_owned(),
        message: "the card was declined".to_owned(),
        trace: "shop::PaymentError: the card was declined\nCaused by: no answer".to_owned(),
        attempts: 3,
        first_failure: UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
        binding: "conform-in-0".into(),
        group: "g".into(),
    }
}

/// An input whose dead letters the binder publishes.
fn failing_input(suite: &Suite) -> ConsumerSpec {
    ConsumerSpec {
        options: suite.dead_letter().options.clone(),
        ..suite.input(&suite.destination("orders"), "g")
    }
}

fn publisher(member: &Member) -> (Arc<str>, Arc<dyn DeadLetterPublisher>) {
    match &member.consumer.dead_letter {
        DeadLetterRoute::Publish {
            destination,
            publisher,
        } => (destination.clone(), publisher.clone()),
        other => panic!("the fixture's options publish no dead letters, but are {other:?}"),
    }
}

/// Binds the input, lets one message with headers and key arrive, and binds the reader of the dead letters.
async fn failing(suite: &Suite, input: &ConsumerSpec) -> (Member, Member) {
    let member = suite.bind(input).await;
    let (destination, _) = publisher(&member);
    let reader = suite
        .bind(&(suite.dead_letter().input)(input, &destination))
        .await;
    let headers: Headers = [("trace", HeaderValue::from("t-1")), ("size", HeaderValue::Int(3))]
        .into_iter()
        .collect();
    let sent = OutboundRecord {
        key: Some("o-1".into()),
        headers,
        ..record("poison")
    };
    suite.publisher(&input.destination).await.publish([sent]).await;
    (member, reader)
}

async fn publish(suite: &Suite, member: &Member, message: &RawMessage, failure: &Failure) {
    let (_, publisher) = publisher(member);
    let published = suite.within(
        "the dead letter to be confirmed",
        publisher.publish(message, failure),
    );
    published.await.unwrap_or_else(|error| panic!("{error:?}"));
}

pub async fn a_copy_has_payload_headers_and_key(suite: &Suite) {
    let input = failing_input(suite);
    let (mut member, mut reader) = failing(suite, &input).await;
    let received = member.take(1).await;
    publish(suite, &member, &received[0].message, &failure()).await;
    member.accept(received);
    let copies = reader.take(1).await;
    let copy = &copies[0].message;
    assert_eq!(texts(&copies), ["poison"]);
    assert_eq!(copy.key.as_deref(), Some(&b"o-1"[..]));
    assert_eq!(copy.headers.get("trace"), Some(&HeaderValue::from("t-1")));
    assert_eq!(copy.headers.get("size"), Some(&HeaderValue::Int(3)));
    reader.accept(copies);
    reader.close().await;
    member.close().await;
}

pub async fn a_copy_says_what_failed(suite: &Suite) {
    let input = failing_input(suite);
    let (mut member, mut reader) = failing(suite, &input).await;
    let received = member.take(1).await;
    publish(suite, &member, &received[0].message, &failure()).await;
    member.accept(received);
    let copies = reader.take(1).await;
    let headers = &copies[0].message.headers;
    assert_eq!(headers.text("x-bindery-reason"), Some("exhausted"));
    assert_eq!(headers.text("x-bindery-binding"), Some("conform-in-0"));
    assert_eq!(headers.text("x-bindery-group"), Some("g"));
    let attempts = headers.get("x-bindery-attempts").and_then(HeaderValue::as_i64);
    assert_eq!(attempts, Some(3));
    let first_failure = headers.text("x-bindery-first-failure").unwrap_or_default();
    assert!(
        first_failure.starts_with("2023-11-14T22:13:20"),
        "{first_failure}"
    );
    let message = headers.text("x-exception-message").unwrap_or_default();
    assert!(message.contains("the card was declined"), "{message}");
    let trace = headers.text("x-exception-stacktrace").unwrap_or_default();
    assert!(trace.contains("Caused by: no answer"), "{trace}");
    reader.accept(copies);
    reader.close().await;
    member.close().await;
}

pub async fn publishing_a_copy_does_not_settle_the_original(suite: &Suite) {
    let input = failing_input(suite);
    let (mut member, reader) = failing(suite, &input).await;
    let received = member.take(1).await;
    publish(suite, &member, &received[0].message, &failure()).await;
    member.close().await;
    drop(received);
    let mut again = suite.bind(&input).await;
    assert_eq!(again.take_texts(1).await, ["poison"]);
    again.close().await;
    reader.close().await;
}

pub async fn a_long_trace_does_not_stop_a_copy(suite: &Suite) {
    let input = failing_input(suite);
    let (mut member, mut reader) = failing(suite, &input).await;
    let received = member.take(1).await;
    let failure = Failure {
        trace: "at a place far away\n".repeat(10_000),
        ..failure()
    };
    publish(suite, &member, &received[0].message, &failure).await;
    member.accept(received);
    let copies = reader.take(1).await;
    let trace = copies[0].message.headers.text("x-exception-stacktrace");
    assert!(trace.is_some_and(|trace| trace.starts_with("at a place")));
    reader.accept(copies);
    reader.close().await;
    member.close().await;
}

pub async fn a_refused_copy_is_an_error(suite: &Suite) {
    let input = failing_input(suite);
    let (mut member, reader) = failing(suite, &input).await;
    let received = member.take(1).await;
    reader.close().await;
    let (destination, publisher) = publisher(&member);
    let refuse = suite.dead_letter().refuse.clone();
    let refuse = refuse.expect("the case needs a fixture that refuses dead letters");
    suite
        .within(
            "the broker to refuse dead letters",
            refuse(destination.to_string()),
        )
        .await;
    let failure = failure();
    let refused = publisher.publish(&received[0].message, &failure);
    let refused = suite.within("the refused dead letter's answer", refused).await;
    assert!(refused.is_err(), "a dead letter that nobody keeps is no success");
    member.close().await;
    drop(received);
    let mut again = suite.bind(&input).await;
    assert_eq!(again.take_texts(1).await, ["poison"]);
    again.close().await;
}

pub async fn without_options_there_is_no_dead_letter(suite: &Suite) {
    let input = suite.input(&suite.destination("orders"), "g");
    let member = suite.bind(&input).await;
    assert!(matches!(member.consumer.dead_letter, DeadLetterRoute::None));
    assert_eq!(suite.fixture().factory.dead_letter_destination(&input), None);
    member.close().await;
}

pub async fn the_destination_is_known_before_anything_is_bound(suite: &Suite) {
    let input = failing_input(suite);
    let known = suite.fixture().factory.dead_letter_destination(&input);
    assert!(known.is_some());
    let member = suite.bind(&input).await;
    assert_eq!(member.consumer.dead_letter.destination(), known.as_deref());
    member.close().await;
}

pub async fn a_rejected_message_is_dead_lettered_by_the_broker(suite: &Suite) {
    let mut input = suite.input(&suite.destination("orders"), "g");
    let options = suite.fixture().native_dead_letter.clone();
    input.options = options.expect("the case needs a native dead letter");
    let mut member = suite.bind(&input).await;
    let DeadLetterRoute::Native { destination } = member.consumer.dead_letter.clone() else {
        panic!("the fixture's options give no native dead letter");
    };
    let mut reader = suite
        .bind(&(suite.dead_letter().input)(&input, &destination))
        .await;
    let publisher = suite.publisher(&input.destination).await;
    publisher.publish_texts(["good", "poison", "better"]).await;
    let mut received = member.take(3).await;
    let poison = received.remove(1);
    member.settle([poison], Settlement::Reject);
    member.accept(received);
    assert_eq!(reader.take_texts(1).await, ["poison"]);
    member.close().await;
    publisher.publish_texts(["next"]).await;
    let mut again = suite.bind(&input).await;
    assert_eq!(again.take_texts(1).await, ["next"]);
    again.close().await;
    reader.close().await;
}
