//! The layers of client properties.

use serde_json::{Value, json};

use super::*;

fn options(value: Value) -> Options {
    let Value::Object(entries) = value else {
        panic!("options are a map")
    };
    Options(entries.into_iter().collect())
}

fn connection(binder: Value, boot: Value) -> Result<Connection> {
    connection_of(1, binder, boot)
}

fn connection_of(consumers: usize, binder: Value, boot: Value) -> Result<Connection> {
    Connection::new(&BinderSpec {
        name: "kafka".into(),
        kind: "kafka".into(),
        options: options(binder),
        connection: options(boot),
        consumers,
    })
}

fn consumer_options(configuration: &[(&str, &str)], start: Option<StartOffset>) -> ConsumerOptions {
    ConsumerOptions {
        auto_rebalance: true,
        start_offset: start,
        reset_offsets: false,
        commit_interval: std::time::Duration::from_millis(10),
        dead_letter: None,
        configuration: configuration
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        topic: Default::default(),
    }
}

fn producer_options(configuration: &[(&str, &str)]) -> ProducerOptions {
    ProducerOptions {
        buffer_size: None,
        compression: None,
        batch_timeout_ms: None,
        header_patterns: Vec::new(),
        header_mode_none: false,
        use_topic_header: false,
        close_timeout_s: None,
        configuration: configuration
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        topic: Default::default(),
    }
}

#[test]
fn brokers_come_from_the_binder_then_from_boot_and_have_a_port() {
    for (binder, boot, expected) in [
        (json!({}), json!({}), "localhost:9092"),
        (
            json!({"brokers": ["a", "b:1"]}),
            json!({"bootstrap-servers": ["c:2"]}),
            "a:9092,b:1",
        ),
        (
            json!({"default-broker-port": "99"}),
            json!({"bootstrap-servers": "c, d:2"}),
            "c:99,d:2",
        ),
        (
            json!({"brokers": ["[::1]", "[::1]:7"]}),
            json!({}),
            "[::1]:9092,[::1]:7",
        ),
    ] {
        assert_eq!(connection(binder, boot).unwrap().brokers(), expected);
    }
}

#[test]
fn a_consumers_layers_are_in_order() {
    let connection = connection(
        json!({
            "configuration": {"fetch.min.bytes": "2", "session.timeout.ms": "7000", "group.id": "no", "check.crcs": "true"},
            "consumer-properties": {"session.timeout.ms": "8000"},
        }),
        json!({"properties": {"fetch.min.bytes": "1", "client.rack": "r1"}, "consumer.group-id": "no"}),
    )
    .unwrap();
    let options = consumer_options(&[("check.crcs", "false")], None);
    let config = connection.consumer(Some("g"), "g", &options).unwrap();
    for (key, value) in [
        ("client.rack", "r1"),
        ("fetch.min.bytes", "2"),
        ("session.timeout.ms", "8000"),
        ("check.crcs", "false"),
        ("group.id", "g"),
        ("auto.offset.reset", "earliest"),
        ("enable.auto.commit", "false"),
        ("enable.auto.offset.store", "false"),
        ("partition.assignment.strategy", "range"),
    ] {
        assert_eq!(config.get(key), Some(value), "{key}");
    }
}

#[test]
fn the_start_offset_decides_over_the_client_property_and_that_over_the_kind_of_group() {
    let connection = connection(json!({}), json!({})).unwrap();
    let reset = |options: &ConsumerOptions, group: Option<&str>| {
        let config = connection.consumer(group, "id", options).unwrap();
        config.get("auto.offset.reset").unwrap().to_owned()
    };
    assert_eq!(reset(&consumer_options(&[], None), Some("g")), "earliest");
    assert_eq!(reset(&consumer_options(&[], None), None), "latest");
    let none = [("auto.offset.reset", "none")];
    assert_eq!(reset(&consumer_options(&none, None), Some("g")), "error");
    assert_eq!(
        reset(&consumer_options(&none, Some(StartOffset::Latest)), Some("g")),
        "latest"
    );
}

#[test]
fn a_producers_own_properties_fill_what_the_layers_leave_open() {
    let connection = connection(
        json!({"producer-properties": {"linger.ms": "9"}, "required-acks": "1"}),
        json!({}),
    )
    .unwrap();
    let mut options = producer_options(&[]);
    options.batch_timeout_ms = Some(3);
    options.buffer_size = Some(1000);
    options.compression = Some("lz4".to_owned());
    let config = connection
        .producer(&options, Duration::from_secs(30), true)
        .unwrap();
    for (key, value) in [
        ("linger.ms", "9"),
        ("acks", "1"),
        ("enable.idempotence", "false"),
        ("batch.size", "1000"),
        ("compression.type", "lz4"),
        ("message.timeout.ms", "30000"),
        ("partitioner", "murmur2_random"),
    ] {
        assert_eq!(config.get(key), Some(value), "{key}");
    }
}

#[test]
fn an_unknown_client_property_is_named_before_anything_is_connected() {
    let error = connection(json!({"configuration": {"fetch.mim.bytes": "1"}}), json!({})).unwrap_err();
    assert!(error.message().contains("fetch.mim.bytes"), "{error}");
}

#[test]
fn a_client_property_with_a_nul_is_named_without_its_value() {
    for (binder, named) in [
        (
            json!({"configuration": {"sasl.password": "hun\0ter2"}}),
            "`sasl.password`",
        ),
        (json!({"configuration": {"client\0.id": "x"}}), "`client\\0.id`"),
        (json!({"brokers": ["a\0"]}), "`bootstrap.servers`"),
    ] {
        let error = connection(binder, json!({})).unwrap_err();
        assert!(error.message().contains(named), "{error}");
        assert!(!error.report().contains("ter2"), "{error}");
    }
}

#[test]
fn secrets_are_in_no_error_and_in_no_debug_text() {
    let binder = json!({"configuration": {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required username=\"u\" password=\"hunter2\";",
    }});
    let connection = connection(binder, json!({})).unwrap();
    let config = connection.questions().unwrap();
    assert_eq!(config.get("sasl.password"), Some("hunter2"));
    assert!(!format!("{connection:?}").contains("hunter2"));
}

#[test]
fn a_producer_does_not_linger_where_its_callers_wait() {
    let connection = connection(json!({}), json!({})).unwrap();
    let linger = |timeout: Option<i64>, awaited: bool| {
        let mut options = producer_options(&[]);
        options.batch_timeout_ms = timeout;
        let config = connection.producer(&options, Duration::from_secs(30), awaited);
        config.unwrap().get("linger.ms").map(str::to_owned)
    };
    let said = [linger(None, false), linger(None, true), linger(Some(3), true)];
    assert_eq!(said.map(Option::unwrap), ["5", "0", "3"]);
}

#[test]
fn consumers_share_what_is_fetched_ahead_unless_configuration_says_how_much() {
    let fetched = |consumers, binder, own: &[_]| {
        let connection = connection_of(consumers, binder, json!({})).unwrap();
        let config = connection.consumer(Some("g"), "g", &consumer_options(own, None));
        let text = config
            .unwrap()
            .get("queued.max.messages.kbytes")
            .map(str::to_owned);
        text.unwrap()
    };
    let shares = [
        (1, "16384"),
        (2, "16384"),
        (10, "3276"),
        (32, "1024"),
        (50, "1024"),
    ];
    for (consumers, share) in shares {
        assert_eq!(fetched(consumers, json!({}), &[]), share, "{consumers} consumers");
    }
    let all = json!({"consumer-properties": {"queued.max.messages.kbytes": "2000"}});
    assert_eq!(fetched(50, all.clone(), &[]), "2000");
    assert_eq!(
        fetched(50, all, &[("queued.max.messages.kbytes", "3000")]),
        "3000"
    );
}
