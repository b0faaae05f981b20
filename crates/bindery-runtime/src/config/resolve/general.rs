//! What isn't a binding: instances, management, intervals.

use std::net::IpAddr;
use std::time::Duration;

use super::Context;
use crate::config::model::{Management, Poller, ShowDetails};
use crate::config::schema::Place;
use crate::config::settings::{Settings, Tree};
use crate::config::{Origin, Problem, Properties};

/// How many instances there are, and which one this is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instances {
    pub(super) count: u32,
    pub(super) index: u32,
}

pub(super) fn instances(tree: &Tree, properties: &Properties, problems: &mut Vec<Problem>) -> Instances {
    let settings = tree.at(&Place::Stream);
    let count = settings.number("instance-count").unwrap_or(1);
    let from_environment = || {
        ["INSTANCE_INDEX", "CF_INSTANCE_INDEX"]
            .into_iter()
            .find_map(|name| Some((name, properties.environment.get(name)?)))
    };
    let index = settings.number("instance-index").or_else(|| {
        let (name, text) = from_environment()?;
        let index = text.trim().parse().ok();
        if index.is_none() {
            let origin = Origin::Environment(name.into());
            problems.push(Problem::new(origin, "", "accepted: a whole number").found(text));
        }
        index
    });
    Instances {
        count,
        index: index.unwrap_or(0),
    }
}

/// The retry interval of failed binds: 30 s; `None` when it is given as 0 or less.
pub(super) fn binding_retry_interval(settings: &Settings) -> Option<Duration> {
    let seconds: i64 = settings.number("binding-retry-interval").unwrap_or(30);
    u64::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs)
}

/// How long a shutdown may take: ours, Boot's, or 20 s.
pub(super) fn shutdown_timeout(tree: &Tree) -> Duration {
    let ours = tree.at(&Place::Stream).duration("shutdown-timeout");
    let boots = || tree.at(&Place::Lifecycle).duration("timeout-per-shutdown-phase");
    ours.or_else(boots).unwrap_or(Duration::from_secs(20))
}

/// How suppliers are polled: the producer's own, the stream's, the integration's, then the default.
pub(super) fn poller(tree: &Tree, producer: &Settings) -> Poller {
    let stream = tree.at(&Place::Stream);
    let integration = tree.at(&Place::Poller);
    let find = |name: &str| {
        let dotted = format!("poller.{name}");
        let levels = [(producer, &*dotted), (&stream, &*dotted), (&integration, name)];
        levels
            .into_iter()
            .find(|(settings, name)| settings.get(name).is_some())
            .map(|(settings, name)| (settings.duration(name), settings.number::<u32>(name)))
    };
    let default = Poller::default();
    Poller {
        fixed_delay: find("fixed-delay")
            .and_then(|(duration, _)| duration)
            .unwrap_or(default.fixed_delay),
        initial_delay: find("initial-delay")
            .and_then(|(duration, _)| duration)
            .unwrap_or(default.initial_delay),
        max_messages_per_poll: find("max-messages-per-poll")
            .and_then(|(_, number)| number)
            .unwrap_or(default.max_messages_per_poll),
    }
}

impl Context<'_> {
    pub(super) fn management(&mut self) -> Management {
        let settings = self.resolver.tree.at(&Place::Management);
        let mut management = Management {
            port: settings.number("server.port"),
            ..Management::default()
        };
        if let Some(setting) = settings.get("server.address") {
            let text = setting.value.as_str().unwrap_or_default();
            let address = match text {
                "localhost" => Ok(management.address),
                text => text.parse::<IpAddr>(),
            };
            match address {
                Ok(address) => management.address = address,
                Err(_) => self.problems.push(super::setting_problem(
                    setting,
                    "accepted: an IP address such as `127.0.0.1` or `0.0.0.0`",
                )),
            }
        }
        let words = |name| {
            settings
                .list(name)
                .map(|words| words.into_iter().map(str::to_owned).collect())
        };
        if let Some(include) = words("endpoints.web.exposure.include") {
            management.include = include;
        }
        if let Some(exclude) = words("endpoints.web.exposure.exclude") {
            management.exclude = exclude;
        }
        let details = settings
            .text("endpoint.health.show-details")
            .or(settings.text("endpoint.health.show-components"));
        management.show_details = match details {
            Some("always") => ShowDetails::Always,
            Some("when-authorized") => ShowDetails::WhenAuthorized,
            Some("never") => ShowDetails::Never,
            _ => ShowDetails::default(),
        };
        management
    }
}
