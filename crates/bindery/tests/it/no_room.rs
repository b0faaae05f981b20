//! A source ends while an output has no room: what was started and could not be sent goes back, and what came after it in
//! its lane isn't finished before it.

use std::sync::{Arc, Mutex};

use bindery::memory::MemoryBroker;
use bindery::prelude::*;
use bindery::{BindingState, DeliveryBatch, Running, Settlement, Source, listeners};
use tokio::sync::mpsc::UnboundedSender;

use crate::fixture::{DEADLINE, application, eventually, started};
use crate::scripted::{Script, ScriptedFactory, delivery};

/// Where the deliveries of the input come from, for as long as it runs.
type Deliveries = UnboundedSender<DeliveryBatch>;

struct Seen {
    source: Arc<Source>,
    texts: Mutex<Vec<String>>,
}

/// Publishes what begins with `result`, fails for good at `bad`, and is the last of its source at `last`.
#[stream_listener]
async fn sort(text: String, seen: State<Arc<Seen>>) -> Result<Option<String>, HandlerError> {
    seen.texts.lock().unwrap().push(text.clone());
    if text.ends_with("last") {
        seen.source.revoked.cancel();
    }
    match text.as_str() {
        "bad" => Err(HandlerError::permanent("bad")),
        text => Ok(text.starts_with("result").then(|| text.to_owned())),
    }
}

/// An application whose output has no producer, and texts that are there together.
async fn without_room(texts: &[&str]) -> (Running, Arc<Script>, Arc<Seen>, Deliveries) {
    let script = Arc::new(Script::default());
    let deliveries = script.consumer();
    let seen = Arc::new(Seen {
        source: Source::new(0, 1, "in-0", Some(0)),
        texts: Mutex::default(),
    });
    let yaml = "
stream.bindings:
  sort-in-0: { destination: in, group: g, binder: scripted, content-type: text/plain, consumer.on-exhausted: skip }
  sort-out-0: { destination: out, binder: memory }
";
    let application = application(&MemoryBroker::new(), yaml, listeners![sort])
        .binder(Arc::new(ScriptedFactory(script.clone())))
        .state(seen.clone());
    let running = started(application).await;
    let output = running.bindings().named("sort-out-0").remove(0);
    output.stop().await.unwrap();
    output.wait_for(&[BindingState::Stopped], DEADLINE).await.unwrap();
    let batches = texts
        .iter()
        .zip(0..)
        .map(|(text, position)| delivery(&seen.source, position, text));
    let together = batches.reduce(|mut all, one| {
        all.deliveries.extend(one.deliveries);
        all
    });
    deliveries.send(together.unwrap()).unwrap();
    (running, script, seen, deliveries)
}

/// Waits until so many messages are settled, and tells how, in the order in which they were.
async fn settled(script: &Script, count: usize) -> Vec<(u64, Settlement)> {
    eventually("everything is settled", || {
        script.settled.lock().unwrap().len() == count
    })
    .await;
    let settled = script.settled.lock().unwrap();
    settled
        .iter()
        .map(|(_, _, position, settlement)| (*position, *settlement))
        .collect()
}

#[tokio::test]
async fn what_failed_or_had_nothing_to_send_goes_back_behind_what_could_not_be_sent() {
    let (running, script, seen, _deliveries) = without_room(&["result", "nothing", "bad"]).await;
    eventually("every handler is done", || seen.texts.lock().unwrap().len() == 3).await;
    assert_eq!(*script.settled.lock().unwrap(), []);
    seen.source.revoked.cancel();
    let back = |position| (position, Settlement::Release);
    assert_eq!(settled(&script, 3).await, [0, 1, 2].map(back));
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_is_not_started_goes_back_behind_what_was() {
    let (running, script, seen, _deliveries) = without_room(&["result and last", "result", "result"]).await;
    let back = |position| (position, Settlement::Release);
    assert_eq!(settled(&script, 3).await, [0, 1, 2].map(back));
    assert_eq!(seen.texts.lock().unwrap().len(), 1);
    running.shutdown().await.unwrap();
}
