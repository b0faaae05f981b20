//! Sources that end and begin again, and consumers that end by themselves.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bindery::memory::MemoryBroker;
use bindery::prelude::*;
use bindery::{Settlement, Source, listeners};
use tokio::sync::Semaphore;

use crate::fixture::{application, eventually};
use crate::logs::Logs;
use crate::scripted::{Script, ScriptedFactory, delivery};

struct Work {
    started: Mutex<Vec<String>>,
    permits: Semaphore,
}

#[stream_listener]
async fn slow(text: String, work: State<Arc<Work>>) {
    work.started.lock().unwrap().push(text.clone());
    if text != "marker" {
        work.permits.acquire().await.unwrap().forget();
    }
}

fn with_slow(script: &Arc<Script>, work: &Arc<Work>) -> Application {
    let yaml = "
stream.default-binder: scripted
stream.bindings.slow-in-0: { destination: in, group: g, content-type: text/plain }
";
    application(&MemoryBroker::new(), yaml, listeners![slow])
        .binder(Arc::new(ScriptedFactory(script.clone())))
        .state(work.clone())
}

fn work(permits: usize) -> Arc<Work> {
    Arc::new(Work {
        started: Mutex::default(),
        permits: Semaphore::new(permits),
    })
}

#[tokio::test]
async fn what_comes_late_of_an_ended_source_goes_back_and_opens_no_second_lane() {
    let script = Arc::new(Script::default());
    let deliveries = script.consumer();
    let work = work(0);
    let running = with_slow(&script, &work).start().await.unwrap();
    let first = Source::new(0, 1, "in-0", Some(0));
    let second = Source::new(0, 2, "in-0", Some(0));
    let other = Source::new(1, 1, "in-1", Some(1));
    let started = |count: usize| {
        let work = work.clone();
        move || work.started.lock().unwrap().len() == count
    };
    first.revoked.cancel();
    deliveries.send(delivery(&second, 10, "a")).unwrap();
    eventually("the first message is started", started(1)).await;
    deliveries.send(delivery(&first, 11, "late")).unwrap();
    deliveries.send(delivery(&second, 11, "b")).unwrap();
    // What stands behind it in the stream is started: so would it be, had it a lane of its own.
    deliveries.send(delivery(&other, 0, "marker")).unwrap();
    eventually("the marker is handled", || {
        work.started.lock().unwrap().contains(&"marker".to_owned())
    })
    .await;
    assert_eq!(*work.started.lock().unwrap(), ["a", "marker"]);
    assert!(
        script
            .settled
            .lock()
            .unwrap()
            .contains(&(0, 1, 11, Settlement::Release)),
        "what came late goes back"
    );
    work.permits.add_permits(2);
    eventually("the rest is handled", started(3)).await;
    running.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_ends_as_soon_as_it_is_bound_is_bound_again_ever_more_slowly() {
    let script = Arc::new(Script::default());
    let running = with_slow(&script, &work(0)).start().await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let binds = script.binds();
    assert!((5..=20).contains(&binds), "{binds} binds within a minute");
    let health = running.bindings().named("slow-in-0").remove(0).health();
    assert!(
        health
            .reason
            .as_deref()
            .is_some_and(|reason| reason.contains("ended by itself")),
        "{health:?}"
    );
    running.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_ends_after_an_hour_is_bound_again_at_once() {
    let script = Arc::new(Script::default());
    let mut consumers: Vec<_> = (0..3).map(|_| script.consumer()).collect();
    let running = with_slow(&script, &work(0)).start().await.unwrap();
    for binds in 1..=3 {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(script.binds(), binds);
        drop(consumers.remove(0));
        tokio::time::sleep(Duration::from_millis(250)).await;
        assert_eq!(script.binds(), binds + 1);
    }
    running.shutdown().await.unwrap();
}

#[stream_listener]
async fn pass(text: String, work: State<Arc<Work>>) -> String {
    work.started.lock().unwrap().push(text.clone());
    work.permits.acquire().await.unwrap().forget();
    text
}

#[tokio::test(start_paused = true)]
async fn a_message_that_comes_again_elsewhere_is_not_told_to_wait_for_its_output() {
    let logs = Logs::capture();
    let (script, broker, work) = (Arc::new(Script::default()), MemoryBroker::new(), work(0));
    let deliveries = script.consumer();
    let yaml = "
stream.bindings.pass-in-0: { destination: in, group: g, binder: scripted, content-type: text/plain }
stream.bindings.pass-out-0: { destination: out, binder: memory }
";
    let application = application(&broker, yaml, listeners![pass])
        .binder(Arc::new(ScriptedFactory(script.clone())))
        .state(work.clone());
    let running = application.start().await.unwrap();
    let source = Source::new(0, 1, "in-0", Some(0));
    for position in 0..3 {
        deliveries.send(delivery(&source, position, "a")).unwrap();
    }
    eventually("a message is started", || {
        !work.started.lock().unwrap().is_empty()
    })
    .await;
    // Its broker is away, and the message is somebody else's by now.
    broker.disconnect();
    source.revoked.cancel();
    work.permits.add_permits(3);
    eventually("all of them are given back", || {
        let settled = script.settled.lock().unwrap();
        settled
            .iter()
            .filter(|(.., settlement)| *settlement == Settlement::Release)
            .count()
            == 3
    })
    .await;
    assert!(
        logs.with("the output `pass-out-0`").is_empty(),
        "{:?}",
        logs.with("the output")
    );
    broker.reconnect();
    running.shutdown().await.unwrap();
}
