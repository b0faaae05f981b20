//! The model: what is to be bound, resolved. No inheritance, no placeholder, no text where an enum fits.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bindery_core::{BinderSpec, BindingName, ConsumerSpec, ProducerSpec};

use super::resolve::Resolver;
use super::{Properties, Warning};
use crate::config::retry::RetryPolicy;
use crate::expression::Expression;

/// The resolved configuration of one application.
#[derive(Clone)]
pub struct Model {
    /// The active profiles.
    pub profiles: Vec<String>,
    /// Where the configuration came from, for people.
    pub sources: Vec<String>,
    /// The application's name, if it has one.
    pub application_name: Option<String>,
    /// The binders that are used.
    pub binders: Vec<BinderSpec>,
    /// The inputs, in the order of their listeners.
    pub inputs: Vec<InputSpec>,
    /// The outputs: those of listeners in order, then those that only the configuration names.
    pub outputs: Vec<OutputSpec>,
    /// What was given and isn't honoured as it stands.
    pub warnings: Vec<Warning>,
    /// The management server.
    pub management: Management,
    /// How long to wait before a failed first bind is tried again; `None` makes such a failure fatal.
    pub binding_retry_interval: Option<Duration>,
    /// How long a shutdown may take.
    pub shutdown_timeout: Duration,
    /// The raw properties, for the program's own keys.
    pub properties: Properties,
    pub(crate) resolver: Arc<Resolver>,
}

impl Model {
    /// The output for a destination that no YAML names: the defaults, on the default binder. The properties below
    /// `<kind>.bindings.<name>.producer` count.
    ///
    /// # Errors
    /// A configuration error when no default binder is settled.
    pub fn dynamic_output(&self, name: &str) -> bindery_core::Result<OutputSpec> {
        self.resolver.dynamic_output(name)
    }

    /// The output of a name, compared relaxed.
    pub fn output(&self, name: &BindingName) -> Option<&OutputSpec> {
        self.outputs.iter().find(|output| output.name == *name)
    }

    /// The input of a name, compared relaxed.
    pub fn input(&self, name: &BindingName) -> Option<&InputSpec> {
        self.inputs.iter().find(|input| input.name == *name)
    }

    /// The text under a key of the program's own, such as `shop.rate`.
    pub fn get(&self, key: &str) -> Option<String> {
        self.properties.get(key)
    }
}

impl fmt::Debug for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let binders: Vec<&str> = self.binders.iter().map(|binder| &*binder.name).collect();
        let inputs: Vec<&BindingName> = self.inputs.iter().map(|input| &input.name).collect();
        let outputs: Vec<&BindingName> = self.outputs.iter().map(|output| &output.name).collect();
        f.debug_struct("Model")
            .field("profiles", &self.profiles)
            .field("sources", &self.sources)
            .field("binders", &binders)
            .field("inputs", &inputs)
            .field("outputs", &outputs)
            .finish_non_exhaustive()
    }
}

/// In which order the messages of one source are handled.
#[derive(Clone, Debug, Default)]
pub enum Ordering {
    /// In the order of the source: a partition, a queue.
    #[default]
    Partition,
    /// In order for each key.
    Key {
        /// What the key is; `None` takes the message key.
        expression: Option<Expression>,
    },
    /// In any order.
    None,
}

/// What happens to a message whose attempts are used up and that has no dead letter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnExhausted {
    /// It stays unsettled and its lane stands still, until the binding is started again: nothing is lost, nothing is
    /// repeated without end, and health says so.
    #[default]
    Hold,
    /// It is logged, counted and settled, as Spring Cloud Stream does.
    Skip,
}

/// An input: a listener's binding, with one consumer for each destination.
#[derive(Clone, Debug)]
pub struct InputSpec {
    /// The binding.
    pub name: BindingName,
    /// The listener's position among the definitions.
    pub listener: usize,
    /// The binder's configured name.
    pub binder: Arc<str>,
    /// The content type of messages that don't say theirs.
    pub content_type: Arc<str>,
    /// What to bind: one for each destination.
    pub consumers: Vec<ConsumerSpec>,
    /// Whether it starts with the application.
    pub auto_startup: bool,
    /// In which order messages are handled.
    pub ordering: Ordering,
    /// When failed messages are tried again.
    pub retry: RetryPolicy,
    /// How long one call of the listener may take.
    pub handler_timeout: Option<Duration>,
    /// How many bytes of payload may be delivered and unsettled, per source.
    pub max_in_flight_bytes: u64,
    /// What happens to an exhausted message without a dead letter.
    pub on_exhausted: OnExhausted,
    /// The Avro schema file for this binding.
    pub avro_schema: Option<PathBuf>,
}

/// An output: of a listener, or for a stream bridge.
#[derive(Clone, Debug)]
pub struct OutputSpec {
    /// The binding.
    pub name: BindingName,
    /// The listeners that publish here: position among the definitions, index of the output. None for a stream bridge.
    pub listeners: Vec<(usize, usize)>,
    /// Whether it is bound when it is first sent to, not at startup.
    pub lazy: bool,
    /// The binder's configured name.
    pub binder: Arc<str>,
    /// The content type that payloads are written in.
    pub content_type: Arc<str>,
    /// What to bind.
    pub producer: ProducerSpec,
    /// The expression of the partition key.
    pub partition_key: Option<Expression>,
    /// The expression that turns the partition key into a number; it reads the key as `payload`.
    pub partition_selector: Option<Expression>,
    /// The expression of the message key.
    pub key: Option<Expression>,
    /// The expression of the routing key.
    pub routing_key: Option<Expression>,
    /// How a supplier behind this output is polled.
    pub poller: Poller,
    /// Whether it starts with the application.
    pub auto_startup: bool,
    /// The Avro schema file for this binding.
    pub avro_schema: Option<PathBuf>,
}

/// How a supplier is polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Poller {
    /// How long to wait after a poll.
    pub fixed_delay: Duration,
    /// How long to wait before the first.
    pub initial_delay: Duration,
    /// How many times the supplier is called in one poll.
    pub max_messages_per_poll: u32,
}

impl Default for Poller {
    fn default() -> Self {
        Self {
            fixed_delay: Duration::from_secs(1),
            initial_delay: Duration::ZERO,
            max_messages_per_poll: 1,
        }
    }
}

/// When health shows its details.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ShowDetails {
    /// Never.
    Never,
    /// To nobody yet: there is no authentication.
    WhenAuthorized,
    /// Always: the default, unlike Spring Boot's, because the server listens on loopback unless it is told otherwise.
    #[default]
    Always,
}

/// The management server, as Boot spells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Management {
    /// The port; `None` when there is no server. 0 takes any free port.
    pub port: Option<u16>,
    /// The address to listen on.
    pub address: IpAddr,
    /// The endpoints that are exposed; `*` stands for all.
    pub include: Vec<String>,
    /// The endpoints that aren't, whatever `include` says.
    pub exclude: Vec<String>,
    /// When health shows its details.
    pub show_details: ShowDetails,
}

impl Default for Management {
    fn default() -> Self {
        Self {
            port: None,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            include: vec!["health".to_owned()],
            exclude: Vec::new(),
            show_details: ShowDetails::Always,
        }
    }
}

impl Management {
    /// Whether an endpoint such as `bindings` is exposed.
    pub fn exposes(&self, endpoint: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|name| name == "*" || name == endpoint);
        named(&self.include) && !named(&self.exclude)
    }
}
