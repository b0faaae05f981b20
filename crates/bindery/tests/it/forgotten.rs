//! A producer that drops a record with its confirm: the record is made again, however often, and that is no attempt more.

use std::sync::{Arc, Mutex};

use bindery::memory::MemoryBroker;
use bindery::prelude::*;
use bindery::{Settlement, Source, listeners};

use crate::fixture::{application, eventually, started};
use crate::scripted::{Script, ScriptedFactory, delivery};

#[stream_listener]
async fn pass(text: String, attempt: Attempt, attempts: State<Arc<Mutex<Vec<u32>>>>) -> String {
    attempts.lock().unwrap().push(attempt.0);
    text
}

const YAML: &str = "
stream.default-binder: scripted
stream.bindings:
  pass-in-0: { destination: in, group: g, content-type: text/plain, consumer.max-attempts: 2 }
  pass-out-0: { destination: out }
";

#[tokio::test(start_paused = true)]
async fn a_record_that_is_dropped_is_made_again_and_costs_no_attempt() {
    let script = Arc::new(Script::default());
    *script.forgets.lock().unwrap() = 5;
    let deliveries = script.consumer();
    let attempts = Arc::new(Mutex::new(Vec::<u32>::new()));
    let application = application(&MemoryBroker::new(), YAML, listeners![pass])
        .binder(Arc::new(ScriptedFactory(script.clone())))
        .state(attempts.clone());
    let running = started(application).await;
    let source = Source::new(0, 1, "in-0", Some(0));
    deliveries.send(delivery(&source, 0, "a")).unwrap();
    eventually("the message is settled", || {
        !script.settled.lock().unwrap().is_empty()
    })
    .await;
    assert_eq!(*script.settled.lock().unwrap(), [(0, 1, 0, Settlement::Accept)]);
    assert_eq!(*attempts.lock().unwrap(), [1; 6]);
    running.shutdown().await.unwrap();
}
