//! The binder's properties of one binding as typed values.

use std::collections::BTreeMap;
use std::time::Duration;

use bindery_core::{ConsumerSpec, Error, ErrorKind, Options, ProducerSpec, Result};
use serde_json::Value;

/// How a topic is created when it is missing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TopicOptions {
    /// `topic.properties`: the configuration of the topic.
    pub(crate) properties: BTreeMap<String, String>,
    /// `topic.replication-factor`, else the binder's, else the broker's default.
    pub(crate) replication_factor: Option<i32>,
}

impl TopicOptions {
    fn read(options: &Options) -> Self {
        Self {
            properties: options.text_map("topic.properties"),
            replication_factor: options
                .integer("topic.replication-factor")
                .and_then(|n| i32::try_from(n).ok()),
        }
    }
}

/// Where a group without committed offsets begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StartOffset {
    Earliest,
    Latest,
}

impl StartOffset {
    /// The word of the client's `auto.offset.reset`.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Earliest => "earliest",
            Self::Latest => "latest",
        }
    }
}

/// The dead letter topic of an input.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DeadLetterOptions {
    /// The topic.
    pub(crate) topic: String,
    /// `dlq-partitions`; `None` is as many as the source has.
    pub(crate) partitions: Option<u32>,
    /// `dlq-producer-properties.configuration`.
    pub(crate) configuration: BTreeMap<String, String>,
}

/// The default of `commit-interval`: short, because what is settled and not committed comes again after a crash.
const COMMIT_INTERVAL: Duration = Duration::from_millis(10);

/// `kafka.bindings.<name>.consumer.*`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ConsumerOptions {
    pub(crate) auto_rebalance: bool,
    pub(crate) start_offset: Option<StartOffset>,
    pub(crate) reset_offsets: bool,
    /// `commit-interval`: how often offsets are committed at most.
    pub(crate) commit_interval: Duration,
    pub(crate) dead_letter: Option<DeadLetterOptions>,
    pub(crate) configuration: BTreeMap<String, String>,
    pub(crate) topic: TopicOptions,
}

impl ConsumerOptions {
    /// Reads and checks the options of an input.
    pub(crate) fn read(spec: &ConsumerSpec) -> Result<Self> {
        let options = &spec.options;
        topic_name(&spec.destination, "destination")?;
        if spec.instance_index >= spec.instance_count.max(1) {
            return Err(configuration(format!(
                "`instance-index` {} is not below `instance-count` {}",
                spec.instance_index, spec.instance_count
            )));
        }
        let read = Self {
            auto_rebalance: options.flag("auto-rebalance-enabled", true),
            start_offset: match options.text("start-offset") {
                Some("earliest") => Some(StartOffset::Earliest),
                Some("latest") => Some(StartOffset::Latest),
                _ => None,
            },
            reset_offsets: options.flag("reset-offsets", false),
            commit_interval: options
                .integer("commit-interval")
                .and_then(|millis| u64::try_from(millis).ok())
                .map_or(COMMIT_INTERVAL, Duration::from_millis),
            dead_letter: dead_letter(spec)?,
            configuration: options.text_map("configuration"),
            topic: TopicOptions::read(options),
        };
        no_bootstrap_servers(&read.configuration)?;
        Ok(read)
    }
}

/// The name of an input's dead letter topic, if it has one: `dlq-name`, else `error.<destination>.<group>`.
pub(crate) fn dead_letter_topic(spec: &ConsumerSpec) -> Option<String> {
    if !spec.options.flag("enable-dlq", false) {
        return None;
    }
    match spec.options.text("dlq-name") {
        Some(name) if !name.is_empty() => Some(name.to_owned()),
        _ => spec
            .group
            .as_ref()
            .map(|group| format!("error.{}.{group}", spec.destination)),
    }
}

fn dead_letter(spec: &ConsumerSpec) -> Result<Option<DeadLetterOptions>> {
    if !spec.options.flag("enable-dlq", false) {
        return Ok(None);
    }
    if spec.group.is_none() {
        return Err(configuration(format!(
            "`enable-dlq` needs a consumer group: an anonymous group leaves nobody to process its dead letters; \
             set `bindings.{}.group`",
            spec.binding
        )));
    }
    let Some(topic) = dead_letter_topic(spec) else {
        return Ok(None);
    };
    topic_name(&topic, "dlq-name")?;
    Ok(Some(DeadLetterOptions {
        topic,
        partitions: spec
            .options
            .integer("dlq-partitions")
            .and_then(|n| u32::try_from(n).ok()),
        configuration: spec.options.text_map("dlq-producer-properties.configuration"),
    }))
}

/// `kafka.bindings.<name>.producer.*`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ProducerOptions {
    pub(crate) buffer_size: Option<i64>,
    pub(crate) compression: Option<String>,
    pub(crate) batch_timeout_ms: Option<i64>,
    pub(crate) header_patterns: Vec<String>,
    pub(crate) header_mode_none: bool,
    pub(crate) use_topic_header: bool,
    pub(crate) close_timeout_s: Option<u64>,
    pub(crate) configuration: BTreeMap<String, String>,
    pub(crate) topic: TopicOptions,
}

impl ProducerOptions {
    /// Reads and checks the options of an output.
    pub(crate) fn read(spec: &ProducerSpec) -> Result<Self> {
        let options = &spec.options;
        topic_name(&spec.destination, "destination")?;
        let read = Self {
            buffer_size: options.integer("buffer-size"),
            compression: options.text("compression-type").map(str::to_owned),
            batch_timeout_ms: options.integer("batch-timeout"),
            header_patterns: list(options.get("header-patterns")),
            header_mode_none: options.text("header-mode") == Some("none"),
            use_topic_header: options.flag("use-topic-header", false),
            close_timeout_s: options
                .integer("close-timeout")
                .and_then(|seconds| u64::try_from(seconds).ok())
                .filter(|seconds| *seconds > 0),
            configuration: options.text_map("configuration"),
            topic: TopicOptions::read(options),
        };
        no_bootstrap_servers(&read.configuration)?;
        Ok(read)
    }
}

/// `kafka.binder.*`, as far as topics are concerned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ProvisioningOptions {
    pub(crate) auto_create_topics: bool,
    pub(crate) auto_add_partitions: bool,
    pub(crate) min_partition_count: u32,
    pub(crate) replication_factor: i32,
}

impl ProvisioningOptions {
    pub(crate) fn read(options: &Options) -> Self {
        Self {
            auto_create_topics: options.flag("auto-create-topics", true),
            auto_add_partitions: options.flag("auto-add-partitions", false),
            min_partition_count: options
                .integer("min-partition-count")
                .and_then(|n| u32::try_from(n).ok())
                .unwrap_or(1)
                .max(1),
            replication_factor: options
                .integer("replication-factor")
                .and_then(|n| i32::try_from(n).ok())
                .unwrap_or(-1),
        }
    }
}

/// A list as configuration gives it: a sequence, or text with commas.
pub(crate) fn list(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect(),
        Some(Value::String(text)) => text
            .split(',')
            .map(|item| item.trim().to_owned())
            .filter(|item| !item.is_empty())
            .collect(),
        _ => Vec::new(),
    }
}

/// Checks a topic name before librdkafka sees it.
pub(crate) fn topic_name(name: &str, property: &str) -> Result<()> {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=249).contains(&name.len()) && name.chars().all(legal) && name != "." && name != ".." {
        return Ok(());
    }
    Err(configuration(format!(
        "`{}` can't be the name of a Kafka topic (`{property}`): use 1 to 249 of the characters `A-Z a-z 0-9 . _ -`",
        name.escape_debug()
    )))
}

fn no_bootstrap_servers(configuration: &BTreeMap<String, String>) -> Result<()> {
    if configuration.contains_key("bootstrap.servers") {
        return Err(configuration_error_for_bootstrap());
    }
    Ok(())
}

fn configuration_error_for_bootstrap() -> Error {
    configuration(
        "`bootstrap.servers` can't be set in a binding's `configuration`: set `kafka.binder.brokers`, or give the \
         binding a binder of its own with `bindings.<name>.binder`",
    )
}

/// A permanent error of the configuration.
pub(crate) fn configuration(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

#[cfg(test)]
mod tests {
    use bindery_core::BindingName;
    use serde_json::json;

    use super::*;

    fn consumer(group: Option<&str>, options: Value) -> ConsumerSpec {
        ConsumerSpec {
            binding: BindingName::new("sink-in-0"),
            destination: "orders".into(),
            group: group.map(Into::into),
            concurrency: 1,
            partitioned: false,
            instance_count: 1,
            instance_index: 0,
            batch: None,
            max_in_flight: 10,
            max_attempts: 3,
            options: options_of(options),
        }
    }

    fn options_of(value: Value) -> Options {
        let Value::Object(entries) = value else {
            panic!("options are a map")
        };
        Options(entries.into_iter().collect())
    }

    #[test]
    fn the_dead_letter_topic_is_named_after_destination_and_group() {
        let read = ConsumerOptions::read(&consumer(Some("g"), json!({"enable-dlq": true}))).unwrap();
        assert_eq!(read.dead_letter.unwrap().topic, "error.orders.g");
    }

    #[test]
    fn the_dead_letter_topic_can_have_a_name_and_partitions_of_its_own() {
        let options = json!({"enable-dlq": true, "dlq-name": "parked", "dlq-partitions": 1});
        let letter = ConsumerOptions::read(&consumer(Some("g"), options))
            .unwrap()
            .dead_letter
            .unwrap();
        assert_eq!((letter.topic.as_str(), letter.partitions), ("parked", Some(1)));
    }

    #[test]
    fn a_dead_letter_needs_a_group() {
        let error = ConsumerOptions::read(&consumer(None, json!({"enable-dlq": true}))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.message().contains("sink-in-0"), "{error}");
    }

    #[test]
    fn names_that_kafka_does_not_take_are_refused() {
        for name in ["", "a b", "a/b", "ü", "a\0b", "..", &"x".repeat(250)] {
            assert!(topic_name(name, "destination").is_err(), "{name:?}");
        }
        topic_name("Orders.v1_new-2", "destination").unwrap();
    }

    #[test]
    fn brokers_are_not_set_in_a_binding() {
        let spec = ProducerSpec {
            binding: BindingName::new("out"),
            destination: "orders".into(),
            partition_count: None,
            required_groups: Vec::new(),
            max_in_flight: 10,
            confirm_timeout: Duration::from_secs(30),
            awaited: false,
            options: options_of(json!({"configuration": {"bootstrap.servers": "x"}})),
        };
        assert!(
            ProducerOptions::read(&spec)
                .unwrap_err()
                .message()
                .contains("kafka.binder.brokers")
        );
    }
}
