//! Every key that configuration knows, as a user writes it, and texts around it that make it count.

use std::sync::LazyLock;

use bindery_core::{PropertyDef, PropertyType, Support};
use bindery_runtime::config::fuzzing::tables;
use fuzz::targets::config::FACTORIES;

/// One key of one level.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    /// The whole key.
    pub(crate) text: String,
    pub(crate) def: PropertyDef,
    /// The kind whose binder has to be used for the key to count.
    pub(crate) kind: &'static str,
}

/// Every key of every level, with names that the shop has where a name is wanted.
pub(crate) static KEYS: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let mut keys = Vec::new();
    for (level, table) in tables(&FACTORIES) {
        let binding = if level.ends_with("producer") {
            "charge-out-0"
        } else {
            "charge-in-0"
        };
        let level = level
            .replace("bindings.<name>", &format!("bindings.{binding}"))
            .replace("<name>", "main");
        let kind = ["rabbit", "memory", "kafka"]
            .into_iter()
            .find(|kind| level.contains(kind))
            .unwrap_or("kafka");
        keys.extend(table.iter().map(|def| Key {
            text: format!("{level}.{}", def.name),
            def: *def,
            kind,
        }));
    }
    keys
});

impl Key {
    /// Whether its value, or a part of it, may be a secret.
    pub(crate) fn may_be_secret(&self) -> bool {
        let name = self.def.name;
        let words = ["password", "secret", "token"];
        self.def.accepts == PropertyType::Secret
            || words.iter().any(|word| name.contains(word))
            || self.has_addresses()
    }

    /// Whether it takes addresses, which may say a user and a password.
    pub(crate) fn has_addresses(&self) -> bool {
        [
            "addresses",
            "host",
            "brokers",
            "bootstrap-servers",
            "admin-addresses",
        ]
        .contains(&self.def.name)
    }

    /// Whether it takes a map of the Kafka client's own properties.
    pub(crate) fn has_client_properties(&self) -> bool {
        let names = [
            "configuration",
            "properties",
            "consumer-properties",
            "producer-properties",
            "options",
        ];
        self.def.accepts == PropertyType::Map && names.iter().any(|name| self.def.name.ends_with(name))
    }

    /// A document in which the key has this value, in YAML's flow form.
    pub(crate) fn document(&self, value: &str) -> String {
        let kind = self.kind;
        let named = if self.text.starts_with("stream.binders.main") {
            format!("stream.binders.main.type: {kind}\nstream.default-binder: main\n")
        } else {
            format!("stream.default-binder: {kind}\n")
        };
        // What the document says of the same key already would only be a repetition.
        let around: String = format!(
            "{named}stream.bindings.charge-in-0.destination: reservations\nstream.bindings.charge-in-0.group: payment\n\
             stream.bindings.charge-out-0.destination: payments\n"
        )
        .lines()
        .filter(|line| !line.starts_with(&format!("{}:", self.text)))
        .map(|line| format!("{line}\n"))
        .collect();
        format!("{around}? {:?}\n: {value}\n", self.text)
    }
}

#[test]
fn the_catalogue_is_whole() {
    assert!(KEYS.len() > 500, "{}", KEYS.len());
    println!(
        "{} keys, {} of them in environments",
        KEYS.len(),
        KEYS.iter()
            .filter(|key| key.text.contains(".environment."))
            .count()
    );
    for key in [
        "stream.bindings.charge-in-0.consumer.max-attempts",
        "stream.kafka.bindings.charge-out-0.producer.message-key-expression",
        "stream.rabbit.default.consumer.prefetch",
        "stream.binders.main.environment.spring.rabbitmq.password",
        "spring.kafka.ssl.key-password",
        "management.server.port",
    ] {
        assert!(KEYS.iter().any(|known| known.text == key), "{key}");
    }
    assert!(
        KEYS.iter()
            .any(|key| matches!(key.def.support, Support::AliasOf(_)))
    );
}
