//! Every property that Spring Cloud Stream's Kafka binder knows, and what becomes of it here.

use bindery_core::{PropertyCatalog, PropertyDef, PropertyType as Accepts};

/// The tables of the Kafka binder.
pub(crate) const CATALOG: PropertyCatalog = PropertyCatalog {
    binder: BINDER,
    consumer: CONSUMER,
    producer: PRODUCER,
    connection_root: Some("spring.kafka"),
    connection: CONNECTION,
    key_expression: Some("message-key-expression"),
    routing_key_expression: None,
};

const COUNT: Accepts = Accepts::Integer { min: 1, max: 100_000 };
const REPLICATION: Accepts = Accepts::Integer { min: -1, max: 32_767 };
const PORT: Accepts = Accepts::Integer { min: 1, max: 65_535 };
const ANY_MILLIS: Accepts = Accepts::Integer { min: 0, max: 900_000 };
const PROTOCOLS: Accepts = Accepts::Choice(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]);
const CONTROL_FLAGS: Accepts = Accepts::Choice(&["required", "requisite", "sufficient", "optional"]);
const COMPRESSION: Accepts = Accepts::Choice(&["none", "gzip", "snappy", "lz4", "zstd"]);

const BEANS: &str = "there are no beans; the property is ignored";
const BYTES: &str = "keys and payloads are bytes to the client; set the binding's `content-type`";
const COMMITS: &str =
    "offsets are committed as messages are settled; the binding's `commit-interval` says how often at most";
const HEADERS: &str = "headers of every type are read, and no class is ever loaded";
const BATCHES: &str = "the binder fetches in batches of its own size; `max-in-flight` bounds them";
const METRICS: &str = "the lag is measured all the time, from the client's own statistics";

/// `kafka.binder.*`.
const BINDER: &[PropertyDef] = &[
    PropertyDef::new("brokers", Accepts::List),
    PropertyDef::new("default-broker-port", PORT),
    PropertyDef::new("configuration", Accepts::Map),
    PropertyDef::new("consumer-properties", Accepts::Map),
    PropertyDef::new("producer-properties", Accepts::Map),
    PropertyDef::new("auto-create-topics", Accepts::Flag),
    PropertyDef::new("auto-add-partitions", Accepts::Flag),
    PropertyDef::new("min-partition-count", COUNT),
    PropertyDef::new("replication-factor", REPLICATION),
    PropertyDef::new("required-acks", Accepts::Text),
    PropertyDef::not_yet("auto-alter-topics"),
    PropertyDef::not_yet("headers"),
    PropertyDef::new("jaas.login-module", Accepts::Text),
    PropertyDef::new("jaas.control-flag", CONTROL_FLAGS),
    PropertyDef::new("jaas.options", Accepts::Map),
    PropertyDef::not_yet("transaction"),
    PropertyDef::jvm_only(
        "authorization-exception-retry-interval",
        "the client tries again by itself, at most every 10 s",
    ),
    PropertyDef::jvm_only(
        "certificate-store-directory",
        "stores are read from the file system; name a file",
    ),
    PropertyDef::jvm_only(
        "consider-down-when-any-partition-has-no-leader",
        "health tells whether the brokers can be reached",
    ),
    PropertyDef::jvm_only(
        "enable-observation",
        "metrics are always on; tracing is the program's",
    ),
    PropertyDef::jvm_only("header-mapper-bean-name", BEANS),
    PropertyDef::jvm_only(
        "health-indicator-consumer-group",
        "health needs no consumer of its own",
    ),
    PropertyDef::jvm_only("health-timeout", "health is known all the time and asks nobody"),
    PropertyDef::jvm_only("metrics", METRICS),
];

/// `kafka.bindings.<name>.consumer.*`.
const CONSUMER: &[PropertyDef] = &[
    PropertyDef::new("auto-rebalance-enabled", Accepts::Flag),
    PropertyDef::new("start-offset", Accepts::Choice(&["earliest", "latest"])),
    PropertyDef::new("reset-offsets", Accepts::Flag),
    PropertyDef::new("commit-interval", Accepts::Millis),
    PropertyDef::new("enable-dlq", Accepts::Flag),
    PropertyDef::new("dlq-name", Accepts::Text),
    PropertyDef::new("dlq-partitions", COUNT),
    PropertyDef::new("dlq-producer-properties.configuration", Accepts::Map),
    PropertyDef::new("configuration", Accepts::Map),
    PropertyDef::new("topic.properties", Accepts::Map),
    PropertyDef::new("topic.replication-factor", REPLICATION),
    PropertyDef::not_yet("destination-is-pattern"),
    PropertyDef::not_yet("dlq-producer-properties"),
    PropertyDef::not_yet("idle-event-interval"),
    PropertyDef::not_yet("standard-headers"),
    PropertyDef::not_yet("topic.replicas-assignment"),
    PropertyDef::not_yet("tx-commit-recovered"),
    PropertyDef::jvm_only("ack-each-record", COMMITS),
    PropertyDef::jvm_only("ack-mode", COMMITS),
    PropertyDef::jvm_only("admin", "set `topic.*` beside it"),
    PropertyDef::jvm_only("auto-commit-offset", "take an `Acknowledgment` to settle by hand"),
    PropertyDef::jvm_only("auto-commit-on-error", "there are no polled consumers"),
    PropertyDef::jvm_only("common-error-handler-bean-name", BEANS),
    PropertyDef::jvm_only("converter-bean-name", BEANS),
    PropertyDef::jvm_only("poll-timeout", "there are no polled consumers"),
    PropertyDef::jvm_only("reactive-at-most-once", COMMITS),
    PropertyDef::jvm_only("reactive-auto-commit", COMMITS),
    PropertyDef::jvm_only("transaction-manager", BEANS),
    PropertyDef::jvm_only("trusted-packages", HEADERS),
];

/// `kafka.bindings.<name>.producer.*`.
const PRODUCER: &[PropertyDef] = &[
    PropertyDef::new(
        "buffer-size",
        Accepts::Integer {
            min: 1,
            max: 2_147_483_647,
        },
    ),
    PropertyDef::new("compression-type", COMPRESSION),
    PropertyDef::alias("compression", "compression-type"),
    PropertyDef::new("batch-timeout", ANY_MILLIS),
    PropertyDef::new("message-key-expression", Accepts::Expression),
    PropertyDef::new("header-patterns", Accepts::List),
    PropertyDef::new("use-topic-header", Accepts::Flag),
    PropertyDef::new("close-timeout", Accepts::Integer { min: 0, max: 3600 }),
    PropertyDef::new("configuration", Accepts::Map),
    PropertyDef::new("topic.properties", Accepts::Map),
    PropertyDef::new("topic.replication-factor", REPLICATION),
    PropertyDef::not_yet("topic.replicas-assignment"),
    PropertyDef::not_yet("allow-non-transactional"),
    PropertyDef::jvm_only("admin", "set `topic.*` beside it"),
    PropertyDef::jvm_only(
        "record-metadata-channel",
        "a send returns where the record ended up",
    ),
    PropertyDef::jvm_only(
        "send-timeout-expression",
        "a send fails after the producer's `confirm-timeout`",
    ),
    PropertyDef::jvm_only("sync", "every send is confirmed before its input is settled"),
    PropertyDef::jvm_only("transaction-manager", BEANS),
];

/// `spring.kafka.*`.
const CONNECTION: &[PropertyDef] = &[
    PropertyDef::new("bootstrap-servers", Accepts::List),
    PropertyDef::new("client-id", Accepts::Text),
    PropertyDef::new("properties", Accepts::Map),
    PropertyDef::new("security.protocol", PROTOCOLS),
    PropertyDef::new("ssl.key-password", Accepts::Secret),
    PropertyDef::new("ssl.key-store-certificate-chain", Accepts::Text),
    PropertyDef::new("ssl.key-store-key", Accepts::Secret),
    PropertyDef::new("ssl.key-store-location", Accepts::Text),
    PropertyDef::new("ssl.key-store-password", Accepts::Secret),
    PropertyDef::new("ssl.key-store-type", Accepts::Text),
    PropertyDef::new("ssl.trust-store-certificates", Accepts::Text),
    PropertyDef::new("ssl.trust-store-location", Accepts::Text),
    PropertyDef::new("ssl.trust-store-password", Accepts::Secret),
    PropertyDef::new("ssl.trust-store-type", Accepts::Text),
    PropertyDef::not_yet("ssl.bundle"),
    PropertyDef::jvm_only("ssl.protocol", "the newest version that both sides know is used"),
    PropertyDef::new("jaas.enabled", Accepts::Flag),
    PropertyDef::new("jaas.login-module", Accepts::Text),
    PropertyDef::new("jaas.control-flag", CONTROL_FLAGS),
    PropertyDef::new("jaas.options", Accepts::Map),
    PropertyDef::new("consumer.auto-offset-reset", Accepts::Text),
    PropertyDef::new("consumer.client-id", Accepts::Text),
    PropertyDef::new("consumer.enable-auto-commit", Accepts::Flag),
    PropertyDef::new("consumer.fetch-max-wait", Accepts::Millis),
    PropertyDef::new("consumer.fetch-min-size", Accepts::Text),
    PropertyDef::new("consumer.group-id", Accepts::Text),
    PropertyDef::new("consumer.heartbeat-interval", Accepts::Millis),
    PropertyDef::new(
        "consumer.isolation-level",
        Accepts::Choice(&["read-committed", "read-uncommitted"]),
    ),
    PropertyDef::new("consumer.max-poll-interval", Accepts::Millis),
    PropertyDef::new("consumer.properties", Accepts::Map),
    PropertyDef::new("consumer.security.protocol", PROTOCOLS),
    PropertyDef::new("consumer.ssl.key-password", Accepts::Secret),
    PropertyDef::new("consumer.ssl.key-store-certificate-chain", Accepts::Text),
    PropertyDef::new("consumer.ssl.key-store-key", Accepts::Secret),
    PropertyDef::new("consumer.ssl.key-store-location", Accepts::Text),
    PropertyDef::new("consumer.ssl.key-store-password", Accepts::Secret),
    PropertyDef::new("consumer.ssl.key-store-type", Accepts::Text),
    PropertyDef::new("consumer.ssl.trust-store-certificates", Accepts::Text),
    PropertyDef::new("consumer.ssl.trust-store-location", Accepts::Text),
    PropertyDef::new("consumer.ssl.trust-store-password", Accepts::Secret),
    PropertyDef::new("consumer.ssl.trust-store-type", Accepts::Text),
    PropertyDef::not_yet("consumer.ssl.bundle"),
    PropertyDef::jvm_only(
        "consumer.ssl.protocol",
        "the newest version that both sides know is used",
    ),
    PropertyDef::not_yet("consumer.bootstrap-servers"),
    PropertyDef::jvm_only("consumer.auto-commit-interval", COMMITS),
    PropertyDef::jvm_only("consumer.key-deserializer", BYTES),
    PropertyDef::jvm_only("consumer.value-deserializer", BYTES),
    PropertyDef::jvm_only("consumer.max-poll-records", BATCHES),
    PropertyDef::new("producer.acks", Accepts::Text),
    PropertyDef::new("producer.batch-size", Accepts::Text),
    PropertyDef::new("producer.client-id", Accepts::Text),
    PropertyDef::new("producer.compression-type", COMPRESSION),
    PropertyDef::new("producer.properties", Accepts::Map),
    PropertyDef::new(
        "producer.retries",
        Accepts::Integer {
            min: 0,
            max: 2_147_483_647,
        },
    ),
    PropertyDef::new("producer.security.protocol", PROTOCOLS),
    PropertyDef::new("producer.ssl.key-password", Accepts::Secret),
    PropertyDef::new("producer.ssl.key-store-certificate-chain", Accepts::Text),
    PropertyDef::new("producer.ssl.key-store-key", Accepts::Secret),
    PropertyDef::new("producer.ssl.key-store-location", Accepts::Text),
    PropertyDef::new("producer.ssl.key-store-password", Accepts::Secret),
    PropertyDef::new("producer.ssl.key-store-type", Accepts::Text),
    PropertyDef::new("producer.ssl.trust-store-certificates", Accepts::Text),
    PropertyDef::new("producer.ssl.trust-store-location", Accepts::Text),
    PropertyDef::new("producer.ssl.trust-store-password", Accepts::Secret),
    PropertyDef::new("producer.ssl.trust-store-type", Accepts::Text),
    PropertyDef::not_yet("producer.ssl.bundle"),
    PropertyDef::jvm_only(
        "producer.ssl.protocol",
        "the newest version that both sides know is used",
    ),
    PropertyDef::not_yet("producer.bootstrap-servers"),
    PropertyDef::not_yet("producer.transaction-id-prefix"),
    PropertyDef::jvm_only(
        "producer.buffer-memory",
        "each output has at most 64 MiB unconfirmed",
    ),
    PropertyDef::jvm_only("producer.key-serializer", BYTES),
    PropertyDef::jvm_only("producer.value-serializer", BYTES),
    PropertyDef::jvm_only(
        "admin",
        "topics are looked up and created as the binder's properties say",
    ),
    PropertyDef::jvm_only(
        "listener",
        "the binder's consumers are set up by the binding's properties",
    ),
    PropertyDef::jvm_only(
        "retry",
        "there are no retry topics; set the binding's `max-attempts` and back-off",
    ),
    PropertyDef::jvm_only("streams", "there is no Kafka Streams"),
    PropertyDef::jvm_only("template", "there is no template; send through `StreamBridge`"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bindery_core::Support;

    use super::*;

    #[test]
    fn names_are_canonical_and_come_once() {
        for table in [BINDER, CONSUMER, PRODUCER, CONNECTION] {
            let mut seen = BTreeSet::new();
            for property in table {
                assert!(seen.insert(property.name), "`{}` comes twice", property.name);
                let canonical = |c: char| c.is_ascii_lowercase() || matches!(c, '-' | '.');
                assert!(
                    property.name.chars().all(canonical),
                    "`{}` is not canonical",
                    property.name
                );
                if let Support::AliasOf(name) = property.support {
                    assert!(
                        table.iter().any(|known| known.name == name),
                        "`{name}` is not known"
                    );
                }
            }
        }
    }

    #[test]
    fn every_property_of_the_jvm_binder_is_known() {
        let known = |table: &[PropertyDef], name: &str| {
            table
                .iter()
                .any(|property| name == property.name || name.starts_with(&format!("{}.", property.name)))
        };
        for name in [
            "jaas.login-module",
            "transaction.producer.sync",
            "metrics.offset-lag-metrics-interval",
        ] {
            assert!(known(BINDER, name), "{name}");
        }
        for name in ["topic.properties", "dlq-producer-properties.sync"] {
            assert!(known(CONSUMER, name), "{name}");
        }
        for name in [
            "listener.ack-mode",
            "template.default-topic",
            "consumer.ssl.bundle",
        ] {
            assert!(known(CONNECTION, name), "{name}");
        }
    }
}
