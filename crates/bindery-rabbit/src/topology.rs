//! What a binding needs at the broker, as data: exchanges, queues and bindings under Spring's names.

use std::collections::{BTreeMap, BTreeSet};

use bindery_core::{ConsumerSpec, ProducerSpec};

use crate::options::{ConsumerOptions, DestinationOptions, ProducerOptions, QueueOptions};

/// Exchanges, queues and bindings, in the order in which they are declared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Topology {
    pub(crate) exchanges: Vec<Exchange>,
    pub(crate) queues: Vec<Queue>,
    pub(crate) bindings: Vec<Binding>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exchange {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) durable: bool,
    pub(crate) auto_delete: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) durable: bool,
    pub(crate) exclusive: bool,
    pub(crate) auto_delete: bool,
    pub(crate) arguments: BTreeMap<&'static str, Argument>,
}

/// The value of a queue argument.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Argument {
    Text(String),
    Integer(i64),
    Flag(bool),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Binding {
    pub(crate) exchange: String,
    pub(crate) queue: String,
    pub(crate) routing_key: String,
    pub(crate) arguments: BTreeMap<String, String>,
}

/// Where dead letters go.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DeadLetterPlace {
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    pub(crate) queue: String,
}

/// What an input needs, and what it consumes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConsumerPlan {
    pub(crate) topology: Topology,
    /// The queue to consume.
    pub(crate) queue: String,
    /// The group for people: as configured, or the generated one.
    pub(crate) group: String,
    pub(crate) dead_letter: Option<DeadLetterPlace>,
}

/// Plans an input. `anonymous_id` names the queue when there is no group.
pub(crate) fn plan_consumer(
    spec: &ConsumerSpec,
    options: &ConsumerOptions,
    anonymous_id: &str,
) -> ConsumerPlan {
    let common = &options.destination;
    let anonymous = spec.group.is_none();
    let group = match &spec.group {
        Some(group) => group.to_string(),
        None => format!("{}{anonymous_id}", options.anonymous_group_prefix),
    };
    let exchange = format!("{}{}", common.prefix, spec.destination);
    let base = if common.queue_name_group_only {
        format!("{}{group}", common.prefix)
    } else {
        format!("{exchange}.{group}")
    };
    let index = spec.partitioned.then_some(spec.instance_index);
    let queue = partitioned(&base, index);
    let durable = !anonymous && options.durable_subscription;
    let mut topology = Topology::default();
    topology.add_exchange(common, &exchange);
    let mut dead_letter = None;
    if common.bind_queue {
        topology.queues.push(Queue {
            name: queue.clone(),
            durable,
            exclusive: anonymous,
            auto_delete: !durable,
            arguments: queue_arguments(common, &queue),
        });
        topology.bind(common, &exchange, &queue, &spec.destination, index);
    }
    if common.auto_bind_dlq && durable {
        let base_key = options.republish_to_dlq.then_some(base.as_str());
        let dlq = topology.add_dead_letter(common, &base, &[queue.as_str()], base_key);
        dead_letter = Some(DeadLetterPlace {
            exchange: dead_letter_exchange(common),
            routing_key: common
                .dead_letter_routing_key
                .clone()
                .unwrap_or_else(|| queue.clone()),
            queue: dlq,
        });
    }
    ConsumerPlan {
        topology,
        queue,
        group,
        dead_letter,
    }
}

/// The exchange that an output publishes to.
pub(crate) fn producer_exchange(spec: &ProducerSpec, options: &ProducerOptions) -> String {
    format!("{}{}", options.destination.prefix, spec.destination)
}

/// Plans an output with the queues of its required groups.
pub(crate) fn plan_producer(spec: &ProducerSpec, options: &ProducerOptions) -> Topology {
    let common = &options.destination;
    let exchange = producer_exchange(spec, options);
    let mut topology = Topology::default();
    topology.add_exchange(common, &exchange);
    for group in &spec.required_groups {
        // Spring leaves the prefix out here, though its consumers put it in.
        let base = if common.queue_name_group_only {
            group.to_string()
        } else {
            format!("{exchange}.{group}")
        };
        let indexes: Vec<Option<u32>> = match spec.partition_count {
            Some(count) => (0..count).map(Some).collect(),
            None => vec![None],
        };
        let mut names = Vec::new();
        for index in indexes {
            let name = partitioned(&base, index);
            topology.queues.push(Queue {
                name: name.clone(),
                durable: true,
                exclusive: false,
                auto_delete: false,
                arguments: queue_arguments(common, &name),
            });
            if common.bind_queue {
                topology.bind(common, &exchange, &name, &spec.destination, index);
            }
            names.push(name);
        }
        if common.auto_bind_dlq {
            let keys: Vec<&str> = names.iter().map(String::as_str).collect();
            topology.add_dead_letter(common, &base, &keys, None);
        }
    }
    topology
}

impl Topology {
    fn add_exchange(&mut self, common: &DestinationOptions, name: &str) {
        if common.declare_exchange {
            self.exchanges.push(Exchange {
                name: name.to_owned(),
                kind: common.exchange_type.clone(),
                durable: common.exchange_durable,
                auto_delete: common.exchange_auto_delete,
            });
        }
    }

    fn bind(
        &mut self,
        common: &DestinationOptions,
        exchange: &str,
        queue: &str,
        destination: &str,
        index: Option<u32>,
    ) {
        for key in binding_keys(common, destination, index) {
            self.bindings.push(Binding {
                exchange: exchange.to_owned(),
                queue: queue.to_owned(),
                routing_key: key,
                arguments: common.queue_binding_arguments.clone(),
            });
        }
    }

    /// Adds the dead letter queue of `base`, bound for each of `queues`; returns its name.
    fn add_dead_letter(
        &mut self,
        common: &DestinationOptions,
        base: &str,
        queues: &[&str],
        base_key: Option<&str>,
    ) -> String {
        let dlq = common
            .dead_letter_queue_name
            .clone()
            .unwrap_or_else(|| format!("{base}.dlq"));
        let exchange = dead_letter_exchange(common);
        // The default exchange (an empty name) always exists and routes by queue name; it can't be declared or bound.
        let is_default_exchange = exchange.is_empty();
        if common.declare_dlx && !is_default_exchange {
            self.exchanges.push(Exchange {
                name: exchange.clone(),
                kind: common.dead_letter_exchange_type.clone(),
                durable: true,
                auto_delete: false,
            });
        }
        let mut arguments = plain_arguments(&common.dlq);
        if let Some(next) = &common.dlq_dead_letter_exchange {
            arguments.insert("x-dead-letter-exchange", Argument::Text(next.clone()));
        }
        if let Some(key) = &common.dlq_dead_letter_routing_key {
            arguments.insert("x-dead-letter-routing-key", Argument::Text(key.clone()));
        }
        self.queues.push(Queue {
            name: dlq.clone(),
            durable: true,
            exclusive: false,
            auto_delete: false,
            arguments,
        });
        if is_default_exchange {
            return dlq;
        }
        let named = queues
            .iter()
            .map(|queue| common.dead_letter_routing_key.as_deref().unwrap_or(queue));
        let keys: BTreeSet<&str> = named.chain(base_key).collect();
        for key in keys {
            self.bindings.push(Binding {
                exchange: exchange.clone(),
                queue: dlq.clone(),
                routing_key: key.to_owned(),
                arguments: common.dlq_binding_arguments.clone(),
            });
        }
        dlq
    }
}

fn partitioned(base: &str, index: Option<u32>) -> String {
    match index {
        Some(index) => format!("{base}-{index}"),
        None => base.to_owned(),
    }
}

fn dead_letter_exchange(common: &DestinationOptions) -> String {
    common
        .dead_letter_exchange
        .clone()
        .unwrap_or_else(|| format!("{}DLX", common.prefix))
}

fn binding_keys(common: &DestinationOptions, destination: &str, index: Option<u32>) -> Vec<String> {
    let configured = &common.binding_routing_keys;
    match (common.exchange_type.as_str(), index) {
        ("fanout", _) => vec![String::new()],
        (_, Some(_)) if configured.is_empty() => vec![partitioned(destination, index)],
        (_, Some(_)) => configured.iter().map(|key| partitioned(key, index)).collect(),
        ("headers", None) if configured.is_empty() => vec![String::new()],
        (_, None) if configured.is_empty() => vec!["#".to_owned()],
        (_, None) => configured.clone(),
    }
}

/// The arguments of a work queue, with those that lead its rejected messages to the dead letter.
fn queue_arguments(common: &DestinationOptions, queue: &str) -> BTreeMap<&'static str, Argument> {
    let mut arguments = plain_arguments(&common.queue);
    if common.auto_bind_dlq {
        let key = common.dead_letter_routing_key.as_deref().unwrap_or(queue);
        arguments.insert(
            "x-dead-letter-exchange",
            Argument::Text(dead_letter_exchange(common)),
        );
        arguments.insert("x-dead-letter-routing-key", Argument::Text(key.to_owned()));
    }
    arguments
}

fn plain_arguments(options: &QueueOptions) -> BTreeMap<&'static str, Argument> {
    let mut arguments = BTreeMap::new();
    let integers = [
        ("x-message-ttl", options.ttl_millis),
        ("x-expires", options.expires_millis),
        ("x-max-length", options.max_length),
        ("x-max-length-bytes", options.max_length_bytes),
        (
            "x-max-priority",
            options.max_priority.filter(|priority| *priority >= 0),
        ),
    ];
    for (name, value) in integers {
        if let Some(value) = value {
            arguments.insert(name, Argument::Integer(value));
        }
    }
    if let Some(overflow) = &options.overflow {
        arguments.insert("x-overflow", Argument::Text(overflow.clone()));
    }
    if options.lazy {
        arguments.insert("x-queue-mode", Argument::Text("lazy".to_owned()));
    }
    if options.single_active_consumer {
        arguments.insert("x-single-active-consumer", Argument::Flag(true));
    }
    if options.quorum {
        arguments.insert("x-queue-type", Argument::Text("quorum".to_owned()));
        if let Some(size) = options.quorum_initial_group_size {
            arguments.insert("x-quorum-initial-group-size", Argument::Integer(size));
        }
        if let Some(limit) = options.quorum_delivery_limit {
            arguments.insert("x-delivery-limit", Argument::Integer(limit));
        }
    }
    arguments
}

#[cfg(test)]
#[path = "topology_tests.rs"]
mod tests;
