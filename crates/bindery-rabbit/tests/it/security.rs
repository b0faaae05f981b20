//! Encryption and logins against a broker with certificates of its own, configured as in Spring: what is right works,
//! what is wrong fails closed with one line that says what to change, and secrets are shown nowhere.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bindery::prelude::*;
use bindery::{Application, Running, Status, listeners};
use bindery_conformance::{Gate, LogWatch, everything_shown};
use bindery_core::BinderFactory;
use bindery_rabbit::RabbitBinderFactory;
use serde_json::{Value, json};

use crate::support::{DEADLINE, manage, unique, until};

/// How long a service that can't get in is watched.
const WATCHED: Duration = Duration::from_secs(4);

type Received = Arc<Mutex<Vec<String>>>;

#[stream_listener]
async fn secured(text: String, received: State<Received>) {
    received.lock().unwrap().push(text);
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("`{name}` isn't set: run `cargo xtask brokers up --with packages` and set what it prints")
    })
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(variable("BINDERY_TLS")).join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap()
}

/// A line of the client's key.
fn key_line() -> String {
    text("client-key.pem").lines().nth(1).unwrap().to_owned()
}

/// A user with a password that is looked for in everything.
struct User {
    name: String,
    password: String,
}

impl User {
    async fn new() -> Self {
        let name = unique("user");
        let password = format!("canary/{}:@%", unique("p"));
        let account = json!({"password": password, "tags": ""});
        manage("PUT", &format!("users/{name}"), Some(account)).await;
        let rights = json!({"configure": ".*", "write": ".*", "read": ".*"});
        manage("PUT", &format!("permissions/%2F/{name}"), Some(rights)).await;
        Self { name, password }
    }

    async fn remove(self) {
        manage("DELETE", &format!("users/{}", self.name), None).await;
    }
}

fn trusting(authority: &str) -> Value {
    json!({"enabled": true, "trust-store-type": "PEM", "trust-store": format!("file:{}", file(authority).display())})
}

fn with_certificate(authority: &str) -> Value {
    let mut ssl = trusting(authority);
    ssl["key-store-type"] = json!("PEM");
    ssl["key-store"] = json!(file("client-store.pem"));
    ssl
}

fn section(user: &str, password: &str, ssl: &Value) -> Value {
    json!({"username": user, "password": password, "ssl": ssl})
}

/// A service whose YAML has this section `spring.rabbitmq`.
async fn service(address: &str, mut section: Value, destination: &str, received: &Received) -> Running {
    section["addresses"] = json!(address);
    let bindings = json!({
        "secured-in-0": {"destination": destination, "group": "g"},
        "tell-out-0": {"destination": destination},
    });
    let document = json!({
        "spring": {
            "rabbitmq": section,
            "cloud": {"stream": {
                "bindings": bindings,
                "rabbit": {"bindings": {"secured-in-0": {"consumer": {"expires": 60_000}}}},
            }},
        },
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
async fn works(section: Value, secrets: &[&str]) {
    let watch = LogWatch::begin(secrets);
    let (destination, received) = (unique("secured"), Received::default());
    let running = service(&variable("RABBITMQ_TLS"), section, &destination, &received).await;
    let ready = running.wait_ready(DEADLINE).await;
    ready.map_err(|error| error.report()).unwrap();
    let bridge = running.stream_bridge();
    bridge.send("tell-out-0", destination.clone()).await.unwrap();
    until("the message", async || {
        *received.lock().unwrap() == [destination.clone()]
    })
    .await;
    watch.assert_no_secret_in("the service", &everything_shown(&running).await);
    running.shutdown().await.unwrap();
}

/// Never gets in: says once what is wrong, shows no secret, never leaves TLS, and doesn't hammer the broker.
async fn refused(host: &str, section: Value, secrets: &[&str], expected: &[&str]) {
    let watch = LogWatch::begin(secrets);
    let gate = Gate::start(host, &variable("RABBITMQ_TLS")).await;
    let (destination, received) = (unique("refused"), Received::default());
    let running = service(&gate.address(), section, &destination, &received).await;
    let reason = || {
        let health = running.operations().health();
        let down = health
            .bindings
            .into_iter()
            .find(|binding| binding.health.status == Status::Down);
        down.and_then(|binding| binding.health.reason).unwrap_or_default()
    };
    let told_by = |text: &str| expected.iter().all(|part| text.contains(part));
    let waited = tokio::time::timeout(DEADLINE, async {
        while !told_by(&reason()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(waited.await.is_ok(), "health says `{}`", reason());
    let attempts = gate.connections();
    tokio::time::sleep(WATCHED).await;
    let attempts = gate.connections() - attempts;
    assert!(attempts <= 4, "{attempts} connections within {WATCHED:?}");
    let shown = everything_shown(&running).await;
    let error = running.wait_ready(Duration::ZERO).await.unwrap_err().report();
    watch.assert_no_secret_in("the service", &format!("{shown}\n{error}"));
    assert!(told_by(&reason()), "health says `{}`", reason());
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
async fn a_client_certificate_in_pem_publishes_and_consumes() {
    let user = User::new().await;
    let section = section(&user.name, &user.password, &with_certificate("ca.pem"));
    works(section, &[&user.password, &key_line()]).await;
    user.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_in_pkcs12_publishes_and_consumes() {
    let user = User::new().await;
    let store_password = "canary-of-the-store";
    let store = pkcs12(store_password);
    let mut ssl = trusting("ca.pem");
    ssl["key-store"] = json!(store.path());
    ssl["key-store-password"] = json!(store_password);
    let section = section(&user.name, &user.password, &ssl);
    works(section, &[&user.password, store_password]).await;
    user.remove().await;
}

fn pkcs12(password: &str) -> tempfile::NamedTempFile {
    use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKeyChain};
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let certificate = CertificateDer::from_pem_file(file("client.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(file("client-key.pem")).unwrap();
    let chain = [Certificate::from_der(&certificate).unwrap()];
    let mut store = KeyStore::new();
    let entry = PrivateKeyChain::new(key.secret_der(), [1], chain);
    store.add_entry("me", KeyStoreEntry::PrivateKeyChain(entry));
    let file = tempfile::Builder::new().suffix(".p12").tempfile().unwrap();
    std::fs::write(file.path(), store.writer(password).write().unwrap()).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_of_an_unknown_authority_is_refused() {
    let section = section("guest", "canary-not-sent", &with_certificate("other-ca.pem"));
    let expected = ["is not trusted", "spring.rabbitmq.ssl.trust-store"];
    refused("127.0.0.1", section, &["canary-not-sent", &key_line()], &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_whose_certificate_is_for_another_name_is_refused() {
    let section = section("guest", "canary-not-sent", &with_certificate("ca.pem"));
    let expected = ["is for another name", "spring.rabbitmq.addresses"];
    refused("127.0.0.2", section, &["canary-not-sent", &key_line()], &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_refused() {
    let section = section("guest", "canary-that-is-wrong", &with_certificate("ca.pem"));
    let expected = ["refused the login", "spring.rabbitmq.password"];
    refused(
        "127.0.0.1",
        section,
        &["canary-that-is-wrong", &key_line()],
        &expected,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_certificate_is_refused() {
    let section = section("guest", "canary-not-sent", &trusting("ca.pem"));
    let expected = ["wants a client certificate", "spring.rabbitmq.ssl.key-store"];
    refused("127.0.0.1", section, &["canary-not-sent"], &expected).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_of_an_unknown_authority_is_refused() {
    let mut ssl = with_certificate("ca.pem");
    ssl["key-store"] = json!(file("other-client-store.pem"));
    let expected = ["wants a client certificate", "spring.rabbitmq.ssl.key-store"];
    let section = section("guest", "canary-not-sent", &ssl);
    refused("127.0.0.1", section, &["canary-not-sent"], &expected).await;
}

#[test]
fn the_examples_of_the_documentation_are_accepted() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(secret.path(), "a: \"canary\" #\\n").unwrap();
    let document = include_str!("../../../../docs/security.md");
    let examples = document.split("```yaml\n# rabbit\n").skip(1);
    let mut count = 0;
    for example in examples {
        let yaml = example.split("```").next().unwrap();
        let yaml = yaml.replace(
            "/run/secrets/rabbitmq-password",
            &secret.path().display().to_string(),
        );
        let model = Application::new()
            .environment([("RABBITMQ_USER", "u"), ("KEY_STORE_PASSWORD", "p")])
            .arguments(Vec::<String>::new())
            .config_directory("no-files")
            .yaml("application.yaml", yaml)
            .property("spring.cloud.stream.bindings.secured-in-0.destination", "d")
            .state(Received::default())
            .listeners(listeners![secured])
            .check()
            .unwrap();
        assert!(model.warnings.is_empty(), "{:?}", model.warnings);
        RabbitBinderFactory.create(&model.binders[0]).unwrap();
        count += 1;
    }
    assert_eq!(count, 1);
}
