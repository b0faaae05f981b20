//! Every key with every kind of wrong value, and every key that takes a secret with one.

use std::io;
use std::sync::{Arc, Mutex};

use bindery_runtime::config::ConfigLoader;
use fuzz::targets::config::{CANARY, every_problem_has_a_place, model, refusals, shown};
use tracing_subscriber::fmt::MakeWriter;

use crate::catalogue::KEYS;

/// What stands where a value should be, in YAML's flow form.
const VALUES: [&str; 15] = [
    "",
    "''",
    "plain",
    "true",
    "-1",
    "-99999999999999999999999",
    "99999999999999999999999",
    "1e999",
    "[1, [2, {}], null]",
    "{ a: { b.c: d }, 'é[0]': [e] }",
    r#""ünï\u2028😀\u202e""#,
    r#""nul\0inside""#,
    "${missing}",
    "${file:/nonexistent}",
    "!!binary AAAA",
];

#[test]
fn no_value_of_any_key_panics_and_each_refusal_says_where() {
    let mut refused = 0;
    // Below a binder's own environment are the same keys again.
    let keys = KEYS.iter().filter(|key| !key.text.contains(".environment."));
    for key in keys {
        for value in VALUES {
            let text = key.document(value);
            match model(&text) {
                Ok(model) => {
                    for error in refusals(&model) {
                        let report = error.report();
                        assert!(report.contains('`'), "{text}{report}");
                    }
                }
                Err(problems) => {
                    refused += 1;
                    assert!(every_problem_has_a_place(&problems), "{text}{problems}");
                }
            }
        }
    }
    assert!(refused > 3_000, "{refused}");
}

/// Values that are secrets, as a whole or where a list or group stands in their place.
fn secrets() -> Vec<String> {
    vec![
        CANARY.to_owned(),
        format!("'{CANARY} with ; \" and more'"),
        format!("[{CANARY}, 2]"),
        format!("{{ value: {CANARY} }}"),
        format!("{{ {CANARY}: x }}"),
        format!("\"{CANARY}\\0\""),
        "'${SECRET}'".to_owned(),
        "'${SECRET}${missing}'".to_owned(),
        "'${missing:${SECRET}'".to_owned(),
    ]
}

/// Addresses with a secret in them.
fn addresses() -> Vec<String> {
    vec![
        format!("amqp://user:{CANARY}@host:5672/v"),
        format!("amqps://{CANARY}@host"),
        format!("user:{CANARY}@host:5672"),
        format!("amqp://user:{CANARY}@"),
        format!("'amqp://user:{CANARY}@host:99999'"),
        format!("['amqp://user:{CANARY}@[', 'x://y:{CANARY}@z']"),
        format!("{{ value: 'amqp://user:{CANARY}@host' }}"),
        format!("\"amqp://user:{CANARY}@host\\0\""),
        format!("'SASL_SSL://user:{CANARY}@host:9093'"),
    ]
}

/// Properties of the Kafka client that hold a secret, as librdkafka and as the JVM has them.
const CLIENT: [&str; 12] = [
    "sasl.password",
    "sasl.jaas.config",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
    "ssl.keystore.key",
    "ssl.truststore.password",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.config",
    "basic.auth.user.info",
    "ssl.keystore.pasword",
    "producer.sasl.password",
];

/// Ways in which a secret in a client property is right and wrong.
fn client_values() -> Vec<String> {
    let plain = "org.apache.kafka.common.security.plain.PlainLoginModule";
    vec![
        CANARY.to_owned(),
        format!("[{CANARY}]"),
        format!("{{ a: {CANARY} }}"),
        format!("\"{CANARY}\\0\""),
        format!("'{plain} required username=\"{CANARY}\" password=\"{CANARY}\";'"),
        format!("'{plain} required username=\"u\" password=\"{CANARY}'"),
        format!("'{plain} {CANARY} password=\"p\";'"),
        format!("'-----BEGIN PRIVATE KEY----- {CANARY}'"),
    ]
}

#[test]
fn no_secret_is_shown() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let mut tried = 0;
    tracing::subscriber::with_default(subscriber, || {
        for key in KEYS.iter() {
            let mut values = match key {
                key if key.has_addresses() => addresses(),
                key if key.may_be_secret() => secrets(),
                _ => Vec::new(),
            };
            if key.has_client_properties() {
                for property in CLIENT {
                    values.extend(
                        client_values()
                            .iter()
                            .map(|value| format!("{{ {property}: {value} }}")),
                    );
                }
            }
            for value in values {
                tried += 1;
                let text = format!("#env SECRET={CANARY}\n{}", key.document(&value));
                let everything = format!("{}{}", shown(&model(&text)), log.take());
                // The key is the user's own text, and no secret where it isn't one.
                let everything = everything.replace(&format!(".{CANARY}"), "");
                assert!(!everything.contains(CANARY), "{text}{everything}");
            }
        }
    });
    assert!(tried > 1_000, "{tried}");
}

#[test]
fn no_secret_is_shown_whatever_source_it_comes_from() {
    for key in KEYS
        .iter()
        .filter(|key| key.may_be_secret() && !key.has_addresses())
    {
        let variable: String = key
            .text
            .replace(['.', '['], "_")
            .replace(['-', ']'], "")
            .to_uppercase();
        for text in [
            format!("#env {variable}={CANARY}\n{}", key.document("wrong")),
            format!("#arg --{}={CANARY}\n{}", key.text, key.document("wrong")),
            format!("#arg --{}x={CANARY}\n", key.text),
            format!(
                "#env SPRING_APPLICATION_JSON={{\"{}\": [\"{CANARY}\"]}}\n",
                key.text
            ),
        ] {
            let everything = shown(&model(&text));
            assert!(!everything.contains(CANARY), "{text}{everything}");
        }
    }
    let loader = ConfigLoader::new()
        .directory("/nonexistent")
        .environment([("SECRET".to_owned(), CANARY.to_owned())])
        .property("spring.rabbitmq.password", CANARY);
    let loaded = format!("{loader:?} {:?}", loader.clone().load());
    assert!(!loaded.contains(CANARY), "{loaded}");
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
