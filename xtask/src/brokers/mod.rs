//! `cargo xtask brokers`: a real Kafka and a real RabbitMQ for development and tests, on private ports, with
//! everything they write under `target/brokers`. `BINDERY_BROKERS_SET` names another pair with a folder of its own, for
//! work that kills brokers or needs them for itself.

mod compose;
mod kafka;
pub(crate) mod rabbit;
mod server;
mod settings;
mod tls;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::{Subcommand, ValueEnum};

use crate::paths;
use server::Server;
pub(crate) use settings::{Settings, Way};

/// How to come by the programs that a broker needs, for error messages.
pub(crate) const HOW_TO_INSTALL: &str = "run `cargo xtask test --install`, or `apt-get install rabbitmq-server \
                                         default-jre-headless maven`";

/// What to do with the brokers.
#[derive(Debug, Subcommand)]
pub(crate) enum Action {
    /// Start both, unless they run, and return when they are ready.
    Up {
        /// How to run them. Default: Docker when an engine answers and the images can be had, otherwise packages.
        #[arg(long = "with")]
        way: Option<Way>,
        /// Start this one alone.
        #[arg(long)]
        only: Option<Broker>,
    },
    /// Stop both and wait until they are gone; their data stays.
    Down,
    /// Say what runs, where and since when; the exit code is 0 only when both run.
    Status,
    /// Stop one broker and start it again, on its data.
    Restart {
        /// Which one.
        broker: Broker,
        /// Crash it instead of stopping it cleanly.
        #[arg(long)]
        kill: bool,
    },
    /// Crash one broker and leave it down.
    Kill {
        /// Which one.
        broker: Broker,
    },
    /// Start one broker again on its data, and return when it is ready.
    Start {
        /// Which one.
        broker: Broker,
    },
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Broker {
    Kafka,
    Rabbit,
}

impl Broker {
    /// Its name among the containers.
    const fn service(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Rabbit => "rabbitmq",
        }
    }
}

/// Runs one action.
pub(crate) fn run(action: &Action) -> Result<ExitCode> {
    match action {
        Action::Up { way, only } => {
            let up = up(*way, *only)?;
            for (name, value) in up.settings.variables() {
                println!("{name}={value}");
            }
            if up.settings.tls.is_none() {
                println!(
                    "encrypted and relayed listeners: not available with these brokers; `down`, then `up --with packages`"
                );
            }
            Ok(ExitCode::SUCCESS)
        }
        Action::Down => down(),
        Action::Status => status(),
        Action::Restart { broker, kill } => restart(*broker, *kill),
        Action::Kill { broker } => kill(*broker),
        Action::Start { broker } => start_again(*broker),
    }
}

/// The brokers after `up`.
#[derive(Debug)]
pub(crate) struct Up {
    pub(crate) settings: Settings,
    /// Those which this call started.
    pub(crate) started: Vec<Broker>,
}

/// Starts what does not run, both or only one, and returns when it is ready.
pub(crate) fn up(way: Option<Way>, only: Option<Broker>) -> Result<Up> {
    let _one_at_a_time = lock()?;
    let settings = match running_settings()? {
        Some(settings) => settings,
        None => Settings::from_environment(way.unwrap_or_else(choose))?,
    };
    settings.save()?;
    let wanted = only.map_or_else(|| Broker::value_variants().to_vec(), |one| vec![one]);
    let mut started = Vec::new();
    if let Err(error) = start(&settings, &wanted, &mut started) {
        // Half a pair is of no use, and nobody would think of stopping it.
        stop(&settings, &started)?;
        return Err(error);
    }
    Ok(Up { settings, started })
}

fn start(settings: &Settings, wanted: &[Broker], started: &mut Vec<Broker>) -> Result<()> {
    if settings.way == Way::Docker {
        let services: Vec<_> = wanted.iter().map(|broker| broker.service()).collect();
        if said(&services.join(" and "), compose::up(settings, &services)?) {
            started.extend(wanted);
        }
        return Ok(());
    }
    for broker in wanted {
        if said(broker.service(), start_process(settings, *broker)?) {
            started.push(*broker);
        }
    }
    Ok(())
}

fn start_process(settings: &Settings, broker: Broker) -> Result<bool> {
    match broker {
        Broker::Kafka => kafka::up(settings),
        Broker::Rabbit => rabbit::up(settings),
    }
}

/// How brokers run here: as those which run already do, otherwise as the machine allows.
pub(crate) fn way() -> Result<Way> {
    Ok(running_settings()?.map_or_else(choose, |settings| settings.way))
}

/// Starts what does not run, does the work, and stops what it started. Ctrl-C reaches the programs of the work as well
/// and ends them; this program lives on to stop the brokers.
pub(crate) fn during(
    way: Way,
    only: Option<Broker>,
    work: impl FnOnce(&Up) -> Result<ExitCode>,
) -> Result<ExitCode> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&interrupted)).context("cannot listen to signals")?;
    }
    let up = up(Some(way), only)?;
    let outcome = if interrupted.load(Ordering::Relaxed) {
        Ok(ExitCode::from(130))
    } else {
        work(&up)
    };
    stop_started(&up)?;
    outcome
}

/// Stops what `up` started and nothing else.
fn stop_started(up: &Up) -> Result<()> {
    match up.started.len() {
        0 => Ok(()),
        2 => down().map(drop),
        _ => {
            let _one_at_a_time = lock()?;
            stop(&up.settings, &up.started).map(drop)
        }
    }
}

fn down() -> Result<ExitCode> {
    let _one_at_a_time = lock()?;
    let Some(settings) = Settings::saved()? else {
        println!("nothing runs");
        return Ok(ExitCode::SUCCESS);
    };
    let stopped = match settings.way {
        Way::Docker => compose::down(&settings)?,
        Way::Packages => stop(&settings, Broker::value_variants())?,
    };
    Settings::forget();
    println!(
        "{}",
        if stopped {
            "brokers: stopped"
        } else {
            "brokers: none ran"
        }
    );
    Ok(ExitCode::SUCCESS)
}

/// Stops processes; returns whether any ran.
fn stop(settings: &Settings, brokers: &[Broker]) -> Result<bool> {
    let mut stopped = false;
    for broker in brokers {
        stopped |= match broker {
            Broker::Kafka => kafka::server().stop("TERM")?,
            Broker::Rabbit => rabbit::down(settings)?,
        };
    }
    Ok(stopped)
}

fn status() -> Result<ExitCode> {
    let Some(settings) = Settings::saved()? else {
        println!("kafka     does not run\nrabbitmq  does not run");
        return Ok(ExitCode::FAILURE);
    };
    let kafka = format!("127.0.0.1:{}", settings.kafka_port);
    let rabbit = format!("127.0.0.1:{}", settings.rabbit_port);
    let both = match settings.way {
        Way::Docker => [
            print_container("kafka", &kafka),
            print_container("rabbitmq", &rabbit),
        ],
        Way::Packages => [
            print_process("kafka", &kafka, &kafka::server()),
            print_process("rabbitmq", &rabbit, &rabbit::server(&settings)),
        ],
    };
    Ok(if both == [true, true] {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print_process(name: &str, address: &str, server: &Server) -> bool {
    let Some(pid) = server.running() else {
        println!("{name:<9} does not run");
        return false;
    };
    let age = server.age().map(age_text).unwrap_or_default();
    println!(
        "{name:<9} runs at {address}, process {pid}, for {age}, log {}",
        server.log().display()
    );
    true
}

fn print_container(name: &str, address: &str) -> bool {
    let Some((health, since)) = compose::health(name) else {
        println!("{name:<9} does not run");
        return false;
    };
    println!("{name:<9} runs at {address}, container {health}, since {since}");
    health == "healthy"
}

fn restart(broker: Broker, kill: bool) -> Result<ExitCode> {
    let _one_at_a_time = lock()?;
    let settings = running_settings()?.ok_or_else(nothing_runs)?;
    end_one(&settings, broker, kill)?;
    start_one(&settings, broker)?;
    println!("restarted");
    Ok(ExitCode::SUCCESS)
}

fn kill(broker: Broker) -> Result<ExitCode> {
    let _one_at_a_time = lock()?;
    let settings = running_settings()?.ok_or_else(nothing_runs)?;
    end_one(&settings, broker, true)?;
    println!("killed");
    Ok(ExitCode::SUCCESS)
}

/// The broker may be the last of its set that was killed, so what `up` saved is enough.
fn start_again(broker: Broker) -> Result<ExitCode> {
    let _one_at_a_time = lock()?;
    let settings = Settings::saved()?.ok_or_else(nothing_runs)?;
    start_one(&settings, broker)?;
    println!("started");
    Ok(ExitCode::SUCCESS)
}

fn nothing_runs() -> anyhow::Error {
    anyhow!("the brokers do not run; start them with `cargo xtask brokers up`")
}

fn end_one(settings: &Settings, broker: Broker, kill: bool) -> Result<()> {
    let signal = if kill { "KILL" } else { "TERM" };
    match (settings.way, broker) {
        (Way::Docker, _) => compose::stop(settings, broker.service(), kill),
        (Way::Packages, Broker::Kafka) => kafka::server().stop(signal).map(drop),
        (Way::Packages, Broker::Rabbit) => rabbit::server(settings).stop(signal).map(drop),
    }
}

fn start_one(settings: &Settings, broker: Broker) -> Result<()> {
    match settings.way {
        Way::Docker => compose::start(settings, broker.service()),
        Way::Packages => start_process(settings, broker).map(drop),
    }
}

fn said(name: &str, started: bool) -> bool {
    println!("{name}: {}", if started { "started" } else { "ran already" });
    started
}

/// Settings of brokers of which at least one runs; those of the environment must not replace them.
fn running_settings() -> Result<Option<Settings>> {
    let Some(settings) = Settings::saved()? else {
        return Ok(None);
    };
    let running = match settings.way {
        Way::Docker => compose::health("kafka").is_some() || compose::health("rabbitmq").is_some(),
        Way::Packages => kafka::server().running().is_some() || rabbit::server(&settings).running().is_some(),
    };
    Ok(running.then_some(settings))
}

fn choose() -> Way {
    match compose::available() {
        Ok(()) => {
            println!("using Docker Compose: an engine answers and the images can be had");
            Way::Docker
        }
        Err(reason) => {
            println!("using packages (Kafka's jars, the installed RabbitMQ): {reason}");
            Way::Packages
        }
    }
}

/// Two commands at once would start two brokers on one port.
fn lock() -> Result<fs::File> {
    lock_folder(&paths::brokers())
}

fn lock_folder(folder: &Path) -> Result<fs::File> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
    let file = fs::File::create(folder.join("lock"))?;
    file.lock().context("cannot lock the brokers' folder")?;
    Ok(file)
}

fn write_script(file: &Path, text: &str) -> Result<()> {
    server::write_if_changed(file, text)?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755)).context("cannot make a script executable")
}

fn age_text(age: Duration) -> String {
    let seconds = age.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_reads_like_a_clock() {
        assert_eq!(age_text(Duration::from_secs(59)), "59 s");
        assert_eq!(age_text(Duration::from_secs(61)), "1 min 1 s");
        assert_eq!(age_text(Duration::from_secs(7_260)), "2 h 1 min");
    }
}
