//! An application whose broker goes away in the middle of its work, and comes back. Needs the runtime.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bindery_core::{HandlerError, OutboundRecord};
use bindery_runtime::BindingState;
use tokio::sync::Notify;

use super::numbered;
use crate::Suite;
use crate::service::{Ledger, Work, relayer, worker};
use crate::suite::{eventually, keyed};

/// Cuts the line when the ledger has `count` calls, and restores it a moment later.
async fn blink_at(suite: &Suite, ledger: &Ledger, count: usize) {
    let what = format!("{count} calls before the cut");
    eventually(suite.deadline(), &what, || ledger.len() >= count).await;
    (suite.outage().cut)();
    tokio::time::sleep(Duration::from_millis(300)).await;
    (suite.outage().restore)();
}

pub async fn an_outage_loses_no_result(suite: &Suite) {
    let output = suite.destination("out");
    let mut results = suite.bind(&suite.input(&output, "results")).await;
    let ledger = Ledger::default();
    let noted = ledger.clone();
    let listener = relayer(move |work: Work| {
        noted.note(&work.text, work.attempt);
        async move { Ok(format!("{} done", work.text)) }
    });
    let service = suite.frail_application(listener).start().await;
    let publisher = suite.publisher(&service.input.destination).await;
    let cutting = async {
        blink_at(suite, &ledger, 100).await;
        blink_at(suite, &ledger, 900).await;
    };
    let mut missing: BTreeSet<String> = numbered("", 1_500)
        .iter()
        .map(|text| format!("{text} done"))
        .collect();
    let taking = async {
        while !missing.is_empty() {
            for text in results.take_texts(1).await {
                missing.remove(&text);
            }
        }
    };
    tokio::join!(publisher.insist(numbered("", 1_500)), cutting, taking);
    service.idle().await;
    results.close().await;
    service.shutdown().await;
}

pub async fn each_key_stays_in_order_through_an_outage(suite: &Suite) {
    let ledger = Ledger::default();
    let noted = ledger.clone();
    let listener = worker(move |work: Work| {
        noted.note(&format!("{} {}", work.key, work.text), work.attempt);
        async { Ok(()) }
    });
    let plan = suite.frail_application(listener);
    let service = plan.consumer("ordering", "key").start().await;
    let publisher = suite.publisher(&service.input.destination).await;
    let records: Vec<OutboundRecord> = (0..800)
        .map(|number| keyed(&format!("k{}", number % 8), format!("{:03}", number / 8)))
        .collect();
    publisher.publish(records[..400].to_vec()).await;
    blink_at(suite, &ledger, 50).await;
    // The memory broker's lines are all cut at once, so this side waits until it is let in again.
    publisher.insist(["ready"]).await;
    publisher.publish(records[400..].to_vec()).await;
    let first_calls = || {
        let mut first: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for text in ledger.texts() {
            if let Some((key, number)) = text.split_once(' ')
                && key.starts_with('k')
            {
                let numbers = first.entry(key.to_owned()).or_default();
                if !numbers.iter().any(|known| known == number) {
                    numbers.push(number.to_owned());
                }
            }
        }
        first
    };
    eventually(suite.deadline(), "every message of every key", || {
        first_calls().values().map(Vec::len).sum::<usize>() == 800
    })
    .await;
    for (key, numbers) in first_calls() {
        assert!(numbers.is_sorted(), "{key}: {numbers:?}");
    }
    service.idle().await;
    service.shutdown().await;
}

pub async fn attempts_and_the_dead_letter_survive_an_outage(suite: &Suite) {
    let ledger = Ledger::default();
    let noted = ledger.clone();
    let listener = worker(move |work: Work| {
        noted.note(&work.text, work.attempt);
        async move {
            match work.text.as_str() {
                "fails" => Err(HandlerError::retryable("not now")),
                _ => Ok(()),
            }
        }
    });
    let plan = suite.frail_application(listener).with_dead_letter();
    let plan = plan.consumer("max-attempts", "3");
    let service = plan.consumer("back-off-initial-interval", "200ms").start().await;
    let mut dead_letters = service.dead_letters().await;
    let publisher = suite.publisher(&service.input.destination).await;
    publisher.publish_texts(["fails", "good"]).await;
    blink_at(suite, &ledger, 1).await;
    publisher.insist(["after"]).await;
    let copies = dead_letters.take(1).await;
    assert_eq!(copies[0].text(), "fails");
    let attempts = copies[0].message.headers.get("x-bindery-attempts");
    assert_eq!(attempts.and_then(bindery_core::HeaderValue::as_i64), Some(3));
    dead_letters.accept(copies);
    eventually(suite.deadline(), "what came behind", || {
        ledger.has_all(&["good".to_owned(), "after".to_owned()])
    })
    .await;
    service.idle().await;
    // A delivery that the cut ended may have begun; the next one begins with its first attempt.
    let attempts = ledger.attempts("fails");
    let starts = attempts.iter().filter(|attempt| **attempt == 1).count();
    assert!(starts <= 2 && attempts.len() <= 6, "{attempts:?}");
    dead_letters.close().await;
    service.shutdown().await;
}

pub async fn a_batch_with_a_failing_message_survives_an_outage(suite: &Suite) {
    let ledger = Ledger::default();
    let plan = suite
        .frail_application(super::batched(&ledger))
        .with_dead_letter();
    let plan = plan.consumer("batch-mode", "true").consumer("batch-size", "5");
    let service = plan.start().await;
    let mut dead_letters = service.dead_letters().await;
    let publisher = suite.publisher(&service.input.destination).await;
    let mut texts = numbered("", 200);
    texts.insert(100, "never passes".to_owned());
    let publishing = publisher.insist(texts);
    tokio::join!(publishing, blink_at(suite, &ledger, 20));
    assert_eq!(dead_letters.take_texts(1).await, ["never passes"]);
    eventually(suite.deadline(), "every other message", || {
        ledger.has_all(&numbered("", 200))
    })
    .await;
    service.idle().await;
    dead_letters.close().await;
    service.shutdown().await;
}

pub async fn a_handler_that_runs_through_an_outage_is_not_forgotten(suite: &Suite) {
    let (ledger, gate) = (Ledger::default(), Arc::new(Notify::new()));
    let (noted, waited) = (ledger.clone(), gate.clone());
    let listener = worker(move |work: Work| {
        let (ledger, gate) = (noted.clone(), waited.clone());
        async move {
            ledger.note(&work.text, work.attempt);
            if work.text == "slow" {
                gate.notified().await;
            }
            Ok(())
        }
    });
    let service = suite.frail_application(listener).start().await;
    let publisher = suite.publisher(&service.input.destination).await;
    publisher.publish_texts(["slow"]).await;
    blink_at(suite, &ledger, 1).await;
    publisher.insist(["after"]).await;
    // Where the delivery died with its connection, the message comes again and waits as well.
    let opening = async {
        loop {
            gate.notify_waiters();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let after = eventually(suite.deadline(), "what came behind", || {
        ledger.texts().iter().any(|text| text == "after")
    });
    tokio::select! {
        () = after => {}
        () = opening => {}
    }
    gate.notify_one();
    service.idle().await;
    let input = service.input.clone();
    service.shutdown().await;
    publisher.publish_texts(["next"]).await;
    let mut again = suite.bind(&input).await;
    assert_eq!(again.take_texts(1).await, ["next"], "both are settled");
    again.close().await;
}

pub async fn a_shutdown_in_an_outage_ends_and_loses_nothing(suite: &Suite) {
    let ledger = Ledger::default();
    let noted = ledger.clone();
    let listener = worker(move |work: Work| {
        noted.note(&work.text, work.attempt);
        std::future::pending()
    });
    let plan = suite.frail_application(listener);
    let service = plan.property("stream.shutdown-timeout", "2s").start().await;
    let publisher = suite.publisher(&service.input.destination).await;
    publisher.publish_texts(["a"]).await;
    eventually(suite.deadline(), "a handler that runs", || ledger.len() == 1).await;
    (suite.outage().cut)();
    let input = service.input.clone();
    // Without its broker the application may end late by its own account; it ends.
    let _ = suite
        .within("the application to end", service.running.shutdown())
        .await;
    (suite.outage().restore)();
    let mut again = suite.bind(&input).await;
    assert_eq!(again.take_texts(1).await, ["a"]);
    again.close().await;
}

pub async fn an_application_that_starts_in_an_outage_runs_when_the_broker_is_there(suite: &Suite) {
    let ledger = Ledger::default();
    let noted = ledger.clone();
    let listener = worker(move |work: Work| {
        noted.note(&work.text, work.attempt);
        async { Ok(()) }
    });
    let plan = suite.frail_application(listener);
    (suite.outage().cut)();
    let service = plan
        .property("stream.binding-retry-interval", "1")
        .start_unready()
        .await;
    let binding = service.binding();
    eventually(suite.deadline(), "the binding to say why it waits", || {
        binding.health().reason.is_some()
    })
    .await;
    assert_eq!(binding.state(), BindingState::Starting);
    (suite.outage().restore)();
    service.ready().await;
    let publisher = suite.publisher(&service.input.destination).await;
    publisher.publish_texts(["a"]).await;
    eventually(suite.deadline(), "the message", || ledger.len() == 1).await;
    service.shutdown().await;
}
