//! The tables of the properties that aren't a binder's: every key that Spring Cloud Stream knows at these levels, and
//! ours beside them.

use bindery_core::PropertyDef as P;
use bindery_core::PropertyType::{Any, Choice, Expression, Flag, Integer, List, Map, Millis, Number, Text};

const COUNT: bindery_core::PropertyType = Integer { min: 1, max: 100_000 };
/// `-1` stands for the application's own value.
const OWN_COUNT: bindery_core::PropertyType = Integer {
    min: -1,
    max: 100_000,
};

/// `stream.*`.
pub(crate) const STREAM: &[P] = &[
    P::new("default-binder", Text),
    P::new("instance-count", COUNT),
    P::new("instance-index", Integer { min: 0, max: 100_000 }),
    P::not_yet("instance-index-list"),
    P::new("input-bindings", Text),
    P::new("output-bindings", Text),
    P::new("function.bindings", Map),
    P::not_yet("function.autodetect"),
    P::not_yet("function.routing.enabled"),
    P::jvm_only(
        "function.definition",
        "not read, as in Spring Cloud Stream since 4.0; use `spring.cloud.function.definition`",
    ),
    P::not_yet("pollable-source"),
    P::not_yet("dynamic-destination-cache-size"),
    P::new("binding-retry-interval", Integer { min: -1, max: 86_400 }),
    P::not_yet("integration.message-handler-not-propagated-headers"),
    P::new("poller.fixed-delay", Millis),
    P::new("poller.initial-delay", Millis),
    P::new("poller.max-messages-per-poll", COUNT),
    P::not_yet("poller"),
    P::jvm_only(
        "override-cloud-connectors",
        "ignored: there is no Cloud Foundry connector",
    ),
    P::not_yet("metrics"),
    P::not_yet("schema"),
    P::not_yet("schema-registry-client"),
    P::jvm_only(
        "dynamic-destinations",
        "ignored, as in Spring Cloud Stream itself: every destination is allowed",
    ),
    P::jvm_only(
        "source",
        "not read, as in Spring Cloud Stream since 4.0; use `output-bindings`, or nothing",
    ),
    P::new("avro.schemas", Map),
    P::new("shutdown-timeout", Millis),
];

/// `stream.bindings.<name>.*` and `stream.default.*`.
pub(crate) const BINDING: &[P] = &[
    P::new("destination", Text),
    P::new("group", Text),
    P::new("content-type", Text),
    P::new("binder", Text),
    P::not_yet("error-handler-definition"),
];

/// `stream.bindings.<name>.consumer.*` and `stream.default.consumer.*`.
pub(crate) const CONSUMER: &[P] = &[
    P::new("auto-startup", Flag),
    P::new("concurrency", Integer { min: 1, max: 1_024 }),
    P::new("partitioned", Flag),
    P::not_yet("header-mode"),
    P::new(
        "max-attempts",
        Integer {
            min: 1,
            max: i32::MAX as i64,
        },
    ),
    P::new("back-off-initial-interval", Millis),
    P::new("back-off-max-interval", Millis),
    P::new("back-off-multiplier", Number { min: 1.0 }),
    P::not_yet("default-retryable"),
    P::not_yet("retryable-exceptions"),
    P::jvm_only(
        "retry-template-name",
        "ignored: there are no beans; use `consumer.max-attempts` and `consumer.retry`",
    ),
    P::new("instance-count", OWN_COUNT),
    P::new("instance-index", OWN_COUNT),
    P::not_yet("instance-index-list"),
    P::not_yet("use-native-decoding"),
    P::not_yet("multiplex"),
    P::new("batch-mode", Flag),
    P::new("batch-size", Integer { min: 1, max: 100_000 }),
    P::new("ordering", Choice(&["partition", "key", "none"])),
    P::new("ordering-key-expression", Expression),
    P::new(
        "max-in-flight",
        Integer {
            min: 1,
            max: 1_000_000,
        },
    ),
    P::new(
        "max-in-flight-bytes",
        Integer {
            min: 1_024,
            max: i64::MAX,
        },
    ),
    P::new("handler-timeout", Millis),
    P::new("on-exhausted", Choice(&["hold", "skip"])),
    P::new(
        "retry.strategy",
        Choice(&["fixed", "exponential", "random", "intervals"]),
    ),
    P::new("retry.delay", Millis),
    P::new("retry.intervals", List),
    P::new("retry.max", Millis),
    P::new("retry.jitter", Text),
    P::new("retry.deadline", Millis),
];

/// `stream.bindings.<name>.producer.*` and `stream.default.producer.*`.
pub(crate) const PRODUCER: &[P] = &[
    P::new("auto-startup", Flag),
    P::new("partition-key-expression", Expression),
    P::jvm_only(
        "partition-key-extractor-name",
        "ignored: there are no beans; use `partition-key-expression`",
    ),
    P::new("partition-selector-expression", Expression),
    P::jvm_only(
        "partition-selector-name",
        "ignored: there are no beans; use `partition-selector-expression`",
    ),
    P::new("partition-count", COUNT),
    P::new("required-groups", List),
    P::not_yet("header-mode"),
    P::not_yet("use-native-encoding"),
    P::not_yet("error-channel-enabled"),
    P::not_yet("dynamic-partition-updates-enabled"),
    P::new("poller.fixed-delay", Millis),
    P::new("poller.initial-delay", Millis),
    P::new("poller.max-messages-per-poll", COUNT),
    P::not_yet("poller"),
    P::new(
        "max-in-flight",
        Integer {
            min: 1,
            max: 1_000_000,
        },
    ),
    P::new("confirm-timeout", Millis),
];

/// `stream.binders.<name>.*`, without its environment.
pub(crate) const BINDER: &[P] = &[
    P::new("type", Text),
    P::new("inherit-environment", Flag),
    P::new("default-candidate", Flag),
];

/// `spring.cloud.function.*`.
pub(crate) const FUNCTION: &[P] = &[
    P::new("definition", Text),
    P::not_yet("routing-expression"),
    P::not_yet("routing"),
    P::jvm_only(
        "ineligible-definitions",
        "ignored: listeners are registered by name",
    ),
    P::not_yet("expected-content-type"),
    P::jvm_only(
        "preferred-json-mapper",
        "ignored: `serde_json` reads and writes JSON",
    ),
    P::jvm_only("registry", "ignored: listeners are called without a registry"),
    P::not_yet("single-function-fallback"),
    P::not_yet("configuration"),
];

/// `spring.application.*`.
pub(crate) const APPLICATION: &[P] = &[P::new("name", Text)];

/// `spring.profiles.*`; the loader has read them.
pub(crate) const PROFILES: &[P] = &[
    P::new("active", Any),
    P::new("include", Any),
    P::new("group", Any),
    P::not_yet("default"),
    P::not_yet("validate"),
];

/// `spring.config.*`.
pub(crate) const CONFIG: &[P] = &[
    P::new("activate.on-profile", Any),
    P::not_yet("activate.on-cloud-platform"),
    P::not_yet("import"),
    P::not_yet("location"),
    P::not_yet("additional-location"),
    P::not_yet("name"),
    P::not_yet("use-legacy-processing"),
];

/// `spring.integration.poller.*`.
pub(crate) const POLLER: &[P] = &[
    P::new("fixed-delay", Millis),
    P::new("initial-delay", Millis),
    P::new("max-messages-per-poll", COUNT),
    P::not_yet("fixed-rate"),
    P::not_yet("cron"),
    P::not_yet("receive-timeout"),
];

/// `spring.lifecycle.*`.
pub(crate) const LIFECYCLE: &[P] = &[P::new("timeout-per-shutdown-phase", Millis)];

/// `management.*`.
pub(crate) const MANAGEMENT: &[P] = &[
    P::new("server.port", Integer { min: 0, max: 65_535 }),
    P::new("server.address", Text),
    P::not_yet("server.base-path"),
    P::not_yet("server.ssl"),
    P::new("endpoints.web.exposure.include", List),
    P::new("endpoints.web.exposure.exclude", List),
    P::not_yet("endpoints.web.base-path"),
    P::not_yet("endpoints.web.path-mapping"),
    P::not_yet("endpoints.web.cors"),
    P::not_yet("endpoints.enabled-by-default"),
    P::new(
        "endpoint.health.show-details",
        Choice(&["never", "when-authorized", "always"]),
    ),
    P::new(
        "endpoint.health.show-components",
        Choice(&["never", "when-authorized", "always"]),
    ),
    P::new("endpoint.health.probes.enabled", Flag),
    P::not_yet("endpoint.health.group"),
    P::not_yet("endpoint.health"),
    P::not_yet("health.binders.enabled"),
    P::not_yet("health"),
    P::not_yet("metrics"),
    P::not_yet("prometheus"),
    P::not_yet("tracing"),
    P::not_yet("observations"),
    P::not_yet("otlp"),
    P::not_yet("info"),
    P::not_yet("endpoint"),
];
