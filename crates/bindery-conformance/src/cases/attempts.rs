//! What becomes of a message whose handler fails: attempts, dead letter, hold, skip. Needs the runtime.

use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bindery_core::{HandlerError, HeaderValue, Headers, OutboundRecord, Status};

use super::{numbered, sorted};
use crate::Suite;
use crate::member::Received;
use crate::service::{Ledger, Work, worker};
use crate::suite::{eventually, record};

/// Notes the call, and ends as the message's text says.
async fn obey(ledger: Ledger, work: Work) -> Result<(), HandlerError> {
    ledger.note(&work.text, work.attempt);
    match work.text.as_str() {
        "fails" => Err(HandlerError::retryable("the warehouse is closed")),
        "passes at last" if work.attempt < 3 => Err(HandlerError::retryable("not yet")),
        "never passes" => Err(HandlerError::permanent("no such part")),
        "is dropped" => Err(HandlerError::discard("seen before")),
        "panics" => panic_any("the shelf fell over"),
        "hangs" => std::future::pending().await,
        _ => Ok(()),
    }
}

fn obedient(ledger: &Ledger) -> bindery_core::ListenerDefinition {
    let ledger = ledger.clone();
    worker(move |work| obey(ledger.clone(), work))
}

/// Waits until the message was handled once.
async fn called(suite: &Suite, ledger: &Ledger, text: &str) {
    let what = format!("`{text}` to be handled");
    eventually(suite.deadline(), &what, || !ledger.attempts(text).is_empty()).await;
}

fn attempts(received: &Received) -> Option<i64> {
    let header = received.message.headers.get("x-bindery-attempts")?;
    header.as_i64()
}

fn reason(received: &Received) -> &str {
    let headers = &received.message.headers;
    headers.text("x-bindery-reason").unwrap_or_default()
}

pub async fn a_failing_message_is_handled_max_attempts_times_and_dead_lettered(suite: &Suite) {
    let ledger = Ledger::default();
    let plan = suite.application(obedient(&ledger)).with_dead_letter();
    let service = plan.consumer("max-attempts", "4").start().await;
    let mut dead_letters = service.dead_letters().await;
    let publisher = suite.publisher(&service.input.destination).await;
    publisher.publish_texts(["fails", "good"]).await;
    let copies = dead_letters.take(1).await;
    assert_eq!(copies[0].text(), "fails");
    assert_eq!((reason(&copies[0]), attempts(&copies[0])), ("exhausted", Some(4)));
    let message = copies[0].message.headers.text("x-exception-message");
    assert!(message.is_some_and(|text| text.contains("the warehouse is closed")));
    dead_letters.accept(copies);
    called(suite, &ledger, "good").await;
    service.idle().await;
    assert_eq!(ledger.attempts("fails"), [1, 2, 3, 4]);
    assert_eq!(ledger.attempts("good"), [1]);
    dead_letters.close().await;
    service.shutdown().await;
}

pub async fn the_class_of_an_error_decides_about_attempts(suite: &Suite) {
    let ledger = Ledger::default();
    let plan = suite.application(obedient(&ledger)).with_dead_letter();
    let service = plan.start().await;
    let mut dead_letters = service.dead_letters().await;
    let publisher = suite.publisher(&service.input.destination).await;
    publisher
        .publish_texts(["never passes", "is dropped", "passes at last", "good"])
        .await;
    let copies = dead_letters.take(1).await;
    assert_eq!(copies[0].text(), "never passes");
    assert_eq!((reason(&copies[0]), attempts(&copies[0])), ("permanent", Some(1)));
    dead_letters.accept(copies);
    called(suite, &ledger, "good").await;
    service.idle().await;
    assert_eq!(ledger.attempts("never passes"), [1]);
    assert_eq!(ledger.attempts("is dropped"), [1]);
    assert_eq!(ledger.attempts("passes at last"), [1, 2, 3]);
    assert_eq!(service.running.totals().dead_lettered, 1);
    dead_letters.close().await;
    service.shutdown().await;
}

pub async fn a_panic_fails_its_message_alone(suite: &Suite) {
    let ledger = Ledger::default();
    let plan = suite.application(obedient(&ledger)).with_dead_letter();
    let service = plan.start().await;
    let mut dead_letters = service.dead_letters().await;
    let publisher = suite.publisher(&service.input.destination).await;
    publisher.publish_texts(["before", "panics", "after"]).await;
    let copies = dead_letters.take(1).await;
    assert_eq!(copies[0].text(), "panics");
    let message = copies[0].message.headers.text("x-exception-message");
    assert!(
        message.is_some_and(|text| text.contains("the shelf fell over")),
        "{message:?}"
    );
    dead_letters.accept(copies);
    called(suite, &ledger, "after").await;
    service.idle().await;
    assert_eq!(ledger.attempts("before"), [1]);
    assert_eq!(ledger.attempts("after"), [1]);
    dead_letters.close().await;
    service.shutdown().await;
}

pub async fn a_handler_that_takes_too_long_is_cancelled_and_has_failed(suite: &Suite) {
    let (ledger, cancelled) = (Ledger::default(), Arc::new(AtomicU32::new(0)));
    let (noted, dropped) = (ledger.clone(), cancelled.clone());
    let listener = worker(move |work| {
        let (ledger, guard) = (noted.clone(), Cancelled(dropped.clone()));
        async move {
            let ended = obey(ledger, work).await;
            guard.over();
            ended
        }
    });
    let plan = suite.application(listener).with_dead_letter();
    let plan = plan
        .consumer("handler-timeout", "100ms")
        .consumer("max-attempts", "2");
    let service = plan.start().await;
    let mut dead_letters = service.dead_letters().await;
    let publisher = suite.publisher(&service.input.destination).await;
    publisher.publish_texts(["hangs", "good"]).await;
    assert_eq!(dead_letters.take_texts(1).await, ["hangs"]);
    called(suite, &ledger, "good").await;
    service.idle().await;
    assert_eq!(ledger.attempts("hangs"), [1, 2]);
    assert_eq!(ledger.attempts("good"), [1]);
    assert_eq!(
        cancelled.load(Ordering::SeqCst),
        2,
        "each attempt's future is dropped"
    );
    dead_letters.close().await;
    service.shutdown().await;
}

/// Counts the futures that were dropped before they were over.
struct Cancelled(Arc<AtomicU32>);

impl Cancelled {
    fn over(self) {
        std::mem::forget(self);
    }
}

impl Drop for Cancelled {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

pub async fn an_attempt_does_not_see_what_the_one_before_did_to_the_headers(suite: &Suite) {
    let seen = Ledger::default();
    let noted = seen.clone();
    let listener = worker(move |mut work: Work| {
        let seen = noted.clone();
        async move {
            let color = work.headers.text("color").unwrap_or("none").to_owned();
            seen.note(&format!("{color}, {} headers", work.headers.len()), work.attempt);
            work.headers.insert("color", "painted over");
            work.headers.insert("added", work.attempt.to_string());
            match work.attempt {
                1 | 2 => Err(HandlerError::retryable("again")),
                _ => Ok(()),
            }
        }
    });
    let service = suite.application(listener).start().await;
    let headers: Headers = [("color", HeaderValue::from("red"))].into_iter().collect();
    let sent = OutboundRecord {
        headers,
        ..record("a")
    };
    let publisher = suite.publisher(&service.input.destination).await;
    publisher.publish([sent]).await;
    eventually(suite.deadline(), "three attempts", || seen.len() == 3).await;
    let texts = seen.texts();
    assert!(texts[0].starts_with("red"), "{texts:?}");
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    service.idle().await;
    service.shutdown().await;
}

pub async fn a_refused_dead_letter_leaves_its_original_unsettled(suite: &Suite) {
    let ledger = Ledger::default();
    let plan = suite.application(obedient(&ledger)).with_dead_letter();
    let service = plan.start().await;
    let factory = &suite.fixture().factory;
    let destination = factory.dead_letter_destination(&service.input);
    let refuse = suite.dead_letter().refuse.clone();
    let refuse = refuse.expect("the case needs a fixture that refuses dead letters");
    let refused = refuse(destination.expect("the input has a dead letter"));
    suite.within("the broker to refuse dead letters", refused).await;
    let publisher = suite.publisher(&service.input.destination).await;
    publisher.publish_texts(["never passes"]).await;
    let binding = service.binding();
    eventually(suite.deadline(), "the binding to be degraded", || {
        binding.health().status == Status::Degraded
    })
    .await;
    let (input, totals) = (service.input.clone(), service.running.totals());
    assert_eq!((totals.dead_lettered, totals.in_flight), (0, 1));
    service.shutdown().await;
    let mut again = suite.bind(&input).await;
    assert_eq!(again.take_texts(1).await, ["never passes"]);
    again.close().await;
}

pub async fn without_a_dead_letter_an_exhausted_message_is_held_and_comes_again(suite: &Suite) {
    let ledger = Ledger::default();
    let plan = suite.application(obedient(&ledger));
    let service = plan.consumer("max-attempts", "2").start().await;
    let publisher = suite.publisher(&service.input.destination).await;
    publisher.publish_texts(["fails"]).await;
    let binding = service.binding();
    eventually(suite.deadline(), "the message to be held", || {
        binding.health().status == Status::Degraded
    })
    .await;
    assert_eq!(ledger.attempts("fails"), [1, 2]);
    let input = service.input.clone();
    service.shutdown().await;
    let mut again = suite.bind(&input).await;
    assert_eq!(again.take_texts(1).await, ["fails"]);
    again.close().await;
}

pub async fn an_exhausted_message_is_skipped_where_that_is_configured(suite: &Suite) {
    let ledger = Ledger::default();
    let plan = suite.application(obedient(&ledger));
    let plan = plan
        .consumer("max-attempts", "2")
        .consumer("on-exhausted", "skip");
    let service = plan.start().await;
    let publisher = suite.publisher(&service.input.destination).await;
    publisher.publish_texts(["fails", "good"]).await;
    called(suite, &ledger, "good").await;
    service.idle().await;
    assert_eq!(ledger.attempts("fails"), [1, 2]);
    let input = service.input.clone();
    service.shutdown().await;
    publisher.publish_texts(["next"]).await;
    let mut again = suite.bind(&input).await;
    assert_eq!(again.take_texts(1).await, ["next"]);
    again.close().await;
}

pub async fn a_failing_message_of_a_batch_is_dead_lettered_alone(suite: &Suite) {
    let ledger = Ledger::default();
    let plan = suite.application(super::batched(&ledger)).with_dead_letter();
    let plan = plan.consumer("batch-mode", "true").consumer("batch-size", "8");
    let service = plan.start().await;
    let mut dead_letters = service.dead_letters().await;
    let publisher = suite.publisher(&service.input.destination).await;
    let mut texts = numbered("", 40);
    texts.insert(13, "never passes".to_owned());
    texts.insert(30, "never passes".to_owned());
    publisher.publish_texts(texts).await;
    assert_eq!(dead_letters.take_texts(2).await, ["never passes", "never passes"]);
    eventually(suite.deadline(), "every other message", || {
        ledger.has_all(&numbered("", 40))
    })
    .await;
    service.idle().await;
    assert_eq!(
        sorted(ledger.texts()),
        sorted(numbered("", 40)),
        "each is done once"
    );
    assert_eq!(service.running.totals().dead_lettered, 2);
    dead_letters.close().await;
    service.shutdown().await;
}
