//! Kafka from its jars: one KRaft node that is broker and controller.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};

use super::server::{self, Server};
use super::settings::Settings;
use super::tls;
use crate::{paths, process};

/// Sixteen bytes in URL-safe base64, as Kafka wants a cluster's id; fixed, because no other cluster meets this one.
const CLUSTER_ID: &str = "YmluZGVyeS1icm9rZXJzMQ";

pub(super) fn server() -> Server {
    Server::new("kafka", properties_file().display().to_string())
}

/// Starts the node unless it runs; returns whether it was started.
pub(super) fn up(settings: &Settings) -> Result<bool> {
    let server = server();
    if server.running().is_some() {
        return Ok(false);
    }
    let java = process::find("java")
        .ok_or_else(|| anyhow!("`java` is missing; {}", crate::brokers::HOW_TO_INSTALL))?;
    fetch_jars()?;
    if settings.tls.is_some() {
        tls::provide()?;
    }
    server::write_if_changed(&properties_file(), &properties(settings)?)?;
    format_storage(&java, settings)?;
    let log = server.log();
    let ready = || started(&log) && server::accepts(settings.kafka_port);
    let mut ports = vec![
        (settings.kafka_port, "BINDERY_KAFKA_PORT"),
        (settings.kafka_controller_port, "BINDERY_KAFKA_CONTROLLER_PORT"),
    ];
    ports.extend(
        settings
            .kafka_relayed
            .map(|relayed| (relayed.listener, "BINDERY_KAFKA_PORT")),
    );
    for port in settings
        .tls
        .iter()
        .flat_map(|tls| [tls.kafka_sasl, tls.kafka_ssl])
    {
        ports.push((port, "BINDERY_KAFKA_PORT"));
    }
    server.start(broker_command(&java), &ports, ready)?;
    Ok(true)
}

fn started(log: &Path) -> bool {
    fs::read_to_string(log).is_ok_and(|text| text.contains("Kafka Server started"))
}

fn broker_command(java: &Path) -> Command {
    let mut command = process::in_new_session(java);
    command.args(["-Xms256m", "-Xmx768m", "-Djava.awt.headless=true"]);
    command.arg(format!(
        "-Dlog4j2.configurationFile={}",
        source("log4j2.xml").display()
    ));
    command
        .arg("-cp")
        .arg(libs().join("*"))
        .arg("kafka.Kafka")
        .arg(properties_file());
    command
}

fn format_storage(java: &Path, settings: &Settings) -> Result<()> {
    let users = home().join("data/users");
    if home().join("data/meta.properties").exists() {
        if users.exists() || settings.tls.is_none() {
            return Ok(());
        }
        println!("kafka: its data knows no users; it starts with empty data");
        fs::remove_dir_all(home().join("data"))?;
    }
    let mut command = Command::new(java);
    command.arg(format!(
        "-Dlog4j2.configurationFile={}",
        source("log4j2.xml").display()
    ));
    command.arg("-cp").arg(libs().join("*")).args([
        "kafka.tools.StorageTool",
        "format",
        "-t",
        CLUSTER_ID,
        "-c",
    ]);
    command.arg(properties_file());
    if settings.tls.is_some() {
        let password = tls::password()?;
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let user = format!("{mechanism}=[name={},password={password}]", tls::USER);
            command.args(["--add-scram", &user]);
        }
    }
    process::output(&mut command).context("cannot format Kafka's storage")?;
    if settings.tls.is_some() {
        fs::write(users, "")?;
    }
    Ok(())
}

/// Lets Maven copy the jars that `pom.xml` pins, once per version of that file.
fn fetch_jars() -> Result<()> {
    let (pom, stamp) = (source("pom.xml"), libs().join("pom.xml"));
    let _one_set_at_a_time = super::lock_folder(&paths::shared_brokers().join("kafka"))?;
    if fs::read(&stamp).is_ok_and(|old| fs::read(&pom).is_ok_and(|new| old == new)) {
        return Ok(());
    }
    let maven = process::find("mvn")
        .ok_or_else(|| anyhow!("`mvn` is missing; {}", crate::brokers::HOW_TO_INSTALL))?;
    println!("kafka: fetching its jars through Maven");
    fs::remove_dir_all(libs()).ok();
    fs::create_dir_all(libs())?;
    let mut command = Command::new(maven);
    command
        .args(["-q", "-B", "-f"])
        .arg(&pom)
        .arg("dependency:copy-dependencies");
    command.arg(format!("-DoutputDirectory={}", libs().display()));
    process::output(&mut command).context("cannot fetch Kafka's jars")?;
    // Written last: an interrupted copy has no stamp and starts again.
    fs::copy(&pom, &stamp).with_context(|| format!("cannot write `{}`", stamp.display()))?;
    Ok(())
}

fn properties(settings: &Settings) -> Result<String> {
    let (port, controller) = (settings.kafka_port, settings.kafka_controller_port);
    let data = home().join("data");
    let (mut listeners, mut advertised, mut protocols) = (String::new(), String::new(), String::new());
    if let Some(relayed) = settings.kafka_relayed {
        listeners = format!(",RELAYED://127.0.0.1:{}", relayed.listener);
        advertised = format!(",RELAYED://127.0.0.1:{}", relayed.advertised);
        protocols = ",RELAYED:PLAINTEXT".to_owned();
    }
    let mut encryption = String::new();
    if let Some(tls) = settings.tls {
        let more = format!(
            ",SASL://127.0.0.1:{},TLS://127.0.0.1:{}",
            tls.kafka_sasl, tls.kafka_ssl
        );
        listeners.push_str(&more);
        advertised.push_str(&more);
        protocols.push_str(",SASL:SASL_SSL,TLS:SSL");
        encryption = encrypted()?;
    }
    Ok(format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}{listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{advertised}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}
log.dirs={}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=16777216
log.retention.hours=24
{encryption}",
        data.display()
    ))
}

/// What the listeners `SASL` and `TLS` need besides their addresses.
fn encrypted() -> Result<String> {
    let stores = format!(
        "ssl.keystore.type=PEM
ssl.keystore.location={}
ssl.truststore.type=PEM
ssl.truststore.location={}
listener.name.tls.ssl.client.auth=required
listener.name.sasl.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN
",
        tls::file("server-store.pem").display(),
        tls::file("ca.pem").display()
    );
    let module = "org.apache.kafka.common.security";
    let scram = ["scram-sha-256", "scram-sha-512"].map(|mechanism| {
        format!("listener.name.sasl.{mechanism}.sasl.jaas.config={module}.scram.ScramLoginModule required;\n")
    });
    let plain = format!(
        "listener.name.sasl.plain.sasl.jaas.config={module}.plain.PlainLoginModule required user_{}=\"{}\";\n",
        tls::USER,
        tls::password()?
    );
    Ok(stores + &scram.concat() + &plain)
}

fn home() -> PathBuf {
    paths::brokers().join("kafka")
}

/// The jars are the same for every set of brokers.
fn libs() -> PathBuf {
    paths::shared_brokers().join("kafka/libs")
}

fn properties_file() -> PathBuf {
    home().join("server.properties")
}

fn source(name: &str) -> PathBuf {
    paths::workspace().join("xtask/kafka").join(name)
}
