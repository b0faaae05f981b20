//! T18: configuration that nobody meant, through the real program. It ends with an error that names the key, or it runs;
//! it neither panics nor prints a secret.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::seq::SliceRandom;
use tokio::process::Command;
use tokio::time::{Instant, sleep};

use crate::context::{Broker, Context};
use crate::report::CaseReport;
use crate::scene::Scene;

/// How long a program may take to say what is wrong, or to run.
const PATIENCE: Duration = Duration::from_secs(20);
const SECRET: &str = "t0p-s3cr3t-w0rd";

const INPUT: &str = "stream.bindings.transfer-in-0";
const OUTPUT: &str = "stream.bindings.transfer-out-0";

/// Keys below the given ones, of every type.
const COMMON: &[(&str, &str)] = &[
    (INPUT, "destination"),
    (INPUT, "group"),
    (INPUT, "content-type"),
    (INPUT, "binder"),
    (INPUT, "consumer.max-attempts"),
    (INPUT, "consumer.concurrency"),
    (INPUT, "consumer.ordering"),
    (INPUT, "consumer.ordering-key-expression"),
    (INPUT, "consumer.max-in-flight"),
    (INPUT, "consumer.max-in-flight-bytes"),
    (INPUT, "consumer.handler-timeout"),
    (INPUT, "consumer.on-exhausted"),
    (INPUT, "consumer.back-off-initial-interval"),
    (INPUT, "consumer.back-off-max-interval"),
    (INPUT, "consumer.back-off-multiplier"),
    (INPUT, "consumer.instance-count"),
    (INPUT, "consumer.instance-index"),
    (INPUT, "consumer.partitioned"),
    (OUTPUT, "destination"),
    (OUTPUT, "producer.partition-key-expression"),
    (OUTPUT, "producer.partition-count"),
    (OUTPUT, "producer.required-groups"),
    (OUTPUT, "producer.confirm-timeout"),
    ("stream", "default-binder"),
    ("stream", "shutdown-timeout"),
    ("stream", "instance-count"),
    ("stream", "instance-index"),
    ("management", "server.port"),
];
const KAFKA: &[(&str, &str)] = &[
    ("stream.kafka.binder", "brokers"),
    ("stream.kafka.binder", "min-partition-count"),
    ("stream.kafka.binder", "replication-factor"),
    ("stream.kafka.binder", "configuration.session.timeout.ms"),
    ("stream.kafka.bindings.transfer-in-0.consumer", "enable-dlq"),
    ("stream.kafka.bindings.transfer-in-0.consumer", "dlq-name"),
    ("stream.kafka.bindings.transfer-in-0.consumer", "dlq-partitions"),
    ("stream.kafka.bindings.transfer-in-0.consumer", "start-offset"),
];
const RABBIT: &[(&str, &str)] = &[
    ("spring.rabbitmq", "addresses"),
    ("spring.rabbitmq", "port"),
    ("spring.rabbitmq", "username"),
    ("spring.rabbitmq", "virtual-host"),
    ("spring.rabbitmq", "requested-heartbeat"),
    ("spring.rabbitmq", "connection-timeout"),
    ("stream.rabbit.bindings.transfer-in-0.consumer", "prefetch"),
    ("stream.rabbit.bindings.transfer-in-0.consumer", "auto-bind-dlq"),
    ("stream.rabbit.bindings.transfer-in-0.consumer", "quorum.enabled"),
    (
        "stream.rabbit.bindings.transfer-in-0.consumer",
        "quorum.delivery-limit",
    ),
    ("stream.rabbit.bindings.transfer-in-0.consumer", "exchange-type"),
    ("stream.rabbit.bindings.transfer-in-0.consumer", "ttl"),
];

/// What stands for a value, as YAML.
const VALUES: &[(&str, &str)] = &[
    ("missing", ""),
    ("null", "null"),
    ("wrong type", "[1, {a: b}]"),
    ("table", "{a: {b: {c: d}}}"),
    ("huge", "99999999999999999999999999999999"),
    ("negative", "-1"),
    ("unicode", "\"ключ \\U0001F980 \\u202E\""),
    ("NUL", "\"a\\0b\""),
    ("long", "LONG"),
    ("placeholder", "${no.such.key}"),
    (
        "placeholder of itself",
        "${spring.application.name:${spring.application.name}",
    ),
];

/// What became of one program.
#[derive(Debug, PartialEq)]
enum Fate {
    Refused(String),
    Ran,
    Bad(String),
}

/// T18: every key with every value that it is not meant to have.
pub(super) async fn nonsense(context: &Context) -> Result<CaseReport> {
    let mut scene = Scene::open(context, "T18")?;
    let own = match context.broker {
        Broker::Rabbit => RABBIT,
        _ => KAFKA,
    };
    let mut tries: Vec<(String, (&str, &str))> = COMMON
        .iter()
        .chain(own)
        .flat_map(|(section, key)| {
            VALUES
                .iter()
                .map(move |value| (format!("{section}.{key}"), *value))
        })
        .collect();
    tries.shuffle(&mut scene.random);
    tries.truncate(context.scaled(80, usize::MAX));
    let (mut refused, mut ran, mut bad) = (0, 0, Vec::new());
    for (number, (key, (name, value))) in tries.iter().enumerate() {
        let folder = scene.folder().join(format!("try-{number}"));
        match attempt(&scene.launch.arguments, &folder, key, value).await? {
            Fate::Refused(output) if names(&output, key) => refused += 1,
            Fate::Refused(output) => {
                bad.push(format!("`{key}` {name}: the key is not named in {output:.400?}"))
            }
            Fate::Ran => ran += 1,
            Fate::Bad(what) => bad.push(format!("`{key}` {name}: {what}")),
        }
    }
    let mut report = CaseReport::new(
        "T18",
        context.broker.name(),
        &crate::ledger::Run::default(),
        crate::check::Findings::default(),
        scene.elapsed(),
    );
    // No message is part of this case.
    report.criteria.clear();
    report.at_least("configurations tried", &context.scaled(80, 300), &tries.len());
    report.at_least("refused with the name of the key", &1, &refused);
    report.ask(
        "panics, secrets in the output, errors without the key, hangs",
        "0",
        if bad.is_empty() {
            "0".to_owned()
        } else {
            bad.join("; ")
        },
        bad.is_empty(),
    );
    report.note(format!("{refused} refused with the name of the key, {ran} ran"));
    Ok(report)
}

/// What several keys together make is said of what they have in common.
fn names(output: &str, key: &str) -> bool {
    let (binding, last) = key.rsplit_once('.').unwrap_or((key, key));
    output.contains(key) || output.contains(last) || output.contains(binding)
}

async fn attempt(arguments: &[String], folder: &Path, key: &str, value: &str) -> Result<Fate> {
    std::fs::create_dir_all(folder.join("config"))?;
    let base = include_str!("../../config/application.yaml");
    let value = if value == "LONG" {
        "x".repeat(70_000)
    } else {
        value.to_owned()
    };
    // A second document wins over the first.
    let yaml = format!("{base}\n---\nspring.rabbitmq.password: {SECRET}\n{key}: {value}\n");
    std::fs::write(folder.join("config/application.yaml"), yaml)?;
    let log = folder.join("log");
    let output = std::fs::File::create(&log)?;
    let program: PathBuf = std::env::current_exe()?.with_file_name("service");
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut child = Command::new(&program)
        .args(arguments)
        .arg(format!("--bench.port={port}"))
        // Nobody listens there: what is accepted waits, and changes nothing at the brokers.
        .env("KAFKA_BROKERS", "127.0.0.1:9")
        .env("RABBITMQ_ADDRESSES", "127.0.0.1:9")
        .env("BENCH_INSTANCE", "t18")
        .env("BENCH_LEDGER", folder.join("t18.ledger"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start `{}`", program.display()))?;
    let deadline = Instant::now() + PATIENCE;
    let fate = loop {
        if let Some(status) = child.try_wait()? {
            let output = std::fs::read_to_string(&log).unwrap_or_default();
            break match status.code() {
                Some(0) => Fate::Bad("it ended without an error".to_owned()),
                Some(101) | None => Fate::Bad(format!("it ended with {status}")),
                Some(_) => Fate::Refused(output),
            };
        }
        if runs(&log) {
            child.kill().await?;
            break Fate::Ran;
        }
        if Instant::now() >= deadline {
            child.kill().await?;
            break Fate::Bad(format!(
                "neither an error nor a running program after {PATIENCE:?}"
            ));
        }
        sleep(Duration::from_millis(20)).await;
    };
    let output = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
    for (mark, what) in [(SECRET, "the secret is printed"), ("panicked at", "it panicked")] {
        if output.contains(mark) {
            return Ok(Fate::Bad(what.to_owned()));
        }
    }
    std::fs::remove_dir_all(folder)?;
    Ok(fate)
}

/// Whether the program got as far as to look for its broker.
fn runs(log: &Path) -> bool {
    let output = std::fs::read(log).unwrap_or_default();
    let output = String::from_utf8_lossy(&output);
    [
        "waits for its broker",
        "binding is waiting",
        "can't be reached",
        "Connection refused",
    ]
    .iter()
    .any(|mark| output.contains(mark))
}
