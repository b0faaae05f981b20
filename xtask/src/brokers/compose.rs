//! Both brokers as containers of this repository's `docker-compose.yml`.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};

use super::settings::Settings;
use crate::{paths, process};

const QUESTION: Duration = Duration::from_secs(8);
const HEALTHY_WITHIN: Duration = Duration::from_secs(180);

/// Images by the variable that replaces them, as in `docker-compose.yml`.
const IMAGES: [(&str, &str); 2] = [
    ("KAFKA_IMAGE", "apache/kafka:4.1.0"),
    ("RABBITMQ_IMAGE", "rabbitmq:4.1-management"),
];

/// The two services of the file that are brokers.
const SERVICES: [&str; 2] = ["kafka", "rabbitmq"];

/// Says why containers cannot be used here, `Ok` when they can: an engine answers, Compose is there, and every
/// image is on this machine or its registry answers.
pub(super) fn available() -> Result<()> {
    let engine = ["version", "--format", "{{.Server.Version}}"];
    if process::quick(Command::new("docker").args(engine), QUESTION).is_none() {
        bail!("no Docker engine answers");
    }
    program()?;
    for (variable, default) in IMAGES {
        let image = std::env::var(variable).unwrap_or_else(|_| default.to_owned());
        let local = Command::new("docker").args(["image", "inspect", &image]).quick();
        let remote = || {
            Command::new("docker")
                .args(["manifest", "inspect", &image])
                .quick()
        };
        if !local && !remote() {
            bail!("the image `{image}` is neither here nor at a registry that answers");
        }
    }
    Ok(())
}

trait Quick {
    fn quick(&mut self) -> bool;
}

impl Quick for Command {
    fn quick(&mut self) -> bool {
        process::quick(self, QUESTION).is_some()
    }
}

/// Starts these containers and waits for their health checks.
pub(super) fn up(settings: &Settings, services: &[&str]) -> Result<bool> {
    if healthy(services) {
        return Ok(false);
    }
    process::run(compose(settings)?.args(["up", "-d"]).args(services))?;
    wait_healthy(services)?;
    if !services.contains(&"rabbitmq") {
        return Ok(true);
    }
    let text = format!(
        "#!/bin/sh\nexec docker exec -i {} rabbitmqctl \"$@\"\n",
        container("rabbitmq")?
    );
    super::write_script(&paths::brokers().join("bin/rabbitmqctl"), &text)?;
    Ok(true)
}

/// Removes both containers, their volumes included.
pub(super) fn down(settings: &Settings) -> Result<bool> {
    let ran = SERVICES.iter().any(|service| container(service).is_ok());
    process::output(compose(settings)?.args(["down", "-v"]))?;
    Ok(ran)
}

/// Stops one broker; `kill` makes it a crash.
pub(super) fn stop(settings: &Settings, service: &str, kill: bool) -> Result<()> {
    process::output(compose(settings)?.args([if kill { "kill" } else { "stop" }, service])).map(drop)
}

/// Starts one broker that was stopped, on its data.
pub(super) fn start(settings: &Settings, service: &str) -> Result<()> {
    process::output(compose(settings)?.args(["start", service]))?;
    wait_healthy(&[service])
}

/// What the engine says about one broker: `healthy`, `starting`, …; `None` without a container.
pub(super) fn health(service: &str) -> Option<(String, String)> {
    let format = "{{.State.Health.Status}} {{.State.StartedAt}}";
    let container = container(service).ok()?;
    let text = process::quick(
        Command::new("docker").args(["inspect", "-f", format, &container]),
        QUESTION,
    )?;
    let (health, since) = text.trim().split_once(' ')?;
    Some((health.to_owned(), since.to_owned()))
}

fn healthy(services: &[&str]) -> bool {
    services
        .iter()
        .all(|service| health(service).is_some_and(|(health, _)| health == "healthy"))
}

fn wait_healthy(services: &[&str]) -> Result<()> {
    if process::wait_until(HEALTHY_WITHIN, || Ok(healthy(services)))? {
        return Ok(());
    }
    bail!("the containers are not healthy after {HEALTHY_WITHIN:?}; see `docker ps -a` and `docker logs`")
}

fn container(service: &str) -> Result<String> {
    let project = format!("label=com.docker.compose.project={}", project());
    let service_label = format!("label=com.docker.compose.service={service}");
    let filters = [
        "ps",
        "-aq",
        "--filter",
        project.as_str(),
        "--filter",
        service_label.as_str(),
    ];
    let ids = process::quick(Command::new("docker").args(filters), QUESTION).unwrap_or_default();
    ids.lines()
        .next()
        .map(str::to_owned)
        .ok_or_else(|| anyhow!("no container of `{service}`"))
}

/// Each set of brokers is a project of its own.
fn project() -> String {
    match paths::set().as_str() {
        "" => "bindery-brokers".to_owned(),
        set => format!("bindery-brokers-{set}"),
    }
}

fn compose(settings: &Settings) -> Result<Command> {
    let mut command = program()?;
    command.args(["-p", &project(), "-f"]).arg(file());
    command
        .env("KAFKA_PORT", settings.kafka_port.to_string())
        .env("RABBITMQ_PORT", settings.rabbit_port.to_string())
        .env(
            "RABBITMQ_MANAGEMENT_PORT",
            settings.rabbit_management_port.to_string(),
        );
    Ok(command)
}

fn program() -> Result<Command> {
    if Command::new("docker").args(["compose", "version"]).quick() {
        let mut command = Command::new("docker");
        command.arg("compose");
        return Ok(command);
    }
    if Command::new("docker-compose").arg("version").quick() {
        return Ok(Command::new("docker-compose"));
    }
    bail!("neither `docker compose` nor `docker-compose` is installed")
}

fn file() -> PathBuf {
    paths::workspace().join("docker-compose.yml")
}
