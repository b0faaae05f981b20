//! What disturbs everybody on a broker, or counts what the whole process holds: a binary of its own, whose tests run one
//! after the other. `cargo xtask test` says where the broker is and how it is told what to do (`RABBITMQCTL`).

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "tests end with the first thing that goes wrong"
)]

use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bindery_conformance::{Answers, Relay};
use bindery_core::{BinderSpec, Options, Status};
use futures_util::StreamExt;
use serde_json::json;

#[path = "../it/support.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the other integration tests use the rest of it"
)]
mod support;

use support::*;

/// Runs a test while no other test of this process runs.
fn alone(test: impl Future<Output = ()>) {
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test);
}

/// Asks the broker's own command-line tool; returns what it printed.
fn control(arguments: &[&str]) -> String {
    let mut command = Command::new(variable("RABBITMQCTL"));
    if let Ok(node) = std::env::var("RABBITMQ_NODENAME") {
        command.args(["-n", &node]);
    }
    let output = command.arg("--quiet").args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let problem = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {text}{problem}");
    text.trim().to_owned()
}

/// Puts the broker back as it was, whatever becomes of the test.
struct Afterwards(Vec<Vec<String>>);

impl Drop for Afterwards {
    fn drop(&mut self) {
        for arguments in &self.0 {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            control(&arguments);
        }
    }
}

fn words(command: &[&str]) -> Vec<String> {
    command.iter().map(|word| (*word).to_owned()).collect()
}

/// The broker runs out of memory, as far as it knows; back to normal when the value is dropped.
fn memory_alarm() -> Afterwards {
    let known = control(&["eval", "vm_memory_monitor:get_vm_memory_high_watermark()."]);
    let normal = words(&["set_vm_memory_high_watermark", &known]);
    let afterwards = Afterwards(vec![normal]);
    control(&["set_vm_memory_high_watermark", "0.0001"]);
    afterwards
}

/// Channels that are opened from now on may leave a delivery open for a second only.
fn short_consumer_timeout() -> Afterwards {
    let set = |name: &str, value: &str| format!("application:set_env(rabbit, {name}, {value}).");
    let values = ["consumer_timeout", "channel_tick_interval"].map(|name| {
        let known = control(&[
            "eval",
            &format!("{{ok, V}} = application:get_env(rabbit, {name}), V."),
        ]);
        words(&["eval", &set(name, &known)])
    });
    let afterwards = Afterwards(values.into());
    control(&["eval", &set("consumer_timeout", "1000")]);
    control(&["eval", &set("channel_tick_interval", "300")]);
    afterwards
}

#[test]
fn a_memory_alarm_fails_publications_as_temporary_and_leaves_consuming_alone() {
    alone(async {
        let binder = named_binder("alarm");
        let destination = unique("alarm");
        let mut input = binder
            .bind_consumer(&consumer(&destination, Some("g"), json!({})))
            .await
            .unwrap();
        let mut spec = producer(&destination, json!({}));
        spec.confirm_timeout = Duration::from_secs(5);
        let output = binder.bind_producer(&spec).await.unwrap();
        for number in 0..10 {
            send(&*output, record(number.to_string())).await.unwrap();
        }
        let alarm = memory_alarm();
        let error = send(&*output, record("blocked")).await.unwrap_err();
        assert!(error.is_temporary(), "{error:?}");
        assert!(error.report().contains("blocks publishers"), "{error:?}");
        let health = output.health();
        assert_eq!(health.status, Status::Degraded, "{health:?}");
        assert!(health.reason.unwrap().contains("blocks publishers"));
        // Deliveries and acknowledgements have a connection of their own.
        let batch = soon("a delivery in the alarm", input.deliveries.next())
            .await
            .unwrap();
        let source = batch.source.clone();
        let mut accepted = 0;
        for delivery in batch.deliveries {
            accept(&input, delivery);
            accepted += 1;
        }
        for delivery in receive(&mut input, 10 - accepted).await {
            accept(&input, delivery);
        }
        assert_eq!(input.control.health().status, Status::Up);
        drop(alarm);
        until("publishing to work again", || async {
            send(&*output, record("after")).await.is_ok()
        })
        .await;
        assert_eq!(output.health().status, Status::Up);
        // What was told as failed may have been published all the same.
        let mut text = String::new();
        while text != "after" {
            let delivery = receive(&mut input, 1).await.remove(0);
            text = accept(&input, delivery);
            assert!(["blocked", "after"].contains(&text.as_str()), "{text}");
        }
        assert!(!source.revoked.is_cancelled(), "no connection was lost");
        let name = format!("{destination}.g");
        input.control.close().await;
        output.close().await;
        binder.close().await;
        manage("DELETE", &format!("queues/%2F/{name}"), None).await;
    });
}

#[test]
fn a_delivery_that_is_open_for_too_long_ends_its_own_channel_only_and_comes_again() {
    alone(async {
        let afterwards = short_consumer_timeout();
        let binder = named_binder("timeout");
        let (slow, fast) = (unique("slow"), unique("fast"));
        let mut slow_input = binder
            .bind_consumer(&consumer(&slow, Some("g"), json!({})))
            .await
            .unwrap();
        let mut fast_input = binder
            .bind_consumer(&consumer(&fast, Some("g"), json!({})))
            .await
            .unwrap();
        let slow_output = binder.bind_producer(&producer(&slow, json!({}))).await.unwrap();
        let fast_output = binder.bind_producer(&producer(&fast, json!({}))).await.unwrap();
        send(&*slow_output, record("slow")).await.unwrap();
        send(&*fast_output, record("before")).await.unwrap();
        let held = soon("the slow message", slow_input.deliveries.next())
            .await
            .unwrap();
        let quick = soon("the fast message", fast_input.deliveries.next())
            .await
            .unwrap();
        let fast_source = quick.source.clone();
        for delivery in quick.deliveries {
            accept(&fast_input, delivery);
        }
        soon("the end of the slow channel", held.source.revoked.cancelled()).await;
        drop(afterwards);
        // Channels that were opened in the meantime may have ended the same way.
        let again = loop {
            let batch = soon("the slow message again", slow_input.deliveries.next())
                .await
                .unwrap();
            if !batch.source.revoked.is_cancelled() {
                break batch;
            }
        };
        assert!(again.source.generation > held.source.generation);
        assert!(again.deliveries[0].message.origin.redelivered);
        for delivery in again.deliveries {
            assert_eq!(accept(&slow_input, delivery), "slow");
        }
        until("the slow consumer to be up", || async {
            slow_input.control.health().status == Status::Up
        })
        .await;
        send(&*fast_output, record("after")).await.unwrap();
        let delivery = receive(&mut fast_input, 1).await.remove(0);
        assert_eq!(accept(&fast_input, delivery), "after");
        assert!(
            !fast_source.revoked.is_cancelled(),
            "the other consumer keeps its channel"
        );
        slow_input.control.close().await;
        fast_input.control.close().await;
        binder.close().await;
        for destination in [slow, fast] {
            manage("DELETE", &format!("queues/%2F/{destination}.g"), None).await;
        }
    });
}

/// Threads, open files and tasks of this process.
fn held() -> [usize; 3] {
    let entries = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    let tasks = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    [entries("/proc/self/task"), entries("/proc/self/fd"), tasks]
}

#[test]
fn fifty_lost_connections_leave_no_thread_file_or_task_behind() {
    alone(async {
        let relay = Relay::start(&address(), Answers::Plain);
        let connection = json!({ "addresses": [relay.address()] });
        let binder = binder_with("leaks", connection.clone());
        let line = relay.outage(BinderSpec {
            name: "leaks".into(),
            kind: "rabbit".into(),
            options: Options::default(),
            connection: options(connection),
            consumers: 1,
        });
        let destination = unique("leaks");
        let dead_letters = json!({ "auto-bind-dlq": true });
        let mut spec = consumer(&destination, Some("g"), dead_letters);
        spec.concurrency = 2;
        let mut input = binder.bind_consumer(&spec).await.unwrap();
        let output = binder
            .bind_producer(&producer(&destination, json!({})))
            .await
            .unwrap();
        let mut pass_one = async || {
            until("publishing to work", || async {
                send(&*output, record("x")).await.is_ok()
            })
            .await;
            let batch = soon("a delivery", input.deliveries.next()).await.unwrap();
            for delivery in batch.deliveries {
                accept(&input, delivery);
            }
        };
        pass_one().await;
        let before = held();
        for _ in 0..50 {
            (line.cut)();
            (line.restore)();
            pass_one().await;
        }
        let mut after = held();
        // Some things are made with the first loss, and the client keeps some of a lost connection for seconds.
        // Whatever each of the 50 left behind would be there 50 times.
        until("what the lost connections held to be given back", || {
            after = held();
            let given_back = before
                .iter()
                .zip(&after)
                .all(|(before, after)| *after <= before + 10);
            std::future::ready(given_back)
        })
        .await;
        println!("threads, files, tasks: {before:?} before, {after:?} after 50 lost connections");
        input.control.close().await;
        output.close().await;
        binder.close().await;
        for queue in [format!("{destination}.g"), format!("{destination}.g.dlq")] {
            manage("DELETE", &format!("queues/%2F/{queue}"), None).await;
        }
    });
}
