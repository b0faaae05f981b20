//! Applications that start, stop and share destinations. Needs the runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bindery_core::{BindingName, ErrorKind, HandlerError, ListenerDefinition};
use bindery_runtime::BindingState;
use tokio::sync::Semaphore;

use super::numbered;
use crate::Suite;
use crate::service::{Ledger, Service, Work, relayer, worker};
use crate::suite::eventually;

fn noting(ledger: &Ledger) -> ListenerDefinition {
    let ledger = ledger.clone();
    worker(move |work: Work| {
        ledger.note(&work.text, work.attempt);
        async { Ok(()) }
    })
}

/// A listener that waits at a gate; the texts are noted when it begins and when it ends.
fn gated(ledger: &Ledger, gate: &Arc<Semaphore>) -> ListenerDefinition {
    let (ledger, gate) = (ledger.clone(), gate.clone());
    worker(move |work: Work| {
        let (ledger, gate) = (ledger.clone(), gate.clone());
        async move {
            ledger.note(&format!("{} begins", work.text), work.attempt);
            // The gate is opened, never closed.
            let _ = gate.acquire().await;
            ledger.note(&format!("{} ends", work.text), work.attempt);
            Ok(())
        }
    })
}

pub async fn results_are_published_and_their_inputs_settled(suite: &Suite) {
    let output = suite.destination("out");
    let mut results = suite.bind(&suite.input(&output, "results")).await;
    let listener = relayer(|work: Work| async move { Ok(format!("{} done", work.text)) });
    let service = suite.application(listener).start().await;
    let publisher = suite.publisher(&service.input.destination).await;
    publisher.publish_texts(numbered("", 100)).await;
    let expected: Vec<_> = numbered("", 100)
        .iter()
        .map(|text| format!("{text} done"))
        .collect();
    assert_eq!(results.take_texts(100).await, expected);
    service.idle().await;
    let input = service.input.clone();
    service.shutdown().await;
    publisher.publish_texts(["next"]).await;
    let mut again = suite.bind(&input).await;
    assert_eq!(again.take_texts(1).await, ["next"]);
    again.close().await;
    results.close().await;
}

/// Three messages, the last two of which are there together. `last` says what the handler of `second` does; the result
/// of `first` arrives all the same.
async fn result_before<'s, F, R>(suite: &'s Suite, delay: &str, last: F) -> (Service<'s>, Arc<Semaphore>)
where
    F: Fn(Arc<Semaphore>) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Result<(), HandlerError>> + Send + 'static,
{
    let (ledger, gate) = (Ledger::default(), Arc::new(Semaphore::new(0)));
    let (noted, passed) = (ledger.clone(), gate.clone());
    let listener = relayer(move |work: Work| {
        let (noted, passed, last) = (noted.clone(), passed.clone(), last.clone());
        async move {
            noted.note(&work.text, work.attempt);
            match work.text.as_str() {
                "zeroth" => pass(&passed).await,
                "second" => last(passed).await?,
                _ => {}
            }
            Ok(work.text)
        }
    });
    let output = suite.destination("out");
    let mut results = suite.bind(&suite.input(&output, "results")).await;
    let plan = suite.application(listener);
    let plan = plan.consumer("back-off-initial-interval", delay);
    let service = plan.consumer("back-off-max-interval", delay).start().await;
    let publisher = suite.publisher(&service.input.destination).await;
    publisher.publish_texts(["zeroth", "first", "second"]).await;
    gate.add_permits(1);
    assert_eq!(results.take_texts(2).await, ["zeroth", "first"]);
    let begun = || ledger.texts().contains(&"second".to_owned());
    eventually(suite.deadline(), "the second to begin", begun).await;
    results.close().await;
    (service, gate)
}

/// Waits for one permit.
async fn pass(gate: &Semaphore) {
    // The gate is opened, never closed.
    if let Ok(permit) = gate.acquire().await {
        permit.forget();
    }
}

pub async fn a_result_is_published_while_the_next_handler_waits(suite: &Suite) {
    let waits = |gate: Arc<Semaphore>| async move {
        pass(&gate).await;
        Ok(())
    };
    let (service, gate) = result_before(suite, "10ms", waits).await;
    gate.add_permits(1);
    service.shutdown().await;
}

pub async fn a_result_is_published_while_the_next_message_waits_for_its_retry(suite: &Suite) {
    let fails = |_| async { Err(HandlerError::retryable("not yet")) };
    let (service, _) = result_before(suite, "5m", fails).await;
    service.shutdown().await;
}

pub async fn two_inputs_of_one_destination_each_get_every_message(suite: &Suite) {
    let (first, second) = (Ledger::default(), Ledger::default());
    let mut other = noting(&second);
    other.function = "other";
    other.input = Some(BindingName::input("other", 0));
    let plan = suite.application(noting(&first)).listener(other);
    let destination = suite.destination("in");
    let group = Suite::group(&destination, "other");
    let plan = plan
        .property("stream.bindings.other-in-0.destination", &destination)
        .property("stream.bindings.other-in-0.group", &group);
    let service = plan.start().await;
    let publisher = suite.publisher(&service.input.destination).await;
    publisher.publish_texts(numbered("", 50)).await;
    eventually(suite.deadline(), "both to get every message", || {
        first.len() >= 50 && second.len() >= 50
    })
    .await;
    assert_eq!(first.texts(), numbered("", 50));
    assert_eq!(second.texts(), numbered("", 50));
    service.shutdown().await;
}

pub async fn a_stop_waits_for_the_handler_and_settles_its_message(suite: &Suite) {
    let (ledger, gate) = (Ledger::default(), Arc::new(Semaphore::new(0)));
    let service = suite.application(gated(&ledger, &gate)).start().await;
    let publisher = suite.publisher(&service.input.destination).await;
    publisher.publish_texts(["a", "b"]).await;
    eventually(suite.deadline(), "a handler that runs", || ledger.len() == 1).await;
    let binding = service.binding();
    let stopped = AtomicBool::new(false);
    let stopping = async {
        suite.within("the binding to stop", binding.stop()).await.unwrap();
        stopped.store(true, Ordering::SeqCst);
    };
    let opening = async {
        binding
            .wait_for(&[BindingState::Stopped], suite.deadline() / 20)
            .await
            .expect_err("a handler runs");
        assert!(!stopped.load(Ordering::SeqCst), "a stop waits for the handler");
        gate.add_permits(100);
    };
    tokio::join!(stopping, opening);
    assert_eq!(ledger.texts()[..2], ["a begins", "a ends"]);
    // What was not started goes on when the binding is started again; what was done doesn't come again.
    binding.start().await.unwrap();
    publisher.publish_texts(["c"]).await;
    eventually(suite.deadline(), "the last message", || {
        ledger.texts().iter().any(|text| text == "c ends")
    })
    .await;
    for text in ["a begins", "b ends", "c ends"] {
        assert_eq!(ledger.attempts(text).len(), 1, "{text}: {:?}", ledger.texts());
    }
    service.shutdown().await;
}

pub async fn a_handler_that_hangs_is_given_up_at_the_deadline_and_its_message_comes_again(suite: &Suite) {
    let (ledger, gate) = (Ledger::default(), Arc::new(Semaphore::new(0)));
    let plan = suite.application(gated(&ledger, &gate));
    let service = plan.property("stream.shutdown-timeout", "1s").start().await;
    let publisher = suite.publisher(&service.input.destination).await;
    publisher.publish_texts(["a"]).await;
    eventually(suite.deadline(), "a handler that runs", || ledger.len() == 1).await;
    let input = service.input.clone();
    // Whether giving the handler up counts as a late end is the runtime's business; it ends.
    let _ = suite
        .within("the application to end", service.running.shutdown())
        .await;
    let mut again = suite.bind(&input).await;
    assert_eq!(again.take_texts(1).await, ["a"]);
    assert_eq!(ledger.texts(), ["a begins"]);
    again.close().await;
}

pub async fn a_stopped_input_starts_again_where_it_was(suite: &Suite) {
    let ledger = Ledger::default();
    let service = suite.application(noting(&ledger)).start().await;
    let publisher = suite.publisher(&service.input.destination).await;
    let binding = service.binding();
    let mut sent = Vec::new();
    for round in 0..3 {
        let texts = numbered(&format!("{round}-"), 20);
        publisher.publish_texts(texts.clone()).await;
        sent.extend(texts);
        binding.start().await.unwrap();
        eventually(suite.deadline(), "what was sent", || ledger.len() >= sent.len()).await;
        binding.stop().await.unwrap();
        assert_eq!(binding.state(), BindingState::Stopped);
    }
    assert_eq!(ledger.texts(), sent, "once each, in order");
    service.shutdown().await;
}

pub async fn publishing_after_the_end_is_an_error(suite: &Suite) {
    let output = suite.destination("out");
    suite.register(&suite.input(&output, "g")).await;
    let listener = relayer(|work: Work| async move { Ok(work.text) });
    let service = suite.application(listener).start().await;
    let bridge = service.running.stream_bridge();
    let sent = suite.within("a publication", bridge.send("work-out-0", "a".to_owned()));
    sent.await.unwrap();
    service.shutdown().await;
    let late = suite.within("an answer", bridge.send("work-out-0", "late".to_owned()));
    let error = late.await.expect_err("the application has ended");
    assert_eq!(error.kind(), ErrorKind::Closed, "{error:?}");
}
