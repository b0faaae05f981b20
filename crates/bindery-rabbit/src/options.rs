//! The binder's own properties as types, read from values that have passed the tables of [`crate::catalog`].

use std::collections::BTreeMap;
use std::time::Duration;

use bindery_core::{Options, Result};

use crate::error::misconfigured;

/// The arguments of a queue, or of its dead letter queue, that both spell the same.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct QueueOptions {
    pub(crate) ttl_millis: Option<i64>,
    pub(crate) expires_millis: Option<i64>,
    pub(crate) max_length: Option<i64>,
    pub(crate) max_length_bytes: Option<i64>,
    pub(crate) max_priority: Option<i64>,
    pub(crate) lazy: bool,
    pub(crate) overflow: Option<String>,
    pub(crate) quorum: bool,
    pub(crate) quorum_initial_group_size: Option<i64>,
    pub(crate) quorum_delivery_limit: Option<i64>,
    pub(crate) single_active_consumer: bool,
}

impl QueueOptions {
    fn read(options: &Options, prefix: &str) -> Self {
        let name = |suffix: &str| format!("{prefix}{suffix}");
        let integer = |suffix: &str| options.integer(&name(suffix));
        let flag = |suffix: &str| options.flag(&name(suffix), false);
        Self {
            ttl_millis: integer("ttl"),
            expires_millis: integer("expires"),
            max_length: integer("max-length"),
            max_length_bytes: integer("max-length-bytes"),
            max_priority: integer("max-priority"),
            lazy: flag("lazy"),
            overflow: options.text(&name("overflow-behavior")).map(str::to_owned),
            quorum: flag("quorum.enabled"),
            quorum_initial_group_size: integer("quorum.initial-group-size"),
            quorum_delivery_limit: integer("quorum.delivery-limit"),
            single_active_consumer: flag("single-active-consumer"),
        }
    }
}

/// What consumers and producers share: the exchange, the queue and its dead letter.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DestinationOptions {
    pub(crate) prefix: String,
    pub(crate) exchange_type: String,
    pub(crate) declare_exchange: bool,
    pub(crate) exchange_durable: bool,
    pub(crate) exchange_auto_delete: bool,
    pub(crate) queue_name_group_only: bool,
    pub(crate) bind_queue: bool,
    pub(crate) binding_routing_keys: Vec<String>,
    pub(crate) queue_binding_arguments: BTreeMap<String, String>,
    pub(crate) queue: QueueOptions,
    pub(crate) auto_bind_dlq: bool,
    pub(crate) dead_letter_queue_name: Option<String>,
    pub(crate) dead_letter_exchange: Option<String>,
    pub(crate) dead_letter_exchange_type: String,
    pub(crate) declare_dlx: bool,
    pub(crate) dead_letter_routing_key: Option<String>,
    pub(crate) dlq: QueueOptions,
    pub(crate) dlq_dead_letter_exchange: Option<String>,
    pub(crate) dlq_dead_letter_routing_key: Option<String>,
    pub(crate) dlq_binding_arguments: BTreeMap<String, String>,
}

impl DestinationOptions {
    fn read(options: &Options) -> Self {
        let text = |name: &str| options.text(name).map(str::to_owned);
        Self {
            prefix: text("prefix").unwrap_or_default(),
            exchange_type: text("exchange-type").unwrap_or_else(|| "topic".to_owned()),
            declare_exchange: options.flag("declare-exchange", true),
            exchange_durable: options.flag("exchange-durable", true),
            exchange_auto_delete: options.flag("exchange-auto-delete", false),
            queue_name_group_only: options.flag("queue-name-group-only", false),
            bind_queue: options.flag("bind-queue", true),
            binding_routing_keys: binding_routing_keys(options),
            queue_binding_arguments: options.text_map("queue-binding-arguments"),
            queue: QueueOptions::read(options, ""),
            auto_bind_dlq: options.flag("auto-bind-dlq", false),
            dead_letter_queue_name: text("dead-letter-queue-name"),
            dead_letter_exchange: text("dead-letter-exchange"),
            dead_letter_exchange_type: text("dead-letter-exchange-type")
                .unwrap_or_else(|| "direct".to_owned()),
            declare_dlx: options.flag("declare-dlx", true),
            dead_letter_routing_key: text("dead-letter-routing-key"),
            dlq: QueueOptions::read(options, "dlq-"),
            dlq_dead_letter_exchange: text("dlq-dead-letter-exchange"),
            dlq_dead_letter_routing_key: text("dlq-dead-letter-routing-key"),
            dlq_binding_arguments: options.text_map("dlq-binding-arguments"),
        }
    }
}

fn binding_routing_keys(options: &Options) -> Vec<String> {
    let Some(keys) = options.text("binding-routing-key") else {
        return Vec::new();
    };
    match options.text("binding-routing-key-delimiter") {
        Some(delimiter) if !delimiter.is_empty() => {
            keys.split(delimiter).map(|key| key.trim().to_owned()).collect()
        }
        _ => vec![keys.to_owned()],
    }
}

/// `rabbit.bindings.<name>.consumer.*`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ConsumerOptions {
    pub(crate) destination: DestinationOptions,
    pub(crate) prefetch: Option<u16>,
    pub(crate) durable_subscription: bool,
    pub(crate) republish_to_dlq: bool,
    pub(crate) republish_delivery_mode: u8,
    pub(crate) requeue_rejected: bool,
    pub(crate) header_patterns: Patterns,
    pub(crate) exclusive: bool,
    /// How long a consumer of a quorum queue goes without messages until it consumes anew; `None` is for ever.
    pub(crate) renew_idle_after: Option<Duration>,
    pub(crate) consumer_priority: Option<i64>,
    pub(crate) consumer_tag_prefix: Option<String>,
    pub(crate) frame_max_headroom: usize,
    pub(crate) anonymous_group_prefix: String,
    pub(crate) max_decompressed_bytes: usize,
}

/// How large a compressed message may get when nothing else is configured.
const MAX_DECOMPRESSED_BYTES: usize = 8 * 1024 * 1024;
/// Often enough that nobody waits for long, and seldom enough that it costs nothing.
const RENEW_IDLE_AFTER: Duration = Duration::from_secs(30);
/// Spring's share of a frame that a stack trace leaves to everything else.
const FRAME_MAX_HEADROOM: usize = 20_000;

impl ConsumerOptions {
    pub(crate) fn read(options: &Options) -> Self {
        let mut destination = DestinationOptions::read(options);
        if let Some(priority) = options.integer("queue-max-priority").filter(|value| *value >= 0) {
            destination.queue.max_priority = Some(priority);
        }
        Self {
            destination,
            prefetch: options
                .integer("prefetch")
                .and_then(|value| u16::try_from(value).ok())
                .filter(|value| *value > 0),
            durable_subscription: options.flag("durable-subscription", true),
            republish_to_dlq: options.flag("republish-to-dlq", true),
            republish_delivery_mode: delivery_mode(options, "republish-delivery-mode"),
            requeue_rejected: options.flag("requeue-rejected", false),
            header_patterns: Patterns::read(options, "header-patterns"),
            exclusive: options.flag("exclusive", false),
            renew_idle_after: renew_idle_after(options),
            consumer_priority: options.integer("consumer-priority").filter(|value| *value >= 0),
            consumer_tag_prefix: options.text("consumer-tag-prefix").map(str::to_owned),
            frame_max_headroom: size(options, "frame-max-headroom").unwrap_or(FRAME_MAX_HEADROOM),
            anonymous_group_prefix: options
                .text("anonymous-group-prefix")
                .unwrap_or("anonymous.")
                .to_owned(),
            max_decompressed_bytes: size(options, "max-decompressed-bytes").unwrap_or(MAX_DECOMPRESSED_BYTES),
        }
    }

    /// Whether a failed message goes back to its queue for ever: Spring's rule for `requeue-rejected`.
    pub(crate) fn requeues_failures(&self, max_attempts: u32) -> bool {
        self.requeue_rejected && !self.republish_to_dlq && max_attempts <= 1
    }
}

/// `rabbit.bindings.<name>.producer.*`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ProducerOptions {
    pub(crate) destination: DestinationOptions,
    pub(crate) routing_key: Option<String>,
    pub(crate) has_routing_key_expression: bool,
    pub(crate) delivery_mode: u8,
    pub(crate) header_patterns: Patterns,
    pub(crate) mandatory: bool,
    pub(crate) compress: bool,
}

impl ProducerOptions {
    pub(crate) fn read(options: &Options) -> Self {
        Self {
            destination: DestinationOptions::read(options),
            routing_key: options.text("routing-key").map(str::to_owned),
            has_routing_key_expression: options.get("routing-key-expression").is_some(),
            delivery_mode: delivery_mode(options, "delivery-mode"),
            header_patterns: Patterns::read(options, "header-patterns"),
            mandatory: options.flag("mandatory", true),
            compress: options.flag("compress", false),
        }
    }

    /// Refuses a partitioned output whose records could never reach the queues of its `required-groups`.
    pub(crate) fn check_partitioned_routing(&self, destination: &str, required_groups: bool) -> Result<()> {
        if !required_groups || !self.destination.bind_queue {
            return Ok(());
        }
        let bound = match self.destination.binding_routing_keys.as_slice() {
            [] => destination,
            [only, ..] => only.as_str(),
        };
        let explicit = !self.destination.binding_routing_keys.is_empty();
        if self.has_routing_key_expression && !explicit {
            return Err(misconfigured(format!(
                "`routing-key-expression` on a partitioned output with `required-groups` loses messages: they are published \
                 with `<expression>-<partition>`, but the queues of the groups are bound with `{bound}-<partition>`; \
                 remove the expression, or set `binding-routing-key` to what it evaluates to"
            )));
        }
        match &self.routing_key {
            Some(key) if !self.has_routing_key_expression && key != bound => Err(misconfigured(format!(
                "`routing-key: {key}` on a partitioned output with `required-groups` loses messages: the queues of the \
                 groups are bound with `{bound}-<partition>`; set `binding-routing-key: {key}` as well"
            ))),
            _ => Ok(()),
        }
    }
}

fn renew_idle_after(options: &Options) -> Option<Duration> {
    let after = match options.integer("renew-idle-after") {
        Some(millis) => Duration::from_millis(u64::try_from(millis).unwrap_or_default()),
        None => RENEW_IDLE_AFTER,
    };
    (!after.is_zero()).then_some(after)
}

const PERSISTENT: u8 = 2;
const NON_PERSISTENT: u8 = 1;

fn delivery_mode(options: &Options, name: &str) -> u8 {
    match options.text(name) {
        Some("NON_PERSISTENT") => NON_PERSISTENT,
        _ => PERSISTENT,
    }
}

fn size(options: &Options, name: &str) -> Option<usize> {
    usize::try_from(options.integer(name)?).ok()
}

/// Header name patterns with `*`, the first match decides; `!` in front excludes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Patterns(Vec<(bool, String)>);

impl Patterns {
    fn read(options: &Options, name: &str) -> Self {
        let Some(serde_json::Value::Array(patterns)) = options.get(name) else {
            return Self::default();
        };
        Self::new(patterns.iter().filter_map(serde_json::Value::as_str))
    }

    pub(crate) fn new<'a>(patterns: impl IntoIterator<Item = &'a str>) -> Self {
        let mut parsed: Vec<(bool, String)> = patterns
            .into_iter()
            .map(|pattern| match pattern.strip_prefix('!') {
                Some(excluded) => (false, excluded.to_owned()),
                None => (true, pattern.to_owned()),
            })
            .collect();
        // Spring tries the exclusions first, whatever their place.
        parsed.sort_by_key(|(included, _)| *included);
        Self(parsed)
    }

    /// Whether headers of this name are mapped; without patterns all are.
    pub(crate) fn include(&self, name: &str) -> bool {
        if self.0.is_empty() {
            return true;
        }
        self.0
            .iter()
            .find(|(_, pattern)| matches(pattern, name))
            .is_some_and(|(included, _)| *included)
    }
}

/// Whether `name` matches a pattern in which `*` stands for any text. Linear in the name for each `*`.
fn matches(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = pattern
        .contains('*')
        .then(|| parts.next_back().unwrap_or_default())
    else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, serde_json::Value)]) -> Options {
        Options(
            pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        )
    }

    #[test]
    fn patterns_match_as_springs_do() {
        let all = Patterns::default();
        assert!(all.include("anything"));
        let some = Patterns::new(["h*", "*id", "a*b*c", "!hidden*"]);
        for (name, included) in [
            ("h1", true),
            ("contentType", false),
            ("traceid", true),
            ("a-b-c", true),
            ("a-c", false),
            ("hidden1", false),
        ] {
            assert_eq!(some.include(name), included, "{name}");
        }
    }

    #[test]
    fn defaults_are_springs_but_for_the_prefetch() {
        let consumer = ConsumerOptions::read(&Options::default());
        assert_eq!(consumer.prefetch, None);
        assert!(consumer.republish_to_dlq && consumer.durable_subscription);
        assert_eq!(consumer.republish_delivery_mode, PERSISTENT);
        assert_eq!(consumer.destination.exchange_type, "topic");
        assert_eq!(consumer.renew_idle_after, Some(Duration::from_secs(30)));
        let never = ConsumerOptions::read(&options(&[("renew-idle-after", 0.into())]));
        assert_eq!(never.renew_idle_after, None);
        let producer = ProducerOptions::read(&options(&[("delivery-mode", "NON_PERSISTENT".into())]));
        assert_eq!(
            (producer.delivery_mode, producer.mandatory),
            (NON_PERSISTENT, true)
        );
    }

    #[test]
    fn a_partitioned_output_that_can_not_reach_its_required_groups_is_refused() {
        let lost = ProducerOptions::read(&options(&[("routing-key-expression", "'rk'".into())]));
        let message = lost
            .check_partitioned_routing("r14", true)
            .unwrap_err()
            .to_string();
        assert!(message.contains("`r14-<partition>`"), "{message}");
        assert!(lost.check_partitioned_routing("r14", false).is_ok());
        let bound = ProducerOptions::read(&options(&[
            ("routing-key-expression", "'rk'".into()),
            ("binding-routing-key", "rk".into()),
        ]));
        assert!(bound.check_partitioned_routing("r14", true).is_ok());
        let fixed = ProducerOptions::read(&options(&[("routing-key", "k".into())]));
        assert!(fixed.check_partitioned_routing("r14", true).is_err());
    }
}
