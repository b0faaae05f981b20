//! Spring Boot's `spring.kafka.*`: the connection that a service has before any binder property is read.

use bindery_core::{Options, Result};

use crate::connection::Properties;
use crate::options::{configuration, list};

/// What `spring.kafka.*` says, by the names of the JVM client.
#[derive(Default)]
pub(crate) struct Boot {
    pub(crate) brokers: Option<String>,
    pub(crate) common: Properties,
    pub(crate) consumer: Properties,
    pub(crate) producer: Properties,
}

/// How Boot's names map to the client's, below `spring.kafka.`, `spring.kafka.consumer.` and `spring.kafka.producer.`.
const COMMON: &[(&str, &str)] = &[
    ("client-id", "client.id"),
    ("security.protocol", "security.protocol"),
    ("ssl.key-password", "ssl.key.password"),
    (
        "ssl.key-store-certificate-chain",
        "ssl.keystore.certificate.chain",
    ),
    ("ssl.key-store-key", "ssl.keystore.key"),
    ("ssl.key-store-location", "ssl.keystore.location"),
    ("ssl.key-store-password", "ssl.keystore.password"),
    ("ssl.key-store-type", "ssl.keystore.type"),
    ("ssl.trust-store-certificates", "ssl.truststore.certificates"),
    ("ssl.trust-store-location", "ssl.truststore.location"),
    ("ssl.trust-store-password", "ssl.truststore.password"),
    ("ssl.trust-store-type", "ssl.truststore.type"),
];

const CONSUMER: &[(&str, &str)] = &[
    ("auto-offset-reset", "auto.offset.reset"),
    ("fetch-max-wait", "fetch.max.wait.ms"),
    ("fetch-min-size", "fetch.min.bytes"),
    ("group-id", "group.id"),
    ("enable-auto-commit", "enable.auto.commit"),
    ("heartbeat-interval", "heartbeat.interval.ms"),
    ("isolation-level", "isolation.level"),
    ("max-poll-interval", "max.poll.interval.ms"),
];

const PRODUCER: &[(&str, &str)] = &[
    ("acks", "acks"),
    ("batch-size", "batch.size"),
    ("compression-type", "compression.type"),
    ("retries", "retries"),
];

/// Reads `spring.kafka.*`.
pub(crate) fn read(connection: &Options) -> Result<Boot> {
    let mut boot = Boot {
        brokers: servers(connection, "bootstrap-servers"),
        common: connection.text_map("properties"),
        consumer: connection.text_map("consumer.properties"),
        producer: connection.text_map("producer.properties"),
    };
    copy(connection, "", COMMON, &mut boot.common)?;
    for (prefix, own, into) in [
        ("consumer.", CONSUMER, &mut boot.consumer),
        ("producer.", PRODUCER, &mut boot.producer),
    ] {
        copy(connection, prefix, COMMON, into)?;
        copy(connection, prefix, own, into)?;
    }
    if let Some(entry) = jaas_entry(connection).filter(|_| connection.flag("jaas.enabled", false)) {
        boot.common.entry("sasl.jaas.config".to_owned()).or_insert(entry);
    }
    Ok(boot)
}

fn servers(connection: &Options, name: &str) -> Option<String> {
    let servers = list(connection.get(name));
    (!servers.is_empty()).then(|| servers.join(","))
}

fn copy(connection: &Options, prefix: &str, names: &[(&str, &str)], into: &mut Properties) -> Result<()> {
    for (boot, client) in names {
        let name = format!("{prefix}{boot}");
        let Some(value) = connection.get(&name) else {
            continue;
        };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let text = match *boot {
            "fetch-min-size" | "batch-size" => bytes(&name, &text)?.to_string(),
            "isolation-level" => text.to_lowercase().replace('-', "_"),
            // Boot takes resources; a file is the only kind that means something here.
            "ssl.key-store-location" | "ssl.trust-store-location" => {
                text.strip_prefix("file:").unwrap_or(&text).to_owned()
            }
            _ => text,
        };
        into.insert((*client).to_owned(), text);
    }
    Ok(())
}

/// A data size: a bare number of bytes, or a number with `B`, `KB`, `MB`, `GB`.
fn bytes(name: &str, text: &str) -> Result<u64> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "KB" => 1 << 10,
        "MB" => 1 << 20,
        "GB" => 1 << 30,
        _ => 0_u64,
    };
    digits
        .trim()
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(factor))
        .filter(|_| factor > 0)
        .ok_or_else(|| {
            configuration(format!(
                "`spring.kafka.{name}` is `{text}`: give a number of bytes, such as `16384` or `16KB`"
            ))
        })
}

/// `jaas.*` as the entry that `sasl.jaas.config` would hold.
pub(crate) fn jaas_entry(connection: &Options) -> Option<String> {
    let module = connection.text("jaas.login-module")?;
    let mut entry = format!(
        "{module} {}",
        connection.text("jaas.control-flag").unwrap_or("required")
    );
    for (key, value) in connection.text_map("jaas.options") {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"");
        entry.push_str(&format!(" {key}=\"{value}\""));
    }
    entry.push(';');
    Some(entry)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn options(value: Value) -> Options {
        let Value::Object(entries) = value else {
            panic!("options are a map")
        };
        Options(entries.into_iter().collect())
    }

    #[test]
    fn boots_names_become_the_clients() {
        let boot = read(&options(json!({
            "bootstrap-servers": ["a:1", "b:2"],
            "security.protocol": "SASL_SSL",
            "properties": {"sasl.mechanism": "PLAIN"},
            "consumer.fetch-min-size": "1KB",
            "consumer.isolation-level": "read-committed",
            "producer.compression-type": "zstd",
            "ssl.trust-store-location": "file:/etc/ca.pem",
        })))
        .unwrap();
        assert_eq!(boot.brokers.as_deref(), Some("a:1,b:2"));
        assert_eq!(boot.common["security.protocol"], "SASL_SSL");
        assert_eq!(boot.common["sasl.mechanism"], "PLAIN");
        assert_eq!(boot.common["ssl.truststore.location"], "/etc/ca.pem");
        assert_eq!(boot.consumer["fetch.min.bytes"], "1024");
        assert_eq!(boot.consumer["isolation.level"], "read_committed");
        assert_eq!(boot.producer["compression.type"], "zstd");
    }

    #[test]
    fn a_jaas_section_is_an_entry() {
        let boot = read(&options(json!({
            "jaas.enabled": true,
            "jaas.login-module": "org.apache.kafka.common.security.plain.PlainLoginModule",
            "jaas.options": {"username": "u", "password": "p\"q"},
        })))
        .unwrap();
        assert_eq!(
            boot.common["sasl.jaas.config"],
            "org.apache.kafka.common.security.plain.PlainLoginModule required password=\"p\\\"q\" username=\"u\";"
        );
    }

    #[test]
    fn a_size_that_is_none_is_an_error() {
        let Err(error) = read(&options(json!({"producer.batch-size": "16 parsecs"}))) else {
            panic!("it was accepted")
        };
        assert!(
            error.message().contains("spring.kafka.producer.batch-size"),
            "{error}"
        );
    }
}
