//! What stands before finished work of a source is finished too when the source ends: a broker that keeps one position
//! for each partition delivers everything behind the first gap again.

use std::sync::{Arc, Mutex};

use bindery::memory::MemoryBroker;
use bindery::prelude::*;
use bindery::{DeliveryBatch, Settlement, Source, listeners};
use tokio::sync::Semaphore;

use crate::fixture::{application, eventually};
use crate::scripted::{Script, ScriptedFactory, delivery};

#[derive(Default)]
struct Work {
    done: Mutex<Vec<String>>,
    slow: Option<Semaphore>,
}

/// Waits for a permit when the text begins with `slow`.
#[stream_listener]
async fn note(text: String, work: State<Arc<Work>>) {
    if text.starts_with("slow") {
        work.slow.as_ref().unwrap().acquire().await.unwrap().forget();
    }
    work.done.lock().unwrap().push(text);
}

fn keyed(source: &Arc<Source>, position: u64, key: &'static str, text: &str) -> DeliveryBatch {
    let mut batch = delivery(source, position, text);
    batch.deliveries[0].message.key = Some(key.into());
    batch
}

#[tokio::test]
async fn an_ended_source_leaves_no_gap_before_finished_work_and_starts_nothing_behind_it() {
    let script = Arc::new(Script::default());
    let deliveries = script.consumer();
    let work = Arc::new(Work {
        done: Mutex::default(),
        slow: Some(Semaphore::new(0)),
    });
    let yaml = "
stream.default-binder: scripted
stream.bindings.note-in-0: { destination: in, group: g, content-type: text/plain, consumer.ordering: key }
";
    let application = application(&MemoryBroker::new(), yaml, listeners![note])
        .binder(Arc::new(ScriptedFactory(script.clone())))
        .state(work.clone());
    let running = application.start().await.unwrap();
    let source = Source::new(0, 1, "in-0", Some(0));
    for (position, key, text) in [
        (0, "a", "slow a0"),
        (1, "a", "a1"),
        (2, "b", "b2"),
        (3, "a", "a3"),
    ] {
        deliveries.send(keyed(&source, position, key, text)).unwrap();
    }
    eventually("the other key is done", || {
        work.done.lock().unwrap().contains(&"b2".to_owned())
    })
    .await;
    source.revoked.cancel();
    work.slow.as_ref().unwrap().add_permits(1);
    let settled = || {
        let mut settled = script.settled.lock().unwrap().clone();
        settled.sort_by_key(|(_, _, position, _)| *position);
        settled
    };
    eventually("everything is settled", || settled().len() == 4).await;
    let expected = [
        Settlement::Accept,
        Settlement::Accept,
        Settlement::Accept,
        Settlement::Release,
    ];
    let found: Vec<_> = settled()
        .into_iter()
        .map(|(_, _, _, settlement)| settlement)
        .collect();
    assert_eq!(found, expected, "positions 0 to 3");
    assert_eq!(*work.done.lock().unwrap(), ["b2", "slow a0", "a1"]);
    running.shutdown().await.unwrap();
}
