//! Lifecycle: late binding, pausing, stopping in order, and problems that stop a start.

use std::sync::{Arc, Mutex};

use bindery::memory::MemoryBroker;
use bindery::prelude::*;
use bindery::{BindingState, ErrorKind, StateChange};
use tokio::sync::Semaphore;

use crate::fixture::{DEADLINE, Order, application, eventually, order, started, text};

struct Work {
    permits: Semaphore,
    started: Mutex<Vec<u32>>,
}

#[stream_listener]
async fn work(order: Order, state: State<Arc<Work>>) -> Order {
    state.started.lock().unwrap().push(order.id);
    state.permits.acquire().await.unwrap().forget();
    order
}

#[stream_listener]
async fn idle(_order: Order) {}

const YAML: &str = "
stream.bindings:
  work-in-0: { destination: in, group: g }
  work-out-0: { destination: out }
";

fn state(permits: usize) -> Arc<Work> {
    Arc::new(Work {
        permits: Semaphore::new(permits),
        started: Mutex::default(),
    })
}

#[tokio::test]
async fn an_application_is_not_ready_before_its_bindings_run() {
    let yaml =
        format!("{YAML}  idle-in-0: {{ destination: other, group: g, consumer.auto-startup: false }}\n");
    let listeners = listeners![work, idle];
    let application = application(&MemoryBroker::new(), &yaml, listeners).state(state(0));
    // On this one thread nothing has begun to bind yet.
    let running = application.start().await.unwrap();
    assert!(!running.health().is_ready(), "{:?}", running.health());
    let idle = running.bindings().named("idle-in-0").remove(0);
    assert_eq!(idle.state(), BindingState::Stopped);
    running.wait_ready(DEADLINE).await.unwrap();
    assert!(running.health().is_ready(), "{:?}", running.health());
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_stop_finishes_what_is_started_and_gives_the_rest_back() {
    let broker = MemoryBroker::new();
    let work_state = state(0);
    let running = started(application(&broker, YAML, listeners![work]).state(work_state.clone())).await;
    for id in 0..10 {
        broker.publish_record("in", order(id)).unwrap();
    }
    eventually("the first is started", || {
        !work_state.started.lock().unwrap().is_empty()
    })
    .await;
    let input = running.bindings().named("work-in-0").remove(0);
    let stopping = tokio::spawn(async move { input.stop().await });
    // The binding's task hears of it before the handler goes on, which shares its thread.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    work_state.permits.add_permits(1);
    stopping.await.unwrap().unwrap();
    assert_eq!(broker.messages("out").len(), 1, "what was started is published");
    assert_eq!(broker.lag("in", "g"), Some(9), "the rest is unsettled");
    work_state.permits.add_permits(9);
    running.bindings().named("work-in-0")[0].start().await.unwrap();
    broker.await_settled("in", "g", DEADLINE).await.unwrap();
    let published: Vec<_> = broker.messages("out").iter().map(text).collect();
    assert_eq!(
        published,
        (0..10).map(|id| format!(r#"{{"id":{id}}}"#)).collect::<Vec<_>>(),
        "each once, in order"
    );
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_paused_binding_takes_nothing_until_it_is_resumed() {
    let broker = MemoryBroker::new();
    let running = started(application(&broker, YAML, listeners![work]).state(state(100))).await;
    let operations = running.operations();
    operations
        .change_state("workIn0", StateChange::Paused)
        .await
        .unwrap();
    let input = running.bindings().named("work-in-0").remove(0);
    assert_eq!(input.state(), BindingState::Paused);
    broker.publish_record("in", order(1)).unwrap();
    assert_eq!(broker.messages("out").len(), 0);
    operations
        .change_state("work-in-0", StateChange::Resumed)
        .await
        .unwrap();
    broker.await_messages("out", 1, DEADLINE).await.unwrap();
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_binding_that_is_paused_while_it_is_stopped_is_paused_when_it_is_started() {
    let broker = MemoryBroker::new();
    let running = started(application(&broker, YAML, listeners![work]).state(state(100))).await;
    let input = running.bindings().named("work-in-0").remove(0);
    input.stop().await.unwrap();
    input.pause().await.unwrap();
    assert_eq!(input.state(), BindingState::Stopped);
    input.start().await.unwrap();
    let bound = [BindingState::Running, BindingState::Paused];
    assert_eq!(
        input.wait_for(&bound, DEADLINE).await.unwrap(),
        BindingState::Paused
    );
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_broker_that_is_away_at_start_is_waited_for() {
    let broker = MemoryBroker::new();
    broker.faults().fail_binds(4);
    let running = application(&broker, YAML, listeners![work])
        .state(state(1))
        .start()
        .await
        .unwrap();
    running.wait_ready(DEADLINE).await.unwrap();
    broker.publish_record("in", order(1)).unwrap();
    broker.await_messages("out", 1, DEADLINE).await.unwrap();
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_cut_connection_heals_by_itself_and_loses_nothing() {
    let broker = MemoryBroker::new();
    let running = started(application(&broker, YAML, listeners![work]).state(state(1_000))).await;
    for id in 0..200 {
        broker.publish_record("in", order(id)).unwrap();
        if id == 100 {
            broker.disconnect();
            broker.reconnect();
        }
    }
    broker.await_settled("in", "g", DEADLINE).await.unwrap();
    let mut published: Vec<_> = broker.messages("out").iter().map(text).collect();
    published.sort();
    published.dedup();
    assert_eq!(published.len(), 200);
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn two_applications_live_in_one_process_and_share_a_group() {
    let broker = MemoryBroker::new();
    let yaml = format!("{YAML}\nstream.memory.binder.min-partition-count: 4\n");
    let first = started(application(&broker, &yaml, listeners![work]).state(state(1_000))).await;
    let second = started(application(&broker, &yaml, listeners![work]).state(state(1_000))).await;
    for id in 0..100 {
        let mut record = order(id);
        record.partition = Some((id % 4) as i32);
        broker.publish_record("in", record).unwrap();
    }
    broker.await_settled("in", "g", DEADLINE).await.unwrap();
    first.shutdown().await.unwrap();
    second.shutdown().await.unwrap();
    assert_eq!(
        broker.messages("out").len(),
        100,
        "each message is handled by one of them"
    );
}

#[tokio::test]
async fn a_start_with_problems_starts_nothing_and_names_them() {
    let broker = MemoryBroker::new();
    let yaml = "stream.bindings.work-in-0: { destinatoin: in, consumer: { max-attempts: many } }";
    let error = application(&broker, yaml, listeners![work])
        .state(state(0))
        .start()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let text = error.to_string();
    assert!(
        text.contains("2 problems") && text.contains("destination") && text.contains("test.yaml:1:"),
        "{text}"
    );
    assert!(broker.destinations().is_empty());
}

#[tokio::test]
async fn a_missing_state_is_found_before_anything_starts() {
    let broker = MemoryBroker::new();
    let error = application(&broker, YAML, listeners![work])
        .start()
        .await
        .unwrap_err();
    assert!(error.to_string().contains("no state of type"), "{error}");
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let broker = MemoryBroker::new();
    let running = started(application(&broker, YAML, listeners![work]).state(state(10))).await;
    for id in 0..3 {
        broker.publish_record("in", order(id)).unwrap();
    }
    broker.await_settled("in", "g", DEADLINE).await.unwrap();
    let operations = running.operations();
    let labels = r#"binding="work-in-0",destination="in",group="g""#;
    eventually("three are handled", || {
        operations
            .metrics()
            .contains(&format!("bindery_messages_handled_total{{{labels}}} 3"))
    })
    .await;
    let text = operations.metrics();
    assert!(
        text.contains(&format!("bindery_messages_received_total{{{labels}}} 3")),
        "{text}"
    );
    assert!(text.contains("bindery_handler_seconds_bucket"), "{text}");
    assert!(
        text.contains("bindery_messages_published_total{binding=\"work-out-0\",destination=\"out\"} 3"),
        "{text}"
    );
    running.shutdown().await.unwrap();
}
