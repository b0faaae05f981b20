//! Every property that Spring Cloud Stream's Kafka binder knows, and what becomes of it here.

use bindery_core::{PropertyCatalog, PropertyDef};

pub(crate) const CATALOG: PropertyCatalog = PropertyCatalog {
    binder: BINDER,
    consumer: CONSUMER,
    producer: PRODUCER,
    connection_root: Some("spring.kafka"),
    connection: CONNECTION,
    key_expression: Some("message-key-expression"),
    routing_key_expression: None,
};

const BINDER: &[PropertyDef] = &[];
const CONSUMER: &[PropertyDef] = &[];
const PRODUCER: &[PropertyDef] = &[];
const CONNECTION: &[PropertyDef] = &[];
