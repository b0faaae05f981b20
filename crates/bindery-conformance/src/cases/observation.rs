//! What an application tells of itself is what happened: counters and health. Needs the runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bindery_core::{HandlerError, Status};
use bindery_runtime::BindingState;

use super::numbered;
use crate::Suite;
use crate::service::{Ledger, Work, relayer};
use crate::suite::eventually;

pub async fn counters_are_what_happened(suite: &Suite) {
    let output = suite.destination("out");
    let mut results = suite.bind(&suite.input(&output, "results")).await;
    let (ledger, failures) = (Ledger::default(), Arc::new(AtomicU64::new(0)));
    let (noted, failed) = (ledger.clone(), failures.clone());
    let listener = relayer(move |work: Work| {
        let (ledger, failed) = (noted.clone(), failed.clone());
        async move {
            ledger.note(&work.text, work.attempt);
            if work.text == "fails" {
                failed.fetch_add(1, Ordering::SeqCst);
                return Err(HandlerError::retryable("not now"));
            }
            Ok(work.text)
        }
    });
    let service = suite.application(listener).with_dead_letter().start().await;
    let mut dead_letters = service.dead_letters().await;
    let publisher = suite.publisher(&service.input.destination).await;
    let mut texts = numbered("", 30);
    texts.insert(10, "fails".to_owned());
    texts.insert(20, "fails".to_owned());
    publisher.publish_texts(texts).await;
    assert_eq!(results.take_texts(30).await, numbered("", 30));
    assert_eq!(dead_letters.take_texts(2).await, ["fails", "fails"]);
    service.idle().await;
    let failures = failures.load(Ordering::SeqCst);
    assert_eq!(ledger.len() as u64, 30 + failures);
    assert_eq!(failures, 6, "two messages, three attempts each");
    assert_eq!(service.counted("bindery_messages_received_total"), 32);
    assert_eq!(service.counted("bindery_messages_handled_total"), 32);
    assert_eq!(service.counted("bindery_messages_failed_total"), failures);
    assert_eq!(service.counted("bindery_messages_retried_total"), failures - 2);
    assert_eq!(service.counted("bindery_messages_dead_lettered_total"), 2);
    assert_eq!(service.counted("bindery_messages_published_total"), 30);
    assert_eq!(service.counted("bindery_publications_failed_total"), 0);
    assert_eq!(service.counted("bindery_handler_seconds_count"), 30 + failures);
    dead_letters.close().await;
    results.close().await;
    service.shutdown().await;
}

pub async fn health_follows_what_is_bound(suite: &Suite) {
    let listener = relayer(|work: Work| async move { Ok(work.text) });
    let output = suite.destination("out");
    suite.register(&suite.input(&output, "g")).await;
    let service = suite.application(listener).start().await;
    let binding = service.binding();
    eventually(suite.deadline(), "the input to be up", || {
        binding.health().status == Status::Up
    })
    .await;
    let operations = service.running.operations();
    let up = || {
        let binders = operations.binders();
        binders.iter().all(|binder| binder.health.status == Status::Up)
    };
    eventually(suite.deadline(), "the binder to be up", up).await;
    binding.pause().await.unwrap();
    assert_eq!(binding.state(), BindingState::Paused);
    assert_eq!(binding.health().status, Status::Up, "a pause is no trouble");
    binding.resume().await.unwrap();
    binding.stop().await.unwrap();
    assert_ne!(binding.health().status, Status::Down, "a stop is no trouble");
    service.shutdown().await;
}

pub async fn health_says_that_the_broker_is_away_and_back(suite: &Suite) {
    let listener = relayer(|work: Work| async move { Ok(work.text) });
    let output = suite.destination("out");
    let mut results = suite.bind(&suite.input(&output, "results")).await;
    let publisher = suite.publisher(&suite.destination("in")).await;
    let service = suite.frail_application(listener).start().await;
    publisher.insist(["before"]).await;
    assert_eq!(results.take_texts(1).await, ["before"]);
    let input = service.binding();
    let output = service.running.bindings().named("work-out-0").remove(0);
    let is = |status| input.health().status == status && output.health().status == status;
    eventually(suite.deadline(), "both bindings to be up", || is(Status::Up)).await;
    let before = input.health().since;
    (suite.outage().cut)();
    eventually(suite.deadline(), "both bindings to be down", || is(Status::Down)).await;
    let down = input.health();
    let reason = down.reason.unwrap_or_default();
    assert!(!reason.is_empty() && !reason.contains('\n'), "{reason}");
    assert!(down.since >= before);
    (suite.outage().restore)();
    eventually(suite.deadline(), "both bindings to be up again", || {
        is(Status::Up)
    })
    .await;
    assert!(input.health().since >= down.since);
    publisher.insist(["after"]).await;
    results.take_texts_until("after").await;
    results.close().await;
    service.shutdown().await;
}
