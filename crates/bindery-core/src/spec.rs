//! What a binder is asked to bind: resolved, without inheritance or text where an enum fits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::BindingName;

/// A binder's own properties of one level, resolved to canonical kebab-case names, in JSON form.
///
/// Nested groups are dotted (`quorum.enabled`); maps such as `configuration` are objects whose keys are as given.
/// Values have passed the binder's [`PropertyDef`](crate::PropertyDef)s, so a binder reads them with `serde` or
/// [`Options::get`] and needs no checks of its own but those between properties.
#[derive(Clone, Default, PartialEq)]
pub struct Options(pub BTreeMap<String, serde_json::Value>);

impl Options {
    /// The value under a canonical name.
    pub fn get(&self, name: &str) -> Option<&serde_json::Value> {
        self.0.get(name)
    }

    /// The text under a canonical name.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// The truth value under a canonical name, or `default`.
    pub fn flag(&self, name: &str, default: bool) -> bool {
        self.get(name)
            .and_then(serde_json::Value::as_bool)
            .unwrap_or(default)
    }

    /// The integer under a canonical name.
    pub fn integer(&self, name: &str) -> Option<i64> {
        self.get(name)?.as_i64()
    }

    /// The entries of a map of texts, such as `configuration`; other scalars are written as text.
    pub fn text_map(&self, name: &str) -> BTreeMap<String, String> {
        let Some(serde_json::Value::Object(entries)) = self.get(name) else {
            return BTreeMap::new();
        };
        entries
            .iter()
            .map(|(key, value)| {
                (
                    key.clone(),
                    value.as_str().map_or_else(|| value.to_string(), str::to_owned),
                )
            })
            .collect()
    }
}

/// Shows names, flags and numbers; texts may be secrets.
impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self.0.iter().map(|(name, value)| match value {
            serde_json::Value::Bool(_) | serde_json::Value::Number(_) => (name, value.to_string()),
            _ => (name, "…".to_owned()),
        });
        f.debug_map().entries(shown).finish()
    }
}

/// One configured connection to a broker: `binders.<name>`, or the implicit one of a kind.
#[derive(Clone, Debug)]
pub struct BinderSpec {
    /// The configured name.
    pub name: Arc<str>,
    /// The kind, for example `kafka`.
    pub kind: Arc<str>,
    /// The binder level: `<kind>.binder.*`.
    pub options: Options,
    /// The connection level: Spring Boot's own root for this kind, such as `spring.kafka.*`.
    pub connection: Options,
    /// How many consumers the application binds here: what is bounded for all of them is shared out among them.
    pub consumers: usize,
}

/// An input to bind.
#[derive(Clone, Debug)]
pub struct ConsumerSpec {
    /// The binding.
    pub binding: BindingName,
    /// The destination.
    pub destination: Arc<str>,
    /// The consumer group; `None` is an anonymous one that gets new messages only.
    pub group: Option<Arc<str>>,
    /// How many consumers share the work: RabbitMQ consumers; partitions that a created Kafka topic needs.
    pub concurrency: u32,
    /// Whether the destination is partitioned, and each instance has a share.
    pub partitioned: bool,
    /// How many instances there are.
    pub instance_count: u32,
    /// Which of them this is, from 0.
    pub instance_index: u32,
    /// Whether the handler takes batches, and how many messages one holds at most.
    pub batch: Option<u32>,
    /// How many messages may be delivered and unsettled, per source.
    pub max_in_flight: u32,
    /// How often a message is delivered to the handler, the first time included.
    pub max_attempts: u32,
    /// The binder's own consumer properties.
    pub options: Options,
}

/// An output to bind.
#[derive(Clone, Debug)]
pub struct ProducerSpec {
    /// The binding.
    pub binding: BindingName,
    /// The destination.
    pub destination: Arc<str>,
    /// How many partitions there are to choose from; `None` when the binding isn't partitioned.
    pub partition_count: Option<u32>,
    /// Groups whose queues exist before their consumers do.
    pub required_groups: Vec<Arc<str>>,
    /// How many records may be sent and unconfirmed.
    pub max_in_flight: u32,
    /// How long a publication may stay unconfirmed.
    pub confirm_timeout: Duration,
    /// Whether only callers publish who wait for each confirmation, and no listener that goes on meanwhile: a client that
    /// waits for more of their records only keeps them waiting.
    pub awaited: bool,
    /// The binder's own producer properties.
    pub options: Options,
}
