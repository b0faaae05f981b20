//! The tables of properties: what each key accepts and what becomes of it.

use bindery_core::{PropertyCatalog, PropertyDef, PropertyType};

use PropertyType::{Expression, Flag, Integer, List, Map, Millis, Seconds, Secret, Text};

const COUNT: PropertyType = Integer {
    min: 0,
    max: i64::MAX,
};
const POSITIVE: PropertyType = Integer {
    min: 1,
    max: i64::MAX,
};
const PRIORITY: PropertyType = Integer { min: -1, max: 255 };
const OVERFLOW: PropertyType = PropertyType::Choice(&["drop-head", "reject-publish", "reject-publish-dlx"]);
const DELIVERY_MODE: PropertyType = PropertyType::Choice(&["PERSISTENT", "NON_PERSISTENT"]);

const fn works(name: &'static str, accepts: PropertyType) -> PropertyDef {
    PropertyDef::new(name, accepts)
}

const fn later(name: &'static str) -> PropertyDef {
    PropertyDef::not_yet(name)
}

const fn jvm(name: &'static str, instead: &'static str) -> PropertyDef {
    PropertyDef::jvm_only(name, instead)
}

const fn alias(name: &'static str, of: &'static str) -> PropertyDef {
    PropertyDef::alias(name, of)
}

/// A table of the keys that consumers and producers share, followed by its own.
macro_rules! with_common {
    ($($own:expr),* $(,)?) => {
        &[
            works("exchange-type", Text),
            works("declare-exchange", Flag),
            works("exchange-durable", Flag),
            works("exchange-auto-delete", Flag),
            later("delayed-exchange"),
            works("queue-name-group-only", Flag),
            works("bind-queue", Flag),
            works("binding-routing-key", Text),
            works("binding-routing-key-delimiter", Text),
            works("queue-binding-arguments", Map),
            works("ttl", Millis),
            works("expires", Millis),
            works("max-length", COUNT),
            works("max-length-bytes", COUNT),
            works("max-priority", PRIORITY),
            works("lazy", Flag),
            works("overflow-behavior", OVERFLOW),
            works("quorum.enabled", Flag),
            works("quorum.initial-group-size", POSITIVE),
            works("quorum.delivery-limit", COUNT),
            works("single-active-consumer", Flag),
            works("auto-bind-dlq", Flag),
            works("dead-letter-queue-name", Text),
            works("dead-letter-exchange", Text),
            works("dead-letter-exchange-type", Text),
            works("declare-dlx", Flag),
            works("dead-letter-routing-key", Text),
            works("dlq-ttl", Millis),
            works("dlq-expires", Millis),
            works("dlq-max-length", COUNT),
            works("dlq-max-length-bytes", COUNT),
            works("dlq-max-priority", PRIORITY),
            works("dlq-lazy", Flag),
            works("dlq-overflow-behavior", OVERFLOW),
            works("dlq-quorum.enabled", Flag),
            works("dlq-quorum.initial-group-size", POSITIVE),
            works("dlq-quorum.delivery-limit", COUNT),
            works("dlq-single-active-consumer", Flag),
            works("dlq-binding-arguments", Map),
            works("dlq-dead-letter-exchange", Text),
            works("dlq-dead-letter-routing-key", Text),
            works("prefix", Text),
            works("header-patterns", List),
            jvm("stream-stream-message-converter-bean-name", "streams aren't supported; remove it"),
            later("transacted"),
            later("super-stream"),
            $($own),*
        ]
    };
}

const BINDER: &[PropertyDef] = &[
    works("connection-name-prefix", Text),
    works("compression-level", Integer { min: 0, max: 9 }),
    later("admin-addresses"),
    later("nodes"),
];

const CONSUMER: &[PropertyDef] = with_common![
    works("prefetch", Integer { min: 1, max: 65_535 }),
    works("durable-subscription", Flag),
    works("republish-to-dlq", Flag),
    works("republish-delivery-mode", DELIVERY_MODE),
    alias("republish-delivey-mode", "republish-delivery-mode"),
    works("requeue-rejected", Flag),
    works("exclusive", Flag),
    works("renew-idle-after", Millis),
    works(
        "consumer-priority",
        Integer {
            min: -1,
            max: i64::MAX
        }
    ),
    works("queue-max-priority", PRIORITY),
    works("consumer-tag-prefix", Text),
    works("frame-max-headroom", COUNT),
    works("anonymous-group-prefix", Text),
    works("max-decompressed-bytes", POSITIVE),
    jvm(
        "acknowledge-mode",
        "every message is acknowledged when it is settled; a listener takes `Acknowledgment` to do it itself"
    ),
    jvm(
        "max-concurrency",
        "`concurrency` consumers run at all times; lanes inside them run concurrently"
    ),
    jvm(
        "container-type",
        "there is one kind of consumer; streams aren't supported"
    ),
    jvm(
        "batch-size",
        "a batch takes what has arrived, up to `consumer.max-in-flight`; acknowledgements are coalesced by themselves"
    ),
    alias("tx-size", "batch-size"),
    jvm("enable-batching", "`consumer.batch-mode` is enough"),
    jvm("receive-timeout", "a batch never waits for more messages"),
    jvm(
        "recovery-interval",
        "a lost connection is made again after 200 ms to 5 s, for ever"
    ),
    jvm(
        "missing-queues-fatal",
        "a missing queue is declared or waited for, with health down"
    ),
    jvm(
        "queue-declaration-retries",
        "declarations are tried again for ever, with back-off"
    ),
    jvm(
        "failed-declaration-retry-interval",
        "declarations are tried again after 200 ms to 5 s"
    ),
];

const PRODUCER: &[PropertyDef] = with_common![
    works("routing-key-expression", Expression),
    works("routing-key", Text),
    works("delivery-mode", DELIVERY_MODE),
    works("mandatory", Flag),
    works("compress", Flag),
    later("delay-expression"),
    later("batching-enabled"),
    later("batch-size"),
    later("batch-buffer-limit"),
    later("batch-timeout"),
    jvm("batching-strategy-bean-name", "beans don't exist here; remove it"),
    jvm(
        "use-confirm-header",
        "`StreamBridge` returns when the broker confirmed"
    ),
    jvm(
        "confirm-ack-channel",
        "`StreamBridge` returns when the broker confirmed"
    ),
    later("alternate-exchange"),
    jvm(
        "producer-type",
        "records are published over AMQP; streams aren't supported"
    ),
    jvm(
        "stream-message-converter-bean-name",
        "streams aren't supported; remove it"
    ),
];

const PORT: PropertyType = Integer { min: 1, max: 65_535 };

const CONNECTION: &[PropertyDef] = &[
    works("addresses", List),
    works("host", Text),
    works("port", PORT),
    works("username", Text),
    works("password", Secret),
    works("virtual-host", Text),
    works("requested-heartbeat", Seconds),
    works("connection-timeout", Millis),
    works(
        "address-shuffle-mode",
        PropertyType::Choice(&["none", "random", "inorder"]),
    ),
    works("ssl.enabled", Flag),
    works("ssl.key-store", Text),
    works("ssl.key-store-type", Text),
    works("ssl.key-store-password", Secret),
    works("ssl.trust-store", Text),
    works("ssl.trust-store-type", Text),
    jvm(
        "ssl.trust-store-password",
        "a PEM file of certificates has no password",
    ),
    jvm("ssl.key-store-algorithm", "the TLS library chooses"),
    jvm("ssl.trust-store-algorithm", "the TLS library chooses"),
    jvm("ssl.algorithm", "TLS 1.2 or 1.3, as the broker can"),
    jvm(
        "ssl.validate-server-certificate",
        "the broker's certificate is always verified; trust it with `ssl.trust-store`",
    ),
    jvm("ssl.verify-hostname", "the broker's name is always verified"),
    later("ssl.bundle"),
    later("requested-channel-max"),
    jvm("channel-rpc-timeout", "the broker has 10 s for each call"),
    later("max-inbound-message-body-size"),
    jvm("publisher-confirm-type", "every publication is confirmed"),
    jvm(
        "publisher-returns",
        "`mandatory` of the producer decides; it is on by default",
    ),
    jvm(
        "cache",
        "one connection publishes and one consumes, with a channel for each binding",
    ),
    jvm(
        "listener",
        "there are no listener containers; see `rabbit.bindings.<name>.consumer`",
    ),
    jvm("template", "there is no template; use `StreamBridge`"),
    jvm("stream", "streams aren't supported"),
];

/// Every property of the kind.
pub(crate) const CATALOG: PropertyCatalog = PropertyCatalog {
    binder: BINDER,
    consumer: CONSUMER,
    producer: PRODUCER,
    connection_root: Some("spring.rabbitmq"),
    connection: CONNECTION,
    key_expression: None,
    routing_key_expression: Some("routing-key-expression"),
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bindery_core::Support;

    use super::*;

    #[test]
    fn names_are_unique_and_aliases_lead_somewhere() {
        for table in [
            CATALOG.binder,
            CATALOG.consumer,
            CATALOG.producer,
            CATALOG.connection,
        ] {
            let names: BTreeSet<_> = table.iter().map(|property| property.name).collect();
            assert_eq!(names.len(), table.len());
            for property in table {
                if let Support::AliasOf(of) = property.support {
                    assert!(names.contains(of), "{of}");
                }
            }
        }
    }
}
