//! Ports and names of the brokers: from the environment when they are started, from the state file afterwards, so
//! that a second command finds what the first one started.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};

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
    pub(crate) rabbit_port: u16,
    pub(crate) rabbit_management_port: u16,
    pub(crate) rabbit_distribution_port: u16,
    pub(crate) rabbit_node: String,
}

impl Settings {
    /// Reads the environment; the defaults stay clear of the brokers' well-known ports.
    pub(crate) fn from_environment(way: Way) -> Result<Self> {
        Self::from_lookup(way, |name| env::var(name).ok())
    }

    fn from_lookup(way: Way, lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let port = |name: &str, default: u16| match lookup(name) {
            None => Ok(default),
            Some(text) => {
                let number = text.parse::<u16>().ok().filter(|number| *number > 0);
                number.ok_or_else(|| anyhow!("`{name}` is `{text}`; it must be a port from 1 to 65535"))
            }
        };
        Ok(Self {
            way,
            kafka_port: port("BINDERY_KAFKA_PORT", 19092)?,
            kafka_controller_port: port("BINDERY_KAFKA_CONTROLLER_PORT", 19093)?,
            rabbit_port: port("BINDERY_RABBITMQ_PORT", 15673)?,
            rabbit_management_port: port("BINDERY_RABBITMQ_MANAGEMENT_PORT", 15674)?,
            rabbit_distribution_port: port("BINDERY_RABBITMQ_DISTRIBUTION_PORT", 15675)?,
            rabbit_node: lookup("BINDERY_RABBITMQ_NODE").unwrap_or_else(|| "bindery@localhost".to_owned()),
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
        let mut variables = vec![
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
        ];
        if self.way == Way::Packages {
            variables.insert(0, ("RABBITMQ_NODENAME", self.rabbit_node.clone()));
        }
        variables
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_avoid_the_well_known_ports() {
        let settings = Settings::from_lookup(Way::Packages, |_| None).unwrap();
        assert_eq!((settings.kafka_port, settings.rabbit_port), (19092, 15673));
    }

    #[test]
    fn a_port_comes_from_the_environment() {
        let lookup = |name: &str| (name == "BINDERY_KAFKA_PORT").then(|| "29092".to_owned());
        let settings = Settings::from_lookup(Way::Docker, lookup).unwrap();
        assert_eq!(settings.kafka_port, 29092);
    }

    #[test]
    fn a_wrong_port_names_the_variable() {
        let error = Settings::from_lookup(Way::Docker, |_| Some("many".to_owned())).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`BINDERY_KAFKA_PORT` is `many`; it must be a port from 1 to 65535"
        );
    }

    #[test]
    fn the_two_addresses_are_printed_last() {
        let settings = Settings::from_lookup(Way::Packages, |_| None).unwrap();
        let names: Vec<_> = settings.variables().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names[names.len() - 2..], ["KAFKA_BROKERS", "RABBITMQ_ADDRESSES"]);
    }
}
