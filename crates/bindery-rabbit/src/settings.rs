//! Where and how to connect, from `spring.rabbitmq.*`; its secrets appear in no log, error or debug output.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bindery_core::{BinderSpec, Options, Result};
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use url::Url;

use crate::error::misconfigured;
use crate::tls::Certificates;

const DEFAULT_HEARTBEAT_SECONDS: u16 = 10;
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const PLAIN_PORT: u16 = 5672;
const TLS_PORT: u16 = 5671;

/// One broker to connect to. `Display` shows host and port only.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: bool,
    username: String,
    password: String,
    virtual_host: String,
}

impl Address {
    /// Whether the password can be read on its way through a network.
    fn is_exposed(&self) -> bool {
        let ip: Option<IpAddr> = self.host.parse().ok();
        !self.tls && !ip.map_or(self.host == "localhost", |ip| ip.is_loopback())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The connection settings of one binder.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) name: Arc<str>,
    pub(crate) name_prefix: String,
    pub(crate) addresses: Vec<Address>,
    pub(crate) connect_timeout: Duration,
    heartbeat_seconds: u16,
    pub(crate) certificates: Certificates,
}

impl Settings {
    /// Reads the settings of a binder.
    ///
    /// # Errors
    /// When an address can't be read; the error shows no user information.
    pub(crate) fn read(spec: &BinderSpec) -> Result<Self> {
        let options = &spec.connection;
        let addresses = addresses(options)?;
        if let Some(address) = addresses.iter().find(|address| address.is_exposed()) {
            tracing::warn!(
                binder.name = &*spec.name,
                "the login at `{address}` isn't encrypted: set `spring.rabbitmq.ssl.enabled`, or `amqps://` in front of \
                 the address"
            );
        }
        Ok(Self {
            name: spec.name.clone(),
            name_prefix: spec
                .options
                .text("connection-name-prefix")
                .map(|prefix| format!("{prefix}."))
                .unwrap_or_default(),
            addresses,
            connect_timeout: millis(options, "connection-timeout")
                .filter(|limit| !limit.is_zero())
                .unwrap_or(DEFAULT_CONNECT_TIMEOUT),
            heartbeat_seconds: millis(options, "requested-heartbeat")
                .map_or(DEFAULT_HEARTBEAT_SECONDS, |beat| {
                    u16::try_from(beat.as_secs()).unwrap_or(u16::MAX)
                }),
            certificates: Certificates::read(options)?,
        })
    }

    /// The client library's form of an address. It shows the password in its `Debug`: never log it.
    pub(crate) fn uri(&self, address: &Address) -> AMQPUri {
        AMQPUri {
            scheme: if address.tls {
                AMQPScheme::AMQPS
            } else {
                AMQPScheme::AMQP
            },
            authority: AMQPAuthority {
                userinfo: AMQPUserInfo {
                    username: address.username.clone(),
                    password: address.password.clone(),
                },
                host: address.host.clone(),
                port: address.port,
            },
            vhost: address.virtual_host.clone(),
            query: AMQPQueryString {
                heartbeat: Some(self.heartbeat_seconds),
                ..AMQPQueryString::default()
            },
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

fn millis(options: &Options, name: &str) -> Option<Duration> {
    u64::try_from(options.integer(name)?)
        .ok()
        .map(Duration::from_millis)
}

fn addresses(options: &Options) -> Result<Vec<Address>> {
    let tls = options.flag("ssl.enabled", false);
    let text = |name: &str, default: &str| options.text(name).unwrap_or(default).to_owned();
    let port = options.integer("port").and_then(|port| u16::try_from(port).ok());
    let template = Address {
        host: text("host", "localhost"),
        port: port.unwrap_or(if tls { TLS_PORT } else { PLAIN_PORT }),
        tls,
        username: text("username", "guest"),
        password: text("password", "guest"),
        virtual_host: text("virtual-host", "/"),
    };
    let listed: Vec<&str> = match options.get("addresses") {
        Some(serde_json::Value::Array(entries)) => {
            entries.iter().filter_map(serde_json::Value::as_str).collect()
        }
        Some(serde_json::Value::String(list)) => list.split(',').collect(),
        _ => Vec::new(),
    };
    let listed: Vec<&str> = listed
        .into_iter()
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .collect();
    if listed.is_empty() {
        check_host(&template.host)?;
        return Ok(vec![template]);
    }
    let mut addresses = listed
        .iter()
        .enumerate()
        .map(|(index, entry)| address(entry, index, &template))
        .collect::<Result<Vec<_>>>()?;
    if options.text("address-shuffle-mode") == Some("random") {
        use rand::seq::SliceRandom;
        addresses.shuffle(&mut rand::rng());
    }
    Ok(addresses)
}

/// A host is shown wherever a connection is spoken of, so what may be a whole address with a password is refused unseen.
fn check_host(host: &str) -> Result<()> {
    if host.parse::<std::net::IpAddr>().is_ok() || url::Host::parse(host).is_ok() {
        return Ok(());
    }
    Err(misconfigured(
        "`spring.rabbitmq.host` is no host name; an address with port, user or password goes into \
         `spring.rabbitmq.addresses`",
    ))
}

/// Reads `host`, `host:port`, `user:password@host:port/vhost` or a URI of scheme `amqp` or `amqps`.
fn address(entry: &str, index: usize, template: &Address) -> Result<Address> {
    let unreadable = || {
        misconfigured(format!(
            "`spring.rabbitmq.addresses[{index}]` can't be read; accepted are `host:port` and \
             `amqp[s]://user:password@host:port/vhost` with special characters percent-encoded"
        ))
    };
    let default_scheme = if template.tls { "amqps" } else { "amqp" };
    let text = match entry.split_once("://") {
        Some(_) => entry.to_owned(),
        None => format!("{default_scheme}://{entry}"),
    };
    let url = Url::parse(&text).map_err(|_| unreadable())?;
    let tls = match url.scheme() {
        "amqp" => false,
        "amqps" => true,
        _ => return Err(unreadable()),
    };
    let host = url
        .host_str()
        .filter(|host| !host.is_empty())
        .ok_or_else(unreadable)?;
    let decoded = |part: &str| percent_decoded(part).ok_or_else(unreadable);
    Ok(Address {
        host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port: url.port().unwrap_or(if tls { TLS_PORT } else { PLAIN_PORT }),
        tls,
        username: match url.username() {
            "" => template.username.clone(),
            username => decoded(username)?,
        },
        password: match url.password() {
            Some(password) => decoded(password)?,
            None => template.password.clone(),
        },
        virtual_host: match url.path() {
            "" | "/" => template.virtual_host.clone(),
            path => decoded(path.trim_start_matches('/'))?,
        },
    })
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        if byte != b'%' {
            bytes.push(byte);
            rest = tail;
            continue;
        }
        let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = tail.get(2..)?;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn settings(connection: serde_json::Value) -> Result<Settings> {
        let serde_json::Value::Object(entries) = connection else {
            unreachable!("the tests pass objects");
        };
        Settings::read(&BinderSpec {
            name: "rabbit".into(),
            kind: "rabbit".into(),
            options: Options::default(),
            connection: Options(entries.into_iter().collect()),
            consumers: 1,
        })
    }

    #[test]
    fn without_properties_it_is_the_local_broker() {
        let settings = settings(json!({})).unwrap();
        let uri = settings.uri(&settings.addresses[0]);
        assert_eq!(
            uri.to_string(),
            "amqp://guest:guest@localhost:5672/%2F?heartbeat=10"
        );
    }

    #[test]
    fn addresses_take_what_they_leave_out_from_the_other_properties() {
        let settings = settings(json!({
            "addresses": ["amqps://us%40er:p%2Fw@a.example:1234/v%2Fh", "b.example", "u:p@[::1]:7"],
            "host": "ignored", "username": "name", "password": "secret", "virtual-host": "vh",
        }))
        .unwrap();
        let uris: Vec<_> = settings
            .addresses
            .iter()
            .map(|address| settings.uri(address))
            .collect();
        let exposed: Vec<_> = settings.addresses.iter().map(Address::is_exposed).collect();
        assert_eq!(exposed, [false, true, false]);
        assert_eq!(uris[0].scheme, AMQPScheme::AMQPS);
        assert_eq!(uris[0].authority.userinfo.username, "us@er");
        assert_eq!(uris[0].authority.userinfo.password, "p/w");
        assert_eq!(uris[0].vhost, "v/h");
        assert_eq!(uris[1].authority.userinfo.password, "secret");
        assert_eq!(
            (uris[1].authority.port, uris[1].vhost.as_str()),
            (PLAIN_PORT, "vh")
        );
        assert_eq!(
            (uris[2].authority.host.as_str(), uris[2].authority.port),
            ("::1", 7)
        );
        assert_eq!(
            format!("{:?}", settings.addresses),
            "[a.example:1234, b.example:5672, [::1]:7]"
        );
    }

    #[test]
    fn a_whole_address_is_no_host_and_isnt_shown() {
        for host in [
            "amqp://user:canary@h:5672/v",
            "user:canary@h",
            "h:5672",
            "",
            "a\0b",
        ] {
            let error = settings(json!({ "host": host })).unwrap_err();
            assert!(error.message().contains("`spring.rabbitmq.addresses`"), "{error}");
            assert!(!error.report().contains("canary"), "{error}");
        }
        for host in ["localhost", "b.example", "10.0.0.1", "::1", "rabbit_1"] {
            settings(json!({ "host": host })).unwrap();
        }
    }

    #[test]
    fn secrets_are_never_shown() {
        let settings = settings(json!({
            "addresses": ["amqp://user:canary1@h:1"], "password": "canary2", "ssl.key-store": "/k",
            "ssl.key-store-password": "canary3",
        }))
        .unwrap();
        let error = super::address("ftp://user:canary4@h", 0, &settings.addresses[0]).unwrap_err();
        let shown = format!("{settings:?} {:?} {error} {error:?}", settings.addresses);
        assert!(!shown.contains("canary"), "{shown}");
    }
}
