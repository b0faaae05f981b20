//! Ports and names of the brokers: from the environment when they are started, from the state file afterwards, so
//! that a second command finds what the first one started.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};

use super::tls::{self, TlsPorts};
use crate::paths;

/// How the brokers are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Way {
    /// Containers, through `docker compose` or `docker-compose`.
    Docker,
    /// Kafka's jars through Maven, RabbitMQ from the distribution's package.
    Packages,
}

/// What one `up` decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) way: Way,
    pub(crate) kafka_port: u16,
    pub(crate) kafka_controller_port: u16,
    /// Absent with containers, and in the state files of earlier versions.
    #[serde(default)]
    pub(crate) kafka_relayed: Option<Relayed>,
    /// Likewise.
    #[serde(default)]
    pub(crate) tls: Option<TlsPorts>,
    pub(crate) rabbit_port: u16,
    pub(crate) rabbit_management_port: u16,
    pub(crate) rabbit_distribution_port: u16,
    pub(crate) rabbit_node: String,
}

/// A listener of Kafka whose clients come through a TCP relay that somebody puts before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Relayed {
    /// Where Kafka listens: the relay connects to it.
    pub(crate) listener: u16,
    /// What Kafka tells its clients: the relay listens there.
    pub(crate) advertised: u16,
}

impl Settings {
    /// Reads the environment; the defaults stay clear of the brokers' well-known ports and of other sets' ports.
    pub(crate) fn from_environment(way: Way) -> Result<Self> {
        Self::from_lookup(way, &paths::set(), |name| env::var(name).ok())
    }

    fn from_lookup(way: Way, set: &str, lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let port = |name: &str, default: u16| match lookup(name) {
            None => Ok(default),
            Some(text) => {
                let number = text.parse::<u16>().ok().filter(|number| *number > 0);
                number.ok_or_else(|| anyhow!("`{name}` is `{text}`; it must be a port from 1 to 65535"))
            }
        };
        let (kafka, rabbit) = first_ports(set, &lookup)?;
        let kafka = port("BINDERY_KAFKA_PORT", kafka)?;
        let rabbit = port("BINDERY_RABBITMQ_PORT", rabbit)?;
        if kafka.max(rabbit) > u16::MAX - PORTS_IN_A_ROW {
            bail!(
                "`BINDERY_KAFKA_PORT` and `BINDERY_RABBITMQ_PORT` must leave room for {PORTS_IN_A_ROW} ports above"
            );
        }
        let suffix = if set.is_empty() {
            String::new()
        } else {
            format!("-{set}")
        };
        let processes = way == Way::Packages;
        Ok(Self {
            way,
            kafka_port: kafka,
            kafka_controller_port: port("BINDERY_KAFKA_CONTROLLER_PORT", kafka + 1)?,
            kafka_relayed: processes.then_some(Relayed {
                listener: kafka + 2,
                advertised: kafka + 3,
            }),
            tls: processes.then_some(TlsPorts {
                kafka_sasl: kafka + 4,
                kafka_ssl: kafka + 5,
                rabbit: rabbit + 3,
            }),
            rabbit_port: rabbit,
            rabbit_management_port: port("BINDERY_RABBITMQ_MANAGEMENT_PORT", rabbit + 1)?,
            rabbit_distribution_port: port("BINDERY_RABBITMQ_DISTRIBUTION_PORT", rabbit + 2)?,
            rabbit_node: lookup("BINDERY_RABBITMQ_NODE")
                .unwrap_or_else(|| format!("bindery{suffix}@localhost")),
        })
    }

    /// Reads what the last `up` wrote; `None` when there was none.
    pub(crate) fn saved() -> Result<Option<Self>> {
        let file = Self::file();
        let Ok(text) = fs::read_to_string(&file) else {
            return Ok(None);
        };
        let settings = serde_json::from_str(&text);
        settings
            .map(Some)
            .with_context(|| format!("`{}` is damaged; remove it", file.display()))
    }

    /// Writes the state file.
    pub(crate) fn save(&self) -> Result<()> {
        let file = Self::file();
        fs::write(&file, serde_json::to_string_pretty(self)?)
            .with_context(|| format!("cannot write `{}`", file.display()))
    }

    /// Removes the state file: nothing runs any more.
    pub(crate) fn forget() {
        fs::remove_file(Self::file()).ok();
    }

    fn file() -> PathBuf {
        paths::brokers().join("state.json")
    }

    /// What tests and services read, in the order in which it is printed.
    pub(crate) fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = Vec::new();
        if !paths::set().is_empty() {
            variables.push((paths::SET, paths::set()));
        }
        if self.way == Way::Packages {
            variables.push(("RABBITMQ_NODENAME", self.rabbit_node.clone()));
        }
        if let Some(relayed) = self.kafka_relayed {
            variables.push((
                "KAFKA_RELAYED_LISTENER",
                format!("127.0.0.1:{}", relayed.listener),
            ));
            variables.push(("KAFKA_RELAYED", format!("127.0.0.1:{}", relayed.advertised)));
        }
        if let Some(tls) = self.tls {
            variables.push(("KAFKA_SASL_SSL", format!("127.0.0.1:{}", tls.kafka_sasl)));
            variables.push(("KAFKA_SSL", format!("127.0.0.1:{}", tls.kafka_ssl)));
            variables.push(("RABBITMQ_TLS", format!("127.0.0.1:{}", tls.rabbit)));
            variables.push(("BINDERY_TLS", tls::folder().display().to_string()));
        }
        variables.extend([
            (
                "RABBITMQCTL",
                paths::brokers().join("bin/rabbitmqctl").display().to_string(),
            ),
            (
                "RABBITMQ_MANAGEMENT",
                format!("http://127.0.0.1:{}", self.rabbit_management_port),
            ),
            ("KAFKA_BROKERS", format!("127.0.0.1:{}", self.kafka_port)),
            ("RABBITMQ_ADDRESSES", format!("127.0.0.1:{}", self.rabbit_port)),
        ]);
        variables
    }
}

/// How many ports after a broker's first one are its own.
const PORTS_IN_A_ROW: u16 = 8;

/// The first port of each broker in a set. Only these sets have some by default: others must not collide by chance.
fn first_ports(set: &str, lookup: &impl Fn(&str) -> Option<String>) -> Result<(u16, u16)> {
    let usable = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if !set.chars().all(usable) {
        bail!(
            "`{}` is `{set}`; a set's name has lower-case letters, digits and hyphens",
            paths::SET
        );
    }
    let both = ["BINDERY_KAFKA_PORT", "BINDERY_RABBITMQ_PORT"];
    match set {
        "" => Ok((19092, 15673)),
        "faults" => Ok((20092, 20673)),
        "bench" => Ok((21092, 21673)),
        _ if both.iter().all(|name| lookup(name).is_some()) => Ok((0, 0)),
        _ => bail!(
            "the set `{set}` has no ports; give each of its brokers the first of {PORTS_IN_A_ROW} free ones: {}",
            both.map(|name| format!("`{name}`")).join(" and ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_avoid_the_well_known_ports() {
        let settings = Settings::from_lookup(Way::Packages, "", |_| None).unwrap();
        assert_eq!((settings.kafka_port, settings.rabbit_port), (19092, 15673));
    }

    #[test]
    fn a_port_comes_from_the_environment() {
        let lookup = |name: &str| (name == "BINDERY_KAFKA_PORT").then(|| "29092".to_owned());
        let settings = Settings::from_lookup(Way::Docker, "", lookup).unwrap();
        assert_eq!(settings.kafka_port, 29092);
    }

    #[test]
    fn a_named_set_has_ports_and_a_node_of_its_own() {
        let settings = Settings::from_lookup(Way::Packages, "faults", |_| None).unwrap();
        let relayed = settings.kafka_relayed.unwrap();
        let ports = [
            settings.kafka_port,
            relayed.listener,
            relayed.advertised,
            settings.rabbit_distribution_port,
        ];
        assert_eq!(ports, [20092, 20094, 20095, 20675]);
        assert_eq!(settings.rabbit_node, "bindery-faults@localhost");
        let bench = Settings::from_lookup(Way::Packages, "bench", |_| None).unwrap();
        assert_eq!((bench.kafka_port, bench.rabbit_port), (21092, 21673));
        assert_eq!(bench.rabbit_node, "bindery-bench@localhost");
    }

    #[test]
    fn another_set_must_be_given_its_ports() {
        let error = Settings::from_lookup(Way::Packages, "mine", |_| None)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("`BINDERY_KAFKA_PORT` and `BINDERY_RABBITMQ_PORT`"),
            "{error}"
        );
        let lookup = |name: &str| name.ends_with("_PORT").then(|| "30000".to_owned());
        assert!(Settings::from_lookup(Way::Packages, "mine", lookup).is_ok());
        assert!(Settings::from_lookup(Way::Packages, "../mine", lookup).is_err());
    }

    #[test]
    fn a_state_file_of_an_earlier_version_is_read() {
        let text = r#"{"way":"packages","kafka_port":1,"kafka_controller_port":2,"rabbit_port":3,
            "rabbit_management_port":4,"rabbit_distribution_port":5,"rabbit_node":"n"}"#;
        let settings: Settings = serde_json::from_str(text).unwrap();
        assert!(settings.kafka_relayed.is_none() && settings.tls.is_none());
    }

    #[test]
    fn a_wrong_port_names_the_variable() {
        let error = Settings::from_lookup(Way::Docker, "", |_| Some("many".to_owned())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`BINDERY_KAFKA_PORT` is `many`; it must be a port from 1 to 65535"
        );
    }

    #[test]
    fn the_two_addresses_are_printed_last() {
        let settings = Settings::from_lookup(Way::Packages, "", |_| None).unwrap();
        let names: Vec<_> = settings.variables().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names[names.len() - 2..], ["KAFKA_BROKERS", "RABBITMQ_ADDRESSES"]);
    }
}
