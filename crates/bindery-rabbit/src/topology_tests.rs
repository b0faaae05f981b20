//! Topologies compared with those that Spring Cloud Stream declared on a real broker.

use std::collections::BTreeSet;

use bindery_core::{BindingName, Options};
use serde_json::Value;

use super::*;

const ANONYMOUS: &str = "ECD3OSnVRHS3dSdQJ1WmJg";

fn options(value: &Value) -> Options {
    let entries = value.as_object().into_iter().flatten();
    Options(
        entries
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )
}

fn words(value: &Value) -> Vec<String> {
    match value {
        Value::String(word) => vec![word.clone()],
        Value::Array(words) => words
            .iter()
            .map(|word| word.as_str().unwrap().to_owned())
            .collect(),
        _ => Vec::new(),
    }
}

fn number(value: &Value, default: u32) -> u32 {
    value
        .as_u64()
        .map_or(default, |number| u32::try_from(number).unwrap())
}

/// The topology that we plan for the captured configuration.
fn planned(capture: &Value) -> Vec<Topology> {
    let stream = &capture["yaml"]["spring.cloud"]["stream"];
    let plans = stream["bindings"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, binding)| {
            // Some captures spell the whole path as one key.
            let own = |direction: &str| {
                let nested = &stream["rabbit.bindings"][format!("{name}.{direction}")];
                let whole = &stream[format!("rabbit.bindings.{name}.{direction}")];
                options(if whole.is_null() { nested } else { whole })
            };
            let destination = binding["destination"].as_str().unwrap();
            if name.contains("-in-") {
                let consumer = &binding["consumer"];
                let spec = ConsumerSpec {
                    binding: BindingName::new(name),
                    destination: destination.into(),
                    group: binding["group"].as_str().map(Into::into),
                    concurrency: number(&consumer["concurrency"], 1),
                    partitioned: consumer["partitioned"] == Value::Bool(true),
                    instance_count: number(&consumer["instance-count"], 1),
                    instance_index: number(&consumer["instance-index"], 0),
                    batch: None,
                    max_in_flight: 1,
                    max_attempts: 3,
                    options: own("consumer"),
                };
                plan_consumer(&spec, &ConsumerOptions::read(&spec.options), ANONYMOUS).topology
            } else {
                let producer = &binding["producer"];
                let groups = words(&producer["required-groups"]);
                let spec = ProducerSpec {
                    binding: BindingName::new(name),
                    destination: destination.into(),
                    partition_count: producer["partition-count"]
                        .as_u64()
                        .map(|count| u32::try_from(count).unwrap()),
                    required_groups: groups.into_iter().map(Into::into).collect(),
                    max_in_flight: 1,
                    confirm_timeout: std::time::Duration::from_secs(1),
                    awaited: false,
                    options: own("producer"),
                };
                plan_producer(&spec, &ProducerOptions::read(&spec.options))
            }
        });
    plans.collect()
}

fn argument(value: &Argument) -> String {
    match value {
        Argument::Text(text) => format!("longstr {text}"),
        Argument::Integer(number) => format!("signedint {number}"),
        Argument::Flag(flag) => format!("bool {flag}"),
    }
}

fn ours(topologies: &[Topology]) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for topology in topologies {
        for exchange in &topology.exchanges {
            let Exchange {
                name,
                kind,
                durable,
                auto_delete,
            } = exchange;
            lines.insert(format!(
                "exchange {name} {kind} durable {durable} auto-delete {auto_delete}"
            ));
        }
        for queue in &topology.queues {
            let arguments = queue
                .arguments
                .iter()
                .map(|(name, value)| format!("{name} {}", argument(value)));
            lines.insert(queue_line(
                &queue.name,
                queue.durable,
                queue.auto_delete,
                queue.exclusive,
                &arguments.collect(),
            ));
        }
        for binding in &topology.bindings {
            lines.insert(format!(
                "binding {} -> {} with {}",
                binding.exchange, binding.queue, binding.routing_key
            ));
        }
    }
    lines
}

fn queue_line(
    name: &str,
    durable: bool,
    auto_delete: bool,
    exclusive: bool,
    arguments: &BTreeSet<String>,
) -> String {
    let name = match name.split_once(".anonymous.") {
        Some((destination, id)) if id.len() == 22 => format!("{destination}.anonymous.{ANONYMOUS}"),
        _ => name.to_owned(),
    };
    format!("queue {name} durable {durable} auto-delete {auto_delete} exclusive {exclusive} {arguments:?}")
}

fn theirs(state: &Value) -> BTreeSet<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let is_true = |value: &Value| value == &Value::Bool(true);
    let mut lines = BTreeSet::new();
    for exchange in state["exchanges"].as_array().unwrap() {
        lines.insert(format!(
            "exchange {} {} durable {} auto-delete {}",
            text(&exchange["name"]),
            text(&exchange["type"]),
            exchange["durable"],
            exchange["auto_delete"]
        ));
    }
    for queue in state["queues"].as_array().unwrap() {
        let arguments = queue["arguments"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|argument| {
                let (name, kind, value) = (text(&argument[0]), text(&argument[1]), &argument[2]);
                let added_by_the_broker = name == "x-queue-type" && value == "classic";
                // RabbitMQ 3.10 refuses it on classic queues.
                let left_out = name == "x-queue-leader-locator";
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                (!added_by_the_broker && !left_out).then(|| format!("{name} {kind} {value}"))
            });
        lines.insert(queue_line(
            &text(&queue["name"]),
            is_true(&queue["durable"]),
            is_true(&queue["auto_delete"]),
            is_true(&queue["exclusive"]),
            &arguments.collect(),
        ));
    }
    for binding in state["bindings"].as_array().unwrap() {
        let source = text(&binding["source_name"]);
        let line = format!(
            "binding {source} -> {} with {}",
            text(&binding["destination_name"]),
            text(&binding["routing_key"])
        );
        lines.insert(match line.split_once(".anonymous.") {
            Some((head, tail)) => format!("{head}.anonymous.{ANONYMOUS}{}", &tail[22..]),
            None => line,
        });
    }
    lines
}

macro_rules! same_as_spring {
    ($($name:ident: $file:literal;)*) => {
        $(#[test]
        fn $name() {
            let capture: Value = serde_json::from_str(include_str!(concat!("../tests/data/", $file))).unwrap();
            let (ours, theirs) = (ours(&planned(&capture)), theirs(&capture["state"]));
            let missing: Vec<_> = theirs.difference(&ours).collect();
            let added: Vec<_> = ours.difference(&theirs).collect();
            assert!(missing.is_empty() && added.is_empty(), "missing: {missing:#?}\nadded: {added:#?}");
        })*
    };
}

same_as_spring! {
    required_groups_are_queues_of_the_output: "r01_types.json";
    queue_arguments_prefix_and_routing_key_are_springs: "r03_topology.json";
    a_dead_letter_queue_is_bound_by_the_queues_name: "r04_dlq_republish.json";
    a_dead_letter_queue_for_rejected_messages_is_the_same: "r05_dlq_reject.json";
    an_output_alone_declares_its_exchange: "r07_out.json";
    an_anonymous_queue_is_exclusive: "r10_anonymous.json";
    partitioned_dead_letters_are_bound_with_and_without_the_index: "r12_partitioned_default_groups.json";
    required_groups_of_a_partitioned_output_have_a_queue_for_each_partition: "r14_required_partition_dlq.json";
}

#[test]
fn the_group_alone_names_the_queue_when_asked_to() {
    let own =
        options(&serde_json::json!({"queue-name-group-only": true, "prefix": "p.", "auto-bind-dlq": true}));
    let spec = ConsumerSpec {
        binding: BindingName::new("in"),
        destination: "d".into(),
        group: Some("g".into()),
        concurrency: 1,
        partitioned: false,
        instance_count: 1,
        instance_index: 0,
        batch: None,
        max_in_flight: 1,
        max_attempts: 1,
        options: own,
    };
    let plan = plan_consumer(&spec, &ConsumerOptions::read(&spec.options), "");
    assert_eq!((plan.queue.as_str(), plan.group.as_str()), ("p.g", "g"));
    assert_eq!(
        plan.dead_letter,
        Some(DeadLetterPlace {
            exchange: "p.DLX".to_owned(),
            routing_key: "p.g".to_owned(),
            queue: "p.g.dlq".to_owned(),
        })
    );
}
