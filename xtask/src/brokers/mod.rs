//! `cargo xtask brokers`: a real Kafka and a real RabbitMQ for development and tests, on private ports, with
//! everything they write under `target/brokers`.

mod compose;
mod kafka;
pub(crate) mod rabbit;
mod server;
mod settings;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
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
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Broker {
    Kafka,
    Rabbit,
}

/// Runs one action.
pub(crate) fn run(action: &Action) -> Result<ExitCode> {
    match action {
        Action::Up { way } => {
            let up = up(*way)?;
            for (name, value) in up.settings.variables() {
                println!("{name}={value}");
            }
            Ok(ExitCode::SUCCESS)
        }
        Action::Down => down(),
        Action::Status => status(),
        Action::Restart { broker, kill } => restart(*broker, *kill),
    }
}

/// The brokers after `up`.
#[derive(Debug)]
pub(crate) struct Up {
    pub(crate) settings: Settings,
    /// Those which this call started.
    pub(crate) started: Vec<Broker>,
}

/// Starts what does not run and returns when both are ready.
pub(crate) fn up(way: Option<Way>) -> Result<Up> {
    let _one_at_a_time = lock()?;
    let settings = match running_settings()? {
        Some(settings) => settings,
        None => Settings::from_environment(way.unwrap_or_else(choose))?,
    };
    settings.save()?;
    let mut started = Vec::new();
    if let Err(error) = start(&settings, &mut started) {
        // Half a pair is of no use, and nobody would think of stopping it.
        stop(&settings, &started)?;
        return Err(error);
    }
    Ok(Up { settings, started })
}

fn start(settings: &Settings, started: &mut Vec<Broker>) -> Result<()> {
    if settings.way == Way::Docker {
        if said("kafka and rabbitmq", compose::up(settings)?) {
            started.extend(Broker::value_variants());
        }
        return Ok(());
    }
    if said("kafka", kafka::up(settings)?) {
        started.push(Broker::Kafka);
    }
    if said("rabbitmq", rabbit::up(settings)?) {
        started.push(Broker::Rabbit);
    }
    Ok(())
}

/// How brokers run here: as those which run already do, otherwise as the machine allows.
pub(crate) fn way() -> Result<Way> {
    Ok(running_settings()?.map_or_else(choose, |settings| settings.way))
}

/// Stops what `up` started and nothing else.
pub(crate) fn stop_started(up: &Up) -> Result<()> {
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
    let nothing = || anyhow!("the brokers do not run; start them with `cargo xtask brokers up`");
    let settings = running_settings()?.ok_or_else(nothing)?;
    let signal = if kill { "KILL" } else { "TERM" };
    match (settings.way, broker) {
        (Way::Docker, Broker::Kafka) => compose::restart(&settings, "kafka", kill)?,
        (Way::Docker, Broker::Rabbit) => compose::restart(&settings, "rabbitmq", kill)?,
        (Way::Packages, Broker::Kafka) => {
            kafka::server().stop(signal)?;
            kafka::up(&settings)?;
        }
        (Way::Packages, Broker::Rabbit) => {
            rabbit::server(&settings).stop(signal)?;
            rabbit::up(&settings)?;
        }
    }
    println!("restarted");
    Ok(ExitCode::SUCCESS)
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
    let folder = paths::brokers();
    fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
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
