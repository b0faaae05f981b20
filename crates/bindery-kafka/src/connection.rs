//! From configuration to librdkafka's properties, in the order in which Spring Cloud Stream layers them.

use std::collections::BTreeMap;
use std::time::Duration;

use bindery_core::{BinderSpec, Options, Result};
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;

use crate::boot;
use crate::error::failed;
use crate::jvm;
use crate::options::{ConsumerOptions, ProducerOptions, StartOffset, configuration, list};
use crate::tls;

/// The properties of a client, by the names of the JVM client or of librdkafka.
pub(crate) type Properties = BTreeMap<String, String>;

/// What is common to all clients of one binder.
#[derive(Clone)]
pub(crate) struct Connection {
    brokers: String,
    boot_common: Properties,
    boot_consumer: Properties,
    boot_producer: Properties,
    configuration: Properties,
    consumer_properties: Properties,
    producer_properties: Properties,
    required_acks: String,
    /// How many consumers share what may be fetched ahead.
    consumers: usize,
}

/// What consumers have unless configuration says otherwise.
const CONSUMER_DEFAULTS: &[(&str, &str)] = &[
    // The JVM's default list meets librdkafka's only here, so a group may have members of both.
    ("partition.assignment.strategy", "range"),
    // A member learns of a rebalance with its next heartbeat: this bounds how long a group takes to form.
    ("heartbeat.interval.ms", "500"),
    ("fetch.queue.backoff.ms", "20"),
    ("fetch.wait.max.ms", "100"),
    // One answer is held whole until it is read: with many partitions the default would be 50 MiB.
    ("fetch.max.bytes", "8388608"),
    ("isolation.level", "read_committed"),
    ("statistics.interval.ms", "5000"),
    ("allow.auto.create.topics", "false"),
];

/// How many KiB the consumers of a binder fetch ahead together, and each of them at most and at least, besides an answer of
/// each broker that is under way. With less than the most a fast consumer waits for its fetches where the others are idle.
const FETCHED_AHEAD: usize = 32 << 10;
const MOST_FETCHED_AHEAD: usize = 16 << 10;
const LEAST_FETCHED_AHEAD: usize = 1 << 10;

/// What consumers have whatever configuration says: offsets are the binder's business.
const CONSUMER_FIXED: &[(&str, &str)] = &[
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("enable.partition.eof", "false"),
];

/// What producers have unless configuration says otherwise.
const PRODUCER_DEFAULTS: &[(&str, &str)] = &[
    ("enable.idempotence", "true"),
    // Without it a key lands on another partition than the JVM's producer puts it.
    ("partitioner", "murmur2_random"),
    ("linger.ms", "5"),
    ("statistics.interval.ms", "5000"),
    ("allow.auto.create.topics", "false"),
];

/// What producers have whatever configuration says: the binder bounds what is in flight itself.
const PRODUCER_FIXED: &[(&str, &str)] = &[
    ("queue.buffering.max.messages", "0"),
    ("queue.buffering.max.kbytes", "2147483647"),
    ("delivery.report.only.error", "false"),
];

/// What every client has unless configuration says otherwise.
const COMMON_DEFAULTS: &[(&str, &str)] = &[
    ("client.id", "bindery"),
    // What a broker may ask of its clients takes memory for its histograms whether or not one asks: 0.6 MiB a consumer.
    ("enable.metrics.push", "false"),
    ("socket.keepalive.enable", "true"),
    ("reconnect.backoff.ms", "100"),
    // As the JVM's: librdkafka's own 10 s would keep a client away long after a flapping network is back.
    ("reconnect.backoff.max.ms", "1000"),
    ("broker.address.ttl", "1000"),
];

impl Connection {
    /// Reads the binder's part of the configuration.
    pub(crate) fn new(spec: &BinderSpec) -> Result<Self> {
        let boot = boot::read(&spec.connection)?;
        let mut configuration = spec.options.text_map("configuration");
        if let Some(entry) = boot::jaas_entry(&spec.options) {
            configuration
                .entry("sasl.jaas.config".to_owned())
                .or_insert(entry);
        }
        if configuration.contains_key("bootstrap.servers") {
            return Err(self::configuration(
                "`bootstrap.servers` can't be set in `kafka.binder.configuration`: set `kafka.binder.brokers`",
            ));
        }
        let connection = Self {
            brokers: brokers(&spec.options, boot.brokers.as_deref()),
            boot_common: boot.common,
            boot_consumer: owned_by_the_binder(boot.consumer),
            boot_producer: boot.producer,
            configuration: owned_by_the_binder(configuration),
            consumer_properties: owned_by_the_binder(spec.options.text_map("consumer-properties")),
            producer_properties: spec.options.text_map("producer-properties"),
            required_acks: spec.options.text("required-acks").unwrap_or("all").to_owned(),
            consumers: spec.consumers.max(1),
        };
        tls::warn_of_exposure(&connection.questions()?, &spec.name);
        Ok(connection)
    }

    /// The brokers, for people.
    pub(crate) fn brokers(&self) -> &str {
        &self.brokers
    }

    /// The configuration of a client that only asks questions and creates topics.
    pub(crate) fn questions(&self) -> Result<ClientConfig> {
        self.build(&[], &[&self.boot_common, &self.configuration], &[])
    }

    /// The configuration of a consumer.
    pub(crate) fn consumer(
        &self,
        group: Option<&str>,
        id: &str,
        options: &ConsumerOptions,
    ) -> Result<ClientConfig> {
        let mut lowest = Properties::new();
        let beginning = match group {
            Some(_) => StartOffset::Earliest,
            None => StartOffset::Latest,
        };
        lowest.insert("auto.offset.reset".to_owned(), beginning.as_str().to_owned());
        // Bytes are the bound: with fewer messages than the default a fast lane waits for the next fetch.
        lowest.insert(
            "queued.max.messages.kbytes".to_owned(),
            self.fetched_ahead().to_string(),
        );
        let mut derived = Properties::new();
        derived.insert("group.id".to_owned(), id.to_owned());
        if let Some(start) = options.start_offset {
            derived.insert("auto.offset.reset".to_owned(), start.as_str().to_owned());
        }
        self.build(
            CONSUMER_DEFAULTS,
            &[
                &lowest,
                &self.boot_common,
                &self.boot_consumer,
                &self.configuration,
                &self.consumer_properties,
                &options.configuration,
                &derived,
            ],
            CONSUMER_FIXED,
        )
    }

    fn fetched_ahead(&self) -> usize {
        (FETCHED_AHEAD / self.consumers).clamp(LEAST_FETCHED_AHEAD, MOST_FETCHED_AHEAD)
    }

    /// The configuration of a producer whose publications may stay unconfirmed for `confirm_timeout`.
    pub(crate) fn producer(
        &self,
        options: &ProducerOptions,
        confirm_timeout: Duration,
        awaited: bool,
    ) -> Result<ClientConfig> {
        let mut layers = self.producer_layers();
        for (key, value) in self.derived(options, confirm_timeout, awaited) {
            layers.entry(key.to_owned()).or_insert(value);
        }
        self.build_producer(&merged(&[&layers, &options.configuration]))
    }

    /// The configuration of the producer of dead letters.
    pub(crate) fn dead_letters(
        &self,
        configuration: &Properties,
        confirm_timeout: Duration,
    ) -> Result<ClientConfig> {
        let mut layers = self.producer_layers();
        layers.insert(
            "delivery.timeout.ms".to_owned(),
            confirm_timeout.as_millis().to_string(),
        );
        self.build_producer(&merged(&[&layers, configuration]))
    }

    fn producer_layers(&self) -> Properties {
        merged(&[
            &self.boot_common,
            &self.boot_producer,
            &self.configuration,
            &self.producer_properties,
        ])
    }

    /// Fewer acknowledgements than all don't go with idempotence: as on the JVM, it is off then unless it is asked for.
    fn build_producer(&self, properties: &Properties) -> Result<ClientConfig> {
        let all = properties
            .get("acks")
            .is_none_or(|acks| acks == "all" || acks == "-1");
        let fixed: Vec<_> = PRODUCER_FIXED
            .iter()
            .copied()
            .chain(
                (!all && !properties.contains_key("enable.idempotence"))
                    .then_some(("enable.idempotence", "false")),
            )
            .collect();
        self.build(PRODUCER_DEFAULTS, &[properties], &fixed)
    }

    /// What the binding's own properties mean for the client, where the layers below say nothing.
    fn derived(
        &self,
        options: &ProducerOptions,
        confirm_timeout: Duration,
        awaited: bool,
    ) -> Vec<(&'static str, String)> {
        let mut derived = vec![
            ("acks", self.required_acks.clone()),
            (
                "delivery.timeout.ms",
                confirm_timeout.as_millis().max(1).to_string(),
            ),
        ];
        if let Some(bytes) = options.buffer_size {
            derived.push(("batch.size", bytes.to_string()));
        }
        match options.batch_timeout_ms {
            Some(millis) => derived.push(("linger.ms", millis.to_string())),
            // Records that come while others are under way are sent together anyhow.
            None if awaited => derived.push(("linger.ms", "0".to_owned())),
            None => {}
        }
        if let Some(compression) = &options.compression {
            derived.push(("compression.type", compression.clone()));
        }
        derived
    }

    fn build(
        &self,
        defaults: &[(&str, &str)],
        layers: &[&Properties],
        fixed: &[(&str, &str)],
    ) -> Result<ClientConfig> {
        let mut config = ClientConfig::new();
        config.set_log_level(RDKafkaLogLevel::Info);
        for (key, value) in COMMON_DEFAULTS.iter().chain(defaults) {
            config.set(*key, *value);
        }
        for (key, value) in jvm::translate(&merged(layers))? {
            if key == "debug" {
                // Without it the lines that were asked for are dropped.
                config.set_log_level(RDKafkaLogLevel::Debug);
            }
            config.set(key, value);
        }
        for (key, value) in fixed {
            config.set(*key, *value);
        }
        config.set("bootstrap.servers", &self.brokers);
        let has_nul = |text: &str| text.contains('\0');
        // The library's own map hides the values of secrets.
        let hopeless = config
            .config_map()
            .into_keys()
            .find(|key| has_nul(key) || config.get(key).is_some_and(has_nul));
        if let Some(key) = hopeless {
            return Err(self::configuration(format!(
                "the Kafka client property `{}` can't be used: it holds a NUL character",
                key.escape_debug()
            )));
        }
        // librdkafka checks names and values here, without a connection.
        config
            .create_native_config()
            .map_err(|error| failed("the Kafka client can't be configured", &error))?;
        Ok(config)
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection")
            .field("brokers", &self.brokers)
            .finish_non_exhaustive()
    }
}

/// The layers as one, the last one on top.
fn merged(layers: &[&Properties]) -> Properties {
    let mut merged = Properties::new();
    for layer in layers {
        merged.extend(layer.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    merged
}

/// Leaves out what only the binder may set, and says so.
fn owned_by_the_binder(mut properties: Properties) -> Properties {
    for key in ["group.id", "enable.auto.commit"] {
        if properties.remove(key).is_some() {
            tracing::warn!("`{key}` is set by the binder and ignored in the binder's configuration");
        }
    }
    properties
}

/// `kafka.binder.brokers`, else Boot's `bootstrap-servers`, else the local machine; with ports.
fn brokers(options: &Options, boot: Option<&str>) -> String {
    let port = options.get("default-broker-port").map_or_else(
        || "9092".to_owned(),
        |port| port.as_str().map_or_else(|| port.to_string(), str::to_owned),
    );
    let own = list(options.get("brokers"));
    let given = match (own.as_slice(), boot) {
        ([], Some(boot)) => boot.split(',').map(|entry| entry.trim().to_owned()).collect(),
        ([], None) => vec!["localhost".to_owned()],
        _ => own,
    };
    given
        .iter()
        .map(|entry| with_port(entry, &port))
        .collect::<Vec<_>>()
        .join(",")
}

fn with_port(entry: &str, port: &str) -> String {
    let host = entry.rsplit_once("://").map_or(entry, |(_, host)| host);
    let has_port = match host.rsplit_once(']') {
        Some((_, rest)) => rest.starts_with(':'),
        None => host.contains(':'),
    };
    if has_port {
        entry.to_owned()
    } else {
        format!("{entry}:{port}")
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
