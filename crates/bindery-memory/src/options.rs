//! The properties of the memory binder, and their values as one binder, input or output sees them.

use std::time::Duration;

use bindery_core::{
    BinderSpec, ConsumerSpec, Error, ErrorKind, Options, PropertyCatalog, PropertyDef, PropertyType, Result,
};

use crate::log::Retention;
use crate::partition::Start;

/// What a topic keeps beyond what its groups need, unless a property says otherwise.
pub(crate) const DEFAULT_RETENTION: Retention = Retention {
    messages: 10_000,
    bytes: 16 * 1024 * 1024,
};
const DEFAULT_MAX_BACKLOG: u64 = 1_000_000;
const DEFAULT_DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

const COUNT: PropertyType = PropertyType::Integer {
    min: 1,
    max: i64::MAX,
};
const PARTITIONS: PropertyType = PropertyType::Integer { min: 1, max: 10_000 };

const BINDER: &[PropertyDef] = &[
    PropertyDef::new("min-partition-count", PARTITIONS),
    PropertyDef::new("retention-messages", COUNT),
    PropertyDef::new("retention-bytes", COUNT),
    PropertyDef::new("max-backlog", COUNT),
    PropertyDef::new("drain-timeout", PropertyType::Millis),
];

const CONSUMER: &[PropertyDef] = &[
    PropertyDef::new("enable-dlq", PropertyType::Flag),
    PropertyDef::alias("auto-bind-dlq", "enable-dlq"),
    PropertyDef::new("dlq-name", PropertyType::Text),
    PropertyDef::alias("dead-letter-queue-name", "dlq-name"),
    PropertyDef::new("dlq-partitions", PARTITIONS),
    PropertyDef::new("republish-to-dlq", PropertyType::Flag),
    PropertyDef::new("start-offset", PropertyType::Choice(&["earliest", "latest"])),
];

const PRODUCER: &[PropertyDef] = &[
    PropertyDef::new("message-key-expression", PropertyType::Expression),
    PropertyDef::new("routing-key-expression", PropertyType::Expression),
];

/// The properties that the memory binder knows.
pub(crate) const CATALOG: PropertyCatalog = PropertyCatalog {
    binder: BINDER,
    consumer: CONSUMER,
    producer: PRODUCER,
    connection_root: None,
    connection: &[],
    key_expression: Some("message-key-expression"),
    routing_key_expression: Some("routing-key-expression"),
};

/// The binder level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BinderOptions {
    /// How many partitions a new topic has at least.
    pub(crate) min_partition_count: u32,
    /// What a topic keeps beyond what its groups need, per partition.
    pub(crate) retention: Retention,
    /// How many messages of a partition a group may be behind before producers wait.
    pub(crate) max_backlog: u64,
    /// How long an owner may settle what it was handed after its partition was taken away.
    pub(crate) drain_timeout: Duration,
}

impl BinderOptions {
    pub(crate) fn read(spec: &BinderSpec) -> Self {
        let options = &spec.options;
        Self {
            min_partition_count: count(options, "min-partition-count").unwrap_or(1),
            retention: Retention {
                messages: count(options, "retention-messages").unwrap_or(DEFAULT_RETENTION.messages),
                bytes: count(options, "retention-bytes").unwrap_or(DEFAULT_RETENTION.bytes),
            },
            max_backlog: count(options, "max-backlog").unwrap_or(DEFAULT_MAX_BACKLOG),
            drain_timeout: count(options, "drain-timeout")
                .map_or(DEFAULT_DRAIN_TIMEOUT, Duration::from_millis),
        }
    }
}

fn count<T: TryFrom<i64>>(options: &Options, name: &str) -> Option<T> {
    T::try_from(options.integer(name)?).ok()
}

/// Where the dead letters of an input go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeadLetterOptions {
    pub(crate) destination: String,
    pub(crate) partitions: Option<u32>,
    /// The broker copies what is rejected, in place of the runtime's publishing a copy.
    pub(crate) native: bool,
}

/// The dead letter of an input, if it has one.
///
/// # Errors
/// When an anonymous group asks for one: nobody would know whose dead letters they are.
pub(crate) fn dead_letter(spec: &ConsumerSpec) -> Result<Option<DeadLetterOptions>> {
    let options = &spec.options;
    if !options.flag("enable-dlq", false) && !options.flag("auto-bind-dlq", false) {
        return Ok(None);
    }
    let Some(group) = &spec.group else {
        return Err(Error::new(
            ErrorKind::Configuration,
            "`enable-dlq` needs a consumer group; give the binding a `group` or leave `enable-dlq` out",
        )
        .with("binding", &spec.binding));
    };
    let named = options
        .text("dlq-name")
        .or_else(|| options.text("dead-letter-queue-name"));
    Ok(Some(DeadLetterOptions {
        destination: named.map_or_else(|| format!("error.{}.{group}", spec.destination), str::to_owned),
        partitions: count(options, "dlq-partitions"),
        native: !options.flag("republish-to-dlq", true),
    }))
}

/// Where a new group starts: a named one with the oldest message, an anonymous one with the next.
pub(crate) fn start(spec: &ConsumerSpec) -> Start {
    match (spec.options.text("start-offset"), &spec.group) {
        (Some("latest"), _) | (None, None) => Start::Latest,
        _ => Start::Earliest,
    }
}
