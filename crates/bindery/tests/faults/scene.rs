//! A relay process between two destinations, fed and watched from the test's own process.

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bindery::prelude::*;
use bindery::{Running, listeners};
use tokio::task::JoinHandle;

/// How long anything may take, a broker's restart included.
const DEADLINE: Duration = Duration::from_secs(120);
/// How many publications are under way at once.
const CALLERS: u64 = 16;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Broker {
    Kafka,
    Rabbit,
}

impl Broker {
    fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Rabbit => "rabbit",
        }
    }

    /// Where it is: what `cargo xtask test` sets.
    fn address(self) -> String {
        let (variable, key) = match self {
            Self::Kafka => ("KAFKA_BROKERS", "stream.kafka.binder.brokers"),
            Self::Rabbit => ("RABBITMQ_ADDRESSES", "spring.rabbitmq.addresses"),
        };
        let address = std::env::var(variable).unwrap_or_else(|_| {
            panic!("{variable} is not set: run `cargo xtask test`, or `cargo xtask brokers up`")
        });
        format!("--{key}={address}")
    }
}

/// How often each number came out.
#[derive(Default)]
struct Seen(Mutex<HashMap<u64, u32>>);

#[stream_listener]
async fn watch(number: u64, seen: State<Arc<Seen>>) {
    *seen.0.lock().unwrap().entry(number).or_default() += 1;
}

/// The destinations, the process that feeds them, and what came out.
pub(crate) struct Scene {
    broker: Broker,
    run: String,
    watching: Running,
    seen: Arc<Seen>,
}

impl Scene {
    /// Opens the destinations; the output is watched before anything is fed.
    pub(crate) async fn open(broker: Broker, name: &str) -> Self {
        let run = format!("{name}{}", std::process::id());
        let seen = Arc::new(Seen::default());
        let watching = Application::new()
            .arguments(Self::arguments(broker, &run, "watch", "out", None))
            .config_directory("no-files")
            .state(seen.clone())
            .listeners(listeners![watch])
            .quiet()
            .start()
            .await
            .unwrap();
        watching.wait_ready(DEADLINE).await.unwrap();
        Self {
            broker,
            run,
            watching,
            seen,
        }
    }

    fn arguments(
        broker: Broker,
        run: &str,
        function: &str,
        input: &str,
        output: Option<&str>,
    ) -> Vec<String> {
        let binding = |name: &str, key: &str, value: &str| {
            format!("--stream.bindings.{function}-{name}-0.{key}={value}")
        };
        let mut arguments = vec![
            broker.address(),
            format!("--stream.default-binder={}", broker.name()),
            binding("in", "destination", &format!("{run}.{input}")),
            binding("in", "group", "g"),
            binding("in", "consumer.ordering", "key"),
            "--stream.kafka.binder.min-partition-count=4".to_owned(),
            // How soon the broker gives a killed member's partitions to another.
            "--stream.kafka.binder.configuration.session.timeout.ms=6000".to_owned(),
        ];
        arguments.extend(output.map(|output| binding("out", "destination", &format!("{run}.{output}"))));
        arguments
    }

    fn relay_arguments(&self) -> Vec<String> {
        Self::arguments(self.broker, &self.run, "relay", "in", Some("out"))
    }

    /// Publishes the numbers below `count`, each until it is acknowledged, and returns how many that were.
    pub(crate) fn feed(&self, count: u64) -> JoinHandle<u64> {
        let bridge = self.watching.stream_bridge();
        let destination = format!("{}.in", self.run);
        tokio::spawn(async move {
            let mut callers = tokio::task::JoinSet::new();
            for caller in 0..CALLERS {
                let (bridge, destination) = (bridge.clone(), destination.clone());
                callers.spawn(async move {
                    for number in (caller..count).step_by(CALLERS as usize) {
                        // A refusal leaves the outcome open: published again, it may come twice, never not at all.
                        while bridge.send(&destination, number).await.is_err() {}
                    }
                });
            }
            callers.join_all().await;
            count
        })
    }

    async fn eventually(&self, what: &str, condition: impl Fn(&HashMap<u64, u32>) -> bool) {
        let waiting = async {
            while !condition(&self.seen.0.lock().unwrap()) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let ended = tokio::time::timeout(DEADLINE, waiting).await;
        let seen = self.seen.0.lock().unwrap().len();
        let health: Vec<_> = self
            .watching
            .bindings()
            .all()
            .iter()
            .map(|handle| handle.health())
            .collect();
        assert!(
            ended.is_ok(),
            "{:?}: {what} not within {DEADLINE:?}, {seen} came out; {health:?}",
            self.broker
        );
    }

    pub(crate) async fn await_outputs(&self, count: usize) {
        self.eventually(&format!("{count} outputs"), |seen| seen.len() >= count)
            .await;
    }

    /// Waits until every acknowledged number came out, and says how many came again.
    pub(crate) async fn await_all(&self, acknowledged: u64) {
        self.eventually("every acknowledged number", |seen| {
            (0..acknowledged).all(|number| seen.contains_key(&number))
        })
        .await;
        let repeated: u32 = self.seen.0.lock().unwrap().values().map(|count| count - 1).sum();
        println!(
            "{:?}: {acknowledged} acknowledged, 0 lost, {repeated} repeated",
            self.broker
        );
    }

    /// Kills the broker and starts it again on the same data.
    pub(crate) async fn restart_broker(&self) {
        let broker = self.broker.name();
        // `cargo xtask test` names the program that started the brokers.
        let mut command = match std::env::var_os("XTASK") {
            Some(program) => tokio::process::Command::new(program),
            None => {
                let mut cargo = tokio::process::Command::new(env!("CARGO"));
                cargo
                    .arg("xtask")
                    .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
                cargo
            }
        };
        let status = command
            .args(["brokers", "restart", broker, "--kill"])
            .stdout(Stdio::null())
            .status();
        assert!(
            status.await.unwrap().success(),
            "`cargo xtask brokers restart {broker} --kill` failed"
        );
    }

    pub(crate) async fn close(self) {
        self.watching.shutdown().await.unwrap();
    }
}

/// A relay process.
pub(crate) struct Relay(Child);

impl Relay {
    pub(crate) fn spawn(scene: &Scene) -> Self {
        let tests = std::env::current_exe().unwrap();
        let program = tests
            .parent()
            .and_then(|deps| deps.parent())
            .unwrap()
            .join("examples/relay");
        let child = Command::new(&program)
            .args(scene.relay_arguments())
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap_or_else(|error| panic!("{}: {error}", program.display())))
    }

    /// SIGKILL: nothing is finished, committed or said good-bye to.
    pub(crate) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
