//! Properties of the JVM client in librdkafka's words: renamed, left out when they mean nothing here, or refused.

use bindery_core::Result;

use crate::connection::Properties;
use crate::jaas;
use crate::options::configuration;
use crate::tls;

/// What only means something on the JVM. A trailing `.` stands for everything below it.
const JVM_ONLY: &[&str] = &[
    "key.serializer",
    "value.serializer",
    "key.deserializer",
    "value.deserializer",
    "interceptor.classes",
    "metric.reporters",
    "metrics.num.samples",
    "metrics.recording.level",
    "metrics.sample.window.ms",
    "auto.include.jmx.reporter",
    "max.poll.records",
    "max.block.ms",
    "default.api.timeout.ms",
    "exclude.internal.topics",
    "security.providers",
    "ssl.protocol",
    "ssl.enabled.protocols",
    "ssl.keymanager.algorithm",
    "ssl.trustmanager.algorithm",
    "ssl.provider",
    "ssl.secure.random.implementation",
    "partitioner.adaptive.partitioning.enable",
    "partitioner.availability.timeout.ms",
    "partitioner.ignore.keys",
    "schema.registry.",
    "spring.json.",
    "spring.deserializer.",
    "auto.register.schemas",
    "use.latest.version",
    "specific.avro.reader",
    "basic.auth.",
    "bearer.auth.",
];

/// Names that differ.
const RENAMED: &[(&str, &str)] = &[
    ("fetch.max.wait.ms", "fetch.wait.max.ms"),
    // An alias to librdkafka, but our default has the other name, and there may be one of them.
    ("max.partition.fetch.bytes", "fetch.message.max.bytes"),
    ("max.request.size", "message.max.bytes"),
    ("delivery.timeout.ms", "message.timeout.ms"),
    ("send.buffer.bytes", "socket.send.buffer.bytes"),
    ("receive.buffer.bytes", "socket.receive.buffer.bytes"),
    ("sasl.mechanism", "sasl.mechanisms"),
    // Under its own name librdkafka has how long metadata is kept, not how soon a change is noticed.
    ("metadata.max.age.ms", REFRESH),
];

const REFRESH: &str = "topic.metadata.refresh.interval.ms";
/// The longest that librdkafka takes.
const REFRESH_MAX_MILLIS: u64 = 3_600_000;

/// The same properties for librdkafka.
pub(crate) fn translate(properties: &Properties) -> Result<Properties> {
    let mut translated = Properties::new();
    for (key, value) in properties {
        if is_jvm_only(key) {
            tracing::debug!("`{key}` only means something on the JVM and is ignored");
        } else if let Some((key, value)) = translate_one(key, value)? {
            translated.insert(key, value);
        }
    }
    tls::translate(properties, &mut translated)?;
    if let Some(entry) = properties.get("sasl.jaas.config") {
        jaas::translate(entry, properties, &mut translated)?;
    }
    Ok(translated)
}

fn is_jvm_only(key: &str) -> bool {
    JVM_ONLY.iter().any(|known| {
        if known.ends_with('.') {
            key.starts_with(known)
        } else {
            key == *known
        }
    })
}

fn translate_one(key: &str, value: &str) -> Result<Option<(String, String)>> {
    let renamed = RENAMED
        .iter()
        .find(|(jvm, _)| *jvm == key)
        .map_or(key, |(_, own)| own);
    let value = match key {
        "sasl.jaas.config" => return Ok(None),
        key if tls::is_store_property(key) => return Ok(None),
        "partition.assignment.strategy" => assignors(value)?,
        "partitioner.class" => return partitioner(value).map(|()| None),
        "auto.offset.reset" if value == "none" => "error".to_owned(),
        "isolation.level" => value.to_lowercase(),
        "compression.type" => value.to_lowercase(),
        "ssl.endpoint.identification.algorithm" if value.is_empty() => "none".to_owned(),
        "send.buffer.bytes" | "receive.buffer.bytes" if value == "-1" => "0".to_owned(),
        "metadata.max.age.ms" => value.parse().map_or_else(
            |_| value.to_owned(),
            |millis: u64| millis.clamp(1, REFRESH_MAX_MILLIS).to_string(),
        ),
        "buffer.memory" => return Ok(None),
        "enable.auto.offset.store" | "transactional.id" => {
            return Err(configuration(format!(
                "the Kafka client property `{key}` is not supported yet: leave it out"
            )));
        }
        "sasl.login.callback.handler.class"
        | "sasl.client.callback.handler.class"
        | "sasl.login.class"
        | "ssl.engine.factory.class" => {
            return Err(configuration(format!(
                "the Kafka client property `{key}` names the Java class `{value}`, which can't be loaded: use `PLAIN` \
                 or `SCRAM` with `sasl.jaas.config`, or PEM files"
            )));
        }
        _ => value.to_owned(),
    };
    Ok(Some((renamed.to_owned(), value)))
}

/// Assignors by class name or by name; what has no counterpart here is an error.
fn assignors(value: &str) -> Result<String> {
    let mut names = Vec::new();
    for entry in value.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let name = match entry.rsplit('.').next().unwrap_or(entry) {
            "RangeAssignor" | "range" => "range",
            "RoundRobinAssignor" | "roundrobin" => "roundrobin",
            "CooperativeStickyAssignor" | "cooperative-sticky" => "cooperative-sticky",
            _ => {
                return Err(configuration(format!(
                    "`partition.assignment.strategy` names `{entry}`: use `range`, `roundrobin` or `cooperative-sticky`"
                )));
            }
        };
        names.push(name);
    }
    // The JVM's default list of both kinds: librdkafka doesn't mix them, and `range` is where all members meet.
    let mixed = names.contains(&"cooperative-sticky") && names.len() > 1;
    if mixed {
        names.retain(|name| *name != "cooperative-sticky");
    }
    Ok(names.join(","))
}

fn partitioner(class: &str) -> Result<()> {
    let simple = class.rsplit('.').next().unwrap_or(class);
    match simple {
        "" | "DefaultPartitioner" | "UniformStickyPartitioner" | "BuiltInPartitioner" => Ok(()),
        _ => Err(configuration(format!(
            "`partitioner.class` names the Java class `{class}`, which can't be loaded: use the binding's \
             `producer.partition-key-expression`, or librdkafka's `partitioner`"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(pairs: &[(&str, &str)]) -> Result<Properties> {
        let properties = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        translate(&properties)
    }

    #[test]
    fn names_that_differ_are_renamed() {
        let got = translated(&[
            ("fetch.max.wait.ms", "5"),
            ("max.request.size", "2000000"),
            ("delivery.timeout.ms", "1000"),
            ("linger.ms", "7"),
        ])
        .unwrap();
        assert_eq!(got["fetch.wait.max.ms"], "5");
        assert_eq!(got["message.max.bytes"], "2000000");
        assert_eq!(got["message.timeout.ms"], "1000");
        assert_eq!(got["linger.ms"], "7");
    }

    #[test]
    fn the_age_of_metadata_says_how_soon_new_partitions_are_noticed() {
        for (given, expected) in [
            ("10000", "10000"),
            ("0", "1"),
            ("86400000", "3600000"),
            ("x", "x"),
        ] {
            let got = translated(&[("metadata.max.age.ms", given)]).unwrap();
            assert_eq!(got["topic.metadata.refresh.interval.ms"], expected);
            assert_eq!(got.len(), 1);
        }
    }

    #[test]
    fn what_means_nothing_here_is_left_out() {
        let got = translated(&[
            (
                "value.deserializer",
                "org.apache.kafka.common.serialization.StringDeserializer",
            ),
            ("max.poll.records", "10"),
            ("schema.registry.url", "http://x"),
            (
                "partitioner.class",
                "org.apache.kafka.clients.producer.internals.DefaultPartitioner",
            ),
        ])
        .unwrap();
        assert!(got.is_empty(), "{got:?}");
    }

    #[test]
    fn the_jvms_default_assignors_meet_on_range() {
        let list = "org.apache.kafka.clients.consumer.RangeAssignor,\
                    org.apache.kafka.clients.consumer.CooperativeStickyAssignor";
        let got = translated(&[("partition.assignment.strategy", list)]).unwrap();
        assert_eq!(got["partition.assignment.strategy"], "range");
        let alone = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor";
        let got = translated(&[("partition.assignment.strategy", alone)]).unwrap();
        assert_eq!(got["partition.assignment.strategy"], "cooperative-sticky");
    }

    #[test]
    fn classes_that_cannot_be_loaded_are_errors() {
        for (key, value) in [
            ("partitioner.class", "com.example.Mine"),
            (
                "partition.assignment.strategy",
                "org.apache.kafka.clients.consumer.StickyAssignor",
            ),
            (
                "sasl.login.callback.handler.class",
                "software.amazon.msk.auth.iam.IAMClientCallbackHandler",
            ),
            ("transactional.id", "t"),
        ] {
            let error = translated(&[(key, value)]).unwrap_err();
            assert!(error.message().contains(key), "{error}");
        }
    }
}
