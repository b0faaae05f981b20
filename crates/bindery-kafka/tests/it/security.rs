//! Encryption and logins against a broker with certificates of its own, configured as in Spring: what is right works,
//! what is wrong fails closed with one line that says what to change, and secrets are shown nowhere.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bindery::prelude::*;
use bindery::{Application, Running, Status, listeners};
use bindery_conformance::{Gate, LogWatch, everything_shown};
use bindery_core::BinderFactory;
use bindery_kafka::KafkaBinderFactory;
use serde_json::{Value, json};

use crate::support::{DEADLINE, eventually, unique};

const SCRAM: &str = "org.apache.kafka.common.security.scram.ScramLoginModule";
const PLAIN: &str = "org.apache.kafka.common.security.plain.PlainLoginModule";
/// How long a service that can't get in is watched.
const WATCHED: Duration = Duration::from_secs(4);

type Received = Arc<Mutex<Vec<String>>>;

#[stream_listener]
async fn secured(text: String, received: State<Received>) {
    received.lock().unwrap().push(text);
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run `cargo xtask brokers up --with packages` and set what it prints")
    })
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(variable("BINDERY_TLS")).join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap()
}

fn trusting(name: &str) -> Value {
    json!({"trust-store-type": "PEM", "trust-store-location": format!("file:{}", file(name).display())})
}

fn login(module: &str, mechanism: &str, password: &str) -> Value {
    let entry = format!("{module} required username=\"bindery\" password=\"{password}\";");
    json!({"sasl.mechanism": mechanism, "sasl.jaas.config": entry})
}

fn sasl(ssl: &Value, properties: &Value) -> Value {
    json!({"security.protocol": "SASL_SSL", "ssl": ssl, "properties": properties})
}

/// The lines of a PEM file that are the key itself.
fn key_line(pem: &str) -> &str {
    pem.lines().nth(1).unwrap()
}

/// A service whose YAML has this section `spring.kafka`.
async fn service(
    address: &str,
    mut section: Value,
    topic: &str,
    received: &Arc<Mutex<Vec<String>>>,
) -> Running {
    section["bootstrap-servers"] = json!(address);
    let bindings = json!({
        "secured-in-0": {"destination": topic, "group": topic},
        "tell-out-0": {"destination": topic},
    });
    let document = json!({
        "spring": {"kafka": section, "cloud": {"stream": {"bindings": bindings}}},
        "management": {
            "server": {"port": 0},
            "endpoints": {"web": {"exposure": {"include": "*"}}},
            "endpoint": {"health": {"show-details": "always"}},
        },
    });
    Application::new()
        .environment(Vec::<(String, String)>::new())
        .arguments(Vec::<String>::new())
        .config_directory("no-files")
        .yaml("application.yaml", document.to_string())
        .state(received.clone())
        .listeners(listeners![secured])
        .quiet()
        .start()
        .await
        .unwrap()
}

/// Publishes, consumes, and shows no secret meanwhile.
async fn works(address: &str, section: Value, secrets: &[&str]) {
    let watch = LogWatch::begin(secrets);
    let (topic, received) = (unique("secured"), Arc::new(Mutex::new(Vec::new())));
    let running = service(address, section, &topic, &received).await;
    running
        .wait_ready(DEADLINE)
        .await
        .map_err(|error| error.report())
        .unwrap();
    let bridge = running.stream_bridge();
    bridge.send("tell-out-0", topic.clone()).await.unwrap();
    eventually("the message is consumed", || {
        *received.lock().unwrap() == [topic.clone()]
    })
    .await;
    assert!(running.operations().health().is_ready());
    watch.assert_no_secret_in("the service", &everything_shown(&running).await);
    running.shutdown().await.unwrap();
}

/// Never gets in: says once what is wrong, shows no secret, never leaves TLS, and doesn't hammer the broker.
async fn refused(host: &str, target: &str, section: Value, secrets: &[&str], expected: &[&str]) {
    let watch = LogWatch::begin(secrets);
    let gate = Gate::start(host, target).await;
    let (topic, received) = (unique("refused"), Arc::new(Mutex::new(Vec::new())));
    let running = service(&gate.address(), section, &topic, &received).await;
    let reason = || {
        let health = running.operations().health();
        let down = health
            .bindings
            .into_iter()
            .find(|binding| binding.health.status == Status::Down);
        down.and_then(|binding| binding.health.reason).unwrap_or_default()
    };
    let told_by = |text: &str| expected.iter().all(|part| text.contains(part));
    let told = || told_by(&reason());
    let waited = tokio::time::timeout(DEADLINE, async {
        while !told() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "health says `{}`", reason());
    let attempts = gate.connections();
    tokio::time::sleep(WATCHED).await;
    let attempts = gate.connections() - attempts;
    assert!(attempts <= 12, "{attempts} connections within {WATCHED:?}");
    let shown = everything_shown(&running).await;
    let error = running.wait_ready(Duration::ZERO).await.unwrap_err().report();
    watch.assert_no_secret_in("the service", &format!("{shown}\n{error}"));
    assert!(told(), "health says `{}`", reason());
    let lines = watch.lines(&gate.address());
    let all_differ = (1..lines.len()).all(|at| !lines[..at].contains(&lines[at]));
    assert!(
        all_differ && lines.len() <= 5,
        "a line for each attempt: {lines:#?}"
    );
    assert!(lines.iter().any(|line| told_by(line)), "{lines:#?}");
    assert_eq!(gate.unencrypted(), 0);
    running.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn scram_and_plain_over_tls_publish_and_consume() {
    let password = text("password");
    for (module, mechanism) in [
        (SCRAM, "SCRAM-SHA-512"),
        (SCRAM, "SCRAM-SHA-256"),
        (PLAIN, "PLAIN"),
    ] {
        let section = sasl(&trusting("ca.pem"), &login(module, mechanism, &password));
        works(&variable("KAFKA_SASL_SSL"), section, &[&password]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_logs_all_it_does_shows_no_secret() {
    let (password, key) = (text("password"), text("client-key.pem"));
    let mut properties = login(SCRAM, "SCRAM-SHA-512", &password);
    properties["debug"] = json!("all");
    let mut ssl = trusting("ca.pem");
    ssl["key-store-type"] = json!("PEM");
    ssl["key-store-key"] = json!(key);
    ssl["key-store-certificate-chain"] = json!(text("client.pem"));
    let secrets = [password.as_str(), key_line(&key)];
    works(&variable("KAFKA_SASL_SSL"), sasl(&ssl, &properties), &secrets).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_from_a_file_or_as_text_is_shown_to_the_broker() {
    let (key, chain) = (text("client-key.pem"), text("client.pem"));
    let mut from_file = trusting("ca.pem");
    from_file["key-store-type"] = json!("PEM");
    from_file["key-store-location"] = json!(file("client-store.pem"));
    let as_text = json!({
        "trust-store-type": "PEM", "trust-store-certificates": text("ca.pem"),
        "key-store-type": "PEM", "key-store-key": key, "key-store-certificate-chain": chain,
    });
    for ssl in [from_file, as_text] {
        let section = json!({"security.protocol": "SSL", "ssl": ssl});
        works(&variable("KAFKA_SSL"), section, &[key_line(&key)]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_of_an_unknown_authority_is_refused() {
    let password = text("password");
    let section = sasl(
        &trusting("other-ca.pem"),
        &login(SCRAM, "SCRAM-SHA-512", &password),
    );
    let expected = ["is not trusted", "ssl.trust-store-location"];
    refused(
        "127.0.0.1",
        &variable("KAFKA_SASL_SSL"),
        section,
        &[&password],
        &expected,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_whose_certificate_is_for_another_name_is_refused() {
    let password = text("password");
    let section = sasl(&trusting("ca.pem"), &login(SCRAM, "SCRAM-SHA-512", &password));
    let expected = ["is for another name", "bootstrap-servers"];
    refused(
        "127.0.0.2",
        &variable("KAFKA_SASL_SSL"),
        section,
        &[&password],
        &expected,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused() {
    let password = "canary-that-is-wrong";
    for (module, mechanism) in [(SCRAM, "SCRAM-SHA-512"), (PLAIN, "PLAIN")] {
        let section = sasl(&trusting("ca.pem"), &login(module, mechanism, password));
        let expected = ["refused the login", "sasl.jaas.config"];
        refused(
            "127.0.0.1",
            &variable("KAFKA_SASL_SSL"),
            section,
            &[password],
            &expected,
        )
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_certificate_is_refused() {
    let section = json!({"security.protocol": "SSL", "ssl": trusting("ca.pem")});
    let expected = ["wants a client certificate", "ssl.key-store-location"];
    refused(
        "127.0.0.1",
        &variable("KAFKA_SSL"),
        section,
        &["no-secret-here"],
        &expected,
    )
    .await;
}

#[test]
fn the_examples_of_the_documentation_are_accepted() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "a: \"canary\" #\\n").unwrap();
    let document = include_str!("../../../../docs/security.md");
    let examples = document.split("```yaml\n# kafka\n").skip(1);
    let mut count = 0;
    for example in examples {
        let yaml = example.split("```").next().unwrap();
        let yaml = yaml.replace(
            "/run/secrets/kafka-password",
            &secret.path().display().to_string(),
        );
        let model = Application::new()
            .environment([("KAFKA_USER", "u")])
            .arguments(Vec::<String>::new())
            .config_directory("no-files")
            .yaml("application.yaml", yaml)
            .property("spring.cloud.stream.bindings.secured-in-0.destination", "d")
            .state(Received::default())
            .listeners(listeners![secured])
            .check()
            .unwrap();
        assert!(model.warnings.is_empty(), "{:?}", model.warnings);
        KafkaBinderFactory.create(&model.binders[0]).unwrap();
        count += 1;
    }
    assert_eq!(count, 2);
}
