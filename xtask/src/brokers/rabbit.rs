//! RabbitMQ from the distribution's package, run as whoever calls: the package's own wrapper accepts only root and
//! `rabbitmq`, the program behind it does not care as long as its folders are writable.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use super::server::{self, Server};
use super::settings::Settings;
use super::tls::{self, TlsPorts};
use crate::{paths, process};

/// Where Debian and Ubuntu keep the programs behind the wrapper.
const UNWRAPPED: &str = "/usr/lib/rabbitmq/bin";

/// The secret of the package's own node. Root shares it, so that a plain `rabbitmqctl -n <node>` reaches ours.
const PACKAGE_COOKIE: &str = "/var/lib/rabbitmq/.erlang.cookie";

pub(super) fn server(settings: &Settings) -> Server {
    Server::new("rabbitmq", marker(settings))
}

/// The emulator keeps arguments that it does not know, which makes the node's process recognisable.
fn marker(settings: &Settings) -> String {
    format!("bindery-{}", settings.rabbit_node)
}

/// Tells where the server program is, when it is installed.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let unwrapped = Path::new(UNWRAPPED).join(name);
    if unwrapped.exists() {
        Some(unwrapped)
    } else {
        process::find(name)
    }
}

/// Starts the node unless it runs; returns whether it was started.
pub(super) fn up(settings: &Settings) -> Result<bool> {
    let server = server(settings);
    if server.running().is_some() {
        return Ok(false);
    }
    let missing = || anyhow!("`rabbitmq-server` is missing; {}", crate::brokers::HOW_TO_INSTALL);
    let program = program("rabbitmq-server").ok_or_else(missing)?;
    prepare(settings)?;
    note_port_mapper()?;
    let mut ports = vec![
        (settings.rabbit_port, "BINDERY_RABBITMQ_PORT"),
        (
            settings.rabbit_management_port,
            "BINDERY_RABBITMQ_MANAGEMENT_PORT",
        ),
        (
            settings.rabbit_distribution_port,
            "BINDERY_RABBITMQ_DISTRIBUTION_PORT",
        ),
    ];
    ports.extend(settings.tls.map(|tls| (tls.rabbit, "BINDERY_RABBITMQ_PORT")));
    let ready = || speaks_amqp(settings.rabbit_port) && server::accepts(settings.rabbit_management_port);
    server.start(node_command(&program, settings), &ports, ready)?;
    Ok(true)
}

/// Stops the node, and the port mapper of Erlang when the node brought it.
pub(super) fn down(settings: &Settings) -> Result<bool> {
    let stopped = server(settings).stop("TERM")?;
    if port_mapper_note().exists() {
        // It refuses while another node is registered, which is right: then somebody else needs it.
        if let Some(epmd) = process::find("epmd") {
            process::quick(Command::new(epmd).arg("-kill"), Duration::from_secs(5));
        }
        fs::remove_file(port_mapper_note()).ok();
    }
    Ok(stopped)
}

fn node_command(program: &Path, settings: &Settings) -> Command {
    let home = home();
    let mut command = process::in_new_session(program);
    let arguments = format!(
        "-kernel inet_dist_use_interface {{127,0,0,1}} -marker {}",
        marker(settings)
    );
    command
        .env("HOME", home.join("home"))
        .env("RABBITMQ_NODENAME", &settings.rabbit_node)
        .env(
            "RABBITMQ_DIST_PORT",
            settings.rabbit_distribution_port.to_string(),
        )
        .env("RABBITMQ_MNESIA_BASE", home.join("data"))
        .env("RABBITMQ_LOG_BASE", paths::brokers().join("logs"))
        .env("RABBITMQ_CONFIG_FILE", home.join("rabbitmq.conf"))
        .env("RABBITMQ_CONF_ENV_FILE", home.join("rabbitmq-env.conf"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", home.join("enabled_plugins"))
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", arguments)
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        // Makes the start script replace itself by the node, so that the process id is the node's.
        .env("RUNNING_UNDER_SYSTEMD", "true")
        .current_dir(&home);
    command
}

fn prepare(settings: &Settings) -> Result<()> {
    let home = home();
    for folder in ["home", "data"] {
        fs::create_dir_all(home.join(folder))?;
    }
    let (port, management) = (settings.rabbit_port, settings.rabbit_management_port);
    let mut configuration = format!(
        "listeners.tcp.default = 127.0.0.1:{port}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management}
disk_free_limit.absolute = 100MB
log.console = true
log.console.level = info
log.file = false
"
    );
    if let Some(tls) = settings.tls {
        tls::provide()?;
        configuration.push_str(&encrypted(tls));
    }
    server::write_if_changed(&home.join("rabbitmq.conf"), &configuration)?;
    server::write_if_changed(&home.join("rabbitmq-env.conf"), "")?;
    server::write_if_changed(&home.join("enabled_plugins"), "[rabbitmq_management].\n")?;
    write_cookie(&home.join("home/.erlang.cookie"))?;
    write_control(settings)
}

/// The listener for clients that show a certificate.
fn encrypted(tls: TlsPorts) -> String {
    format!(
        "listeners.ssl.default = 127.0.0.1:{}
ssl_options.cacertfile = {}
ssl_options.certfile = {}
ssl_options.keyfile = {}
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = true
",
        tls.rabbit,
        tls::file("ca.pem").display(),
        tls::file("server.pem").display(),
        tls::file("server-key.pem").display(),
    )
}

fn write_cookie(file: &Path) -> Result<()> {
    let shared = fs::read_to_string(PACKAGE_COOKIE).ok();
    let secret = match (shared, fs::read_to_string(file).ok()) {
        (Some(shared), _) => shared,
        (None, Some(own)) => own,
        (None, None) => random_letters()?,
    };
    if file.exists() {
        fs::remove_file(file)?;
    }
    fs::write(file, secret)?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o400)).context("cannot protect the node's cookie")
}

pub(super) fn random_letters() -> Result<String> {
    let mut bytes = [0_u8; 24];
    fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| char::from(b'A' + byte % 26)).collect())
}

/// Writes `bin/rabbitmqctl`, which talks to this node whoever calls it.
fn write_control(settings: &Settings) -> Result<()> {
    let program = program("rabbitmqctl").ok_or_else(|| anyhow!("`rabbitmqctl` is missing"))?;
    let text = format!(
        "#!/bin/sh\nexec env HOME='{}' RABBITMQ_CONF_ENV_FILE='{}' RABBITMQ_NODENAME='{}' '{}' \"$@\"\n",
        home().join("home").display(),
        home().join("rabbitmq-env.conf").display(),
        settings.rabbit_node,
        program.display()
    );
    super::write_script(&paths::brokers().join("bin/rabbitmqctl"), &text)
}

/// A broker that answers the protocol header with a method frame is ready for clients; an open port alone is not.
fn speaks_amqp(port: u16) -> bool {
    let Some(mut stream) = server::connect(port) else {
        return false;
    };
    let mut frame_type = [0_u8];
    stream.write_all(b"AMQP\x00\x00\x09\x01").is_ok()
        && stream.read_exact(&mut frame_type).is_ok()
        && frame_type == [1]
}

/// Remembers that no port mapper ran before, so that `down` may end the one which the node starts.
fn note_port_mapper() -> Result<()> {
    if !server::accepts(4369) {
        fs::write(port_mapper_note(), "")?;
    }
    Ok(())
}

fn port_mapper_note() -> PathBuf {
    home().join("brought-epmd")
}

fn home() -> PathBuf {
    paths::brokers().join("rabbitmq")
}
