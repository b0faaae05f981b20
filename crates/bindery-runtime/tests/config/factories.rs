//! Binder kinds for the tests: the property tables of Spring Cloud Stream's binders, and nothing that connects.

use std::sync::Arc;

use bindery_core::PropertyType::{Choice, Expression, Flag, Integer, List, Map, Millis, Secret, Text};
use bindery_core::{
    Binder, BinderFactory, BinderSpec, ConsumerSpec, Error, ErrorKind, ProducerSpec, PropertyCatalog,
    PropertyDef as P, PropertyType, Result,
};

const COUNT: PropertyType = Integer {
    min: 1,
    max: i32::MAX as i64,
};
const SHORT: PropertyType = Integer { min: -1, max: 32_767 };

const KAFKA_BINDER: &[P] = &[
    P::new("brokers", List),
    P::new("default-broker-port", Integer { min: 1, max: 65_535 }),
    P::new("configuration", Map),
    P::new("consumer-properties", Map),
    P::new("producer-properties", Map),
    P::new("auto-create-topics", Flag),
    P::new("auto-add-partitions", Flag),
    P::new("min-partition-count", COUNT),
    P::new("replication-factor", SHORT),
    P::new("required-acks", Text),
    P::not_yet("transaction"),
    P::jvm_only("header-mapper-bean-name", "ignored: there are no beans"),
];

const KAFKA_CONSUMER: &[P] = &[
    P::new("enable-dlq", Flag),
    P::new("dlq-name", Text),
    P::new("dlq-partitions", COUNT),
    P::new("start-offset", Choice(&["earliest", "latest"])),
    P::new("configuration", Map),
    P::not_yet("dlq-producer-properties"),
    P::not_yet("ack-mode"),
    P::jvm_only("common-error-handler-bean-name", "ignored: there are no beans"),
];

const KAFKA_PRODUCER: &[P] = &[
    P::new("message-key-expression", Expression),
    P::new(
        "compression-type",
        Choice(&["none", "gzip", "snappy", "lz4", "zstd"]),
    ),
    P::alias("compression", "compression-type"),
    P::new("configuration", Map),
    P::not_yet("sync"),
];

const KAFKA_CONNECTION: &[P] = &[
    P::new("bootstrap-servers", List),
    P::new("properties", Map),
    P::new("consumer", PropertyType::Any),
    P::new("producer", PropertyType::Any),
    P::new("security.protocol", Text),
    P::new("ssl.key-password", Secret),
];

const RABBIT_BINDER: &[P] = &[
    P::new("connection-name-prefix", Text),
    P::not_yet("compression-level"),
];

const RABBIT_CONSUMER: &[P] = &[
    P::new("auto-bind-dlq", Flag),
    P::new("republish-to-dlq", Flag),
    P::new("prefetch", COUNT),
    P::new("requeue-rejected", Flag),
    P::new("quorum.enabled", Flag),
    P::new("ttl", Millis),
    P::new("dlq-ttl", Millis),
    P::new("dlq-quorum.enabled", Flag),
    P::new("max-length", COUNT),
    P::new("overflow-behavior", Text),
    P::new("single-active-consumer", Flag),
    P::new("prefix", Text),
    P::new("binding-routing-key", Text),
    P::new("queue-binding-arguments", Map),
    P::not_yet("batch-size"),
    P::alias("tx-size", "batch-size"),
    P::new(
        "republish-delivey-mode",
        Choice(&["PERSISTENT", "NON_PERSISTENT"]),
    ),
    P::alias("republish-delivery-mode", "republish-delivey-mode"),
];

const RABBIT_PRODUCER: &[P] = &[
    P::new("routing-key-expression", Expression),
    P::new("delivery-mode", Choice(&["PERSISTENT", "NON_PERSISTENT"])),
    P::new("prefix", Text),
    P::new("auto-bind-dlq", Flag),
    P::new("dlq-ttl", Millis),
    P::new("header-patterns", List),
    P::not_yet("compress"),
];

const RABBIT_CONNECTION: &[P] = &[
    P::new("addresses", List),
    P::new("host", Text),
    P::new("port", Integer { min: 1, max: 65_535 }),
    P::new("username", Text),
    P::new("password", Secret),
    P::new("virtual-host", Text),
    P::new("ssl.enabled", Flag),
    P::jvm_only("cache", "ignored: channels aren't cached"),
];

/// A kind that has properties and can't connect.
#[derive(Debug)]
pub struct Fake {
    kind: &'static str,
    catalog: PropertyCatalog,
}

/// The kinds that Spring Cloud Stream has, and the embedded one.
pub fn all() -> Vec<Arc<dyn BinderFactory>> {
    vec![kafka(), rabbit(), memory()]
}

/// Kafka and RabbitMQ, without the embedded kind.
pub fn brokers() -> Vec<Arc<dyn BinderFactory>> {
    vec![kafka(), rabbit()]
}

pub fn kafka() -> Arc<dyn BinderFactory> {
    Arc::new(Fake {
        kind: "kafka",
        catalog: PropertyCatalog {
            binder: KAFKA_BINDER,
            consumer: KAFKA_CONSUMER,
            producer: KAFKA_PRODUCER,
            connection_root: Some("spring.kafka"),
            connection: KAFKA_CONNECTION,
            key_expression: Some("message-key-expression"),
            routing_key_expression: None,
        },
    })
}

pub fn rabbit() -> Arc<dyn BinderFactory> {
    Arc::new(Fake {
        kind: "rabbit",
        catalog: PropertyCatalog {
            binder: RABBIT_BINDER,
            consumer: RABBIT_CONSUMER,
            producer: RABBIT_PRODUCER,
            connection_root: Some("spring.rabbitmq"),
            connection: RABBIT_CONNECTION,
            key_expression: None,
            routing_key_expression: Some("routing-key-expression"),
        },
    })
}

pub fn memory() -> Arc<dyn BinderFactory> {
    Arc::new(Fake {
        kind: "memory",
        catalog: PropertyCatalog::EMPTY,
    })
}

impl BinderFactory for Fake {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn properties(&self) -> PropertyCatalog {
        self.catalog
    }

    fn create(&self, _spec: &BinderSpec) -> Result<Arc<dyn Binder>> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "this binder is for configuration only",
        ))
    }

    fn check_consumer(&self, spec: &ConsumerSpec) -> Result<()> {
        if spec.options.flag("single-active-consumer", false) && spec.concurrency > 1 {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!(
                    "`single-active-consumer` doesn't go with a concurrency of {}",
                    spec.concurrency
                ),
            ));
        }
        Ok(())
    }

    fn check_producer(&self, spec: &ProducerSpec) -> Result<()> {
        let compressed = spec
            .options
            .text("compression-type")
            .is_some_and(|kind| kind != "none");
        if compressed && spec.destination.ends_with("-raw") {
            return Err(Error::new(
                ErrorKind::Configuration,
                "`compression-type` can't be honoured for raw topics",
            ));
        }
        Ok(())
    }

    fn dead_letter_destination(&self, spec: &ConsumerSpec) -> Option<String> {
        let group = spec.group.as_deref().unwrap_or("anonymous");
        match self.kind {
            "kafka" if spec.options.flag("enable-dlq", false) => Some(
                spec.options
                    .text("dlq-name")
                    .map_or_else(|| format!("error.{}.{group}", spec.destination), str::to_owned),
            ),
            "rabbit" if spec.options.flag("auto-bind-dlq", false) => {
                Some(format!("{}.{group}.dlq", spec.destination))
            }
            _ => None,
        }
    }
}
