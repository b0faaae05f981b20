//! Which endpoints are exposed: `management.endpoints.web.exposure`.

use bindery_core::{Error, ErrorKind, Result};

/// What can be exposed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Health; always exposed.
    Health,
    /// The bindings, and changes of their state.
    Bindings,
    /// Metrics as Prometheus text.
    Prometheus,
}

impl Endpoint {
    const ALL: [Self; 3] = [Self::Health, Self::Bindings, Self::Prometheus];

    /// The name in configuration and in paths.
    pub fn name(self) -> &'static str {
        match self {
            Self::Health => "health",
            Self::Bindings => "bindings",
            Self::Prometheus => "prometheus",
        }
    }
}

/// Endpoints of Spring Boot that have no counterpart here. Naming them is no mistake; it has no effect.
const ELSEWHERE: [&str; 22] = [
    "auditevents",
    "beans",
    "caches",
    "channels",
    "conditions",
    "configprops",
    "env",
    "flyway",
    "heapdump",
    "httpexchanges",
    "info",
    "integrationgraph",
    "liquibase",
    "logfile",
    "loggers",
    "mappings",
    "metrics",
    "quartz",
    "scheduledtasks",
    "shutdown",
    "startup",
    "threaddump",
];

/// The exposed endpoints.
///
/// ```
/// use bindery_ops::{Endpoint, Exposure};
///
/// let exposure = Exposure::parse("health, bindings, info")?;
/// assert!(exposure.has(Endpoint::Bindings) && !exposure.has(Endpoint::Prometheus));
/// assert_eq!(exposure.without_effect(), ["info"]);
/// assert!(Exposure::parse("*")?.has(Endpoint::Prometheus));
/// assert!(Exposure::parse("healht").unwrap_err().message().contains("health, bindings, prometheus"));
/// # Ok::<(), bindery_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exposure {
    included: Vec<Endpoint>,
    hides_details: bool,
    without_effect: Vec<String>,
}

impl Exposure {
    /// Health alone: the default.
    pub fn health() -> Self {
        Self::default()
    }

    /// Reads `management.endpoints.web.exposure.include`: names separated by commas, or `*` for all.
    ///
    /// # Errors
    /// A configuration error when a name is neither ours nor one of Spring Boot's.
    pub fn parse(include: &str) -> Result<Self> {
        let mut exposure = Self::default();
        for name in include.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let known = Endpoint::ALL
                .iter()
                .find(|endpoint| endpoint.name().eq_ignore_ascii_case(name));
            match known {
                _ if name == "*" => exposure.included = Endpoint::ALL.to_vec(),
                Some(endpoint) => exposure.included.push(*endpoint),
                None if ELSEWHERE.contains(&name.to_ascii_lowercase().as_str()) => {
                    exposure.without_effect.push(name.to_owned());
                }
                None => {
                    let message = format!(
                        "no endpoint of the name `{name}`; known are health, bindings, prometheus and `*` for all"
                    );
                    return Err(Error::new(ErrorKind::Configuration, message));
                }
            }
        }
        Ok(exposure)
    }

    /// Takes endpoints away again: `management.endpoints.web.exposure.exclude`. Health stays.
    ///
    /// # Errors
    /// As for [`Exposure::parse`].
    pub fn excluding(mut self, exclude: &str) -> Result<Self> {
        let excluded = Self::parse(exclude)?;
        self.included
            .retain(|endpoint| !excluded.included.contains(endpoint));
        Ok(self)
    }

    /// Whether health shows each binder and binding with its reason, as it does by default, or only the status:
    /// `management.endpoint.health.show-details`.
    #[must_use]
    pub fn with_details(mut self, shown: bool) -> Self {
        self.hides_details = !shown;
        self
    }

    /// Whether health shows details.
    pub fn shows_details(&self) -> bool {
        !self.hides_details
    }

    /// Whether an endpoint is exposed.
    pub fn has(&self, endpoint: Endpoint) -> bool {
        endpoint == Endpoint::Health || self.included.contains(&endpoint)
    }

    /// Names that were included and have no counterpart here, to be said once at startup.
    pub fn without_effect(&self) -> &[String] {
        &self.without_effect
    }
}
