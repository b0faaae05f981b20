//! Configurations that resolve, and the model they give.

use std::sync::Arc;
use std::time::Duration;

use bindery_core::{BinderFactory, BindingName, ListenerDefinition};
use bindery_runtime::config::{
    ConfigLoader, Model, OnExhausted, Ordering, RetryStrategy, ShowDetails, report, resolve,
};

use crate::golden::load;
use crate::{factories, listeners};

fn model_of(text: &str, listeners: &[ListenerDefinition], factories: &[Arc<dyn BinderFactory>]) -> Model {
    let properties = load("application.yaml", text).unwrap();
    resolve(properties, listeners, factories).unwrap_or_else(|problems| panic!("{problems}"))
}

fn shop(text: &str) -> Model {
    model_of(text, &listeners::shop(), &factories::all())
}

fn warnings(model: &Model) -> String {
    let lines: Vec<String> = model.warnings.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

const SPRING: &str = "
spring.cloud.stream:
  default.group: inventory
  default-binder: kafka
  bindings:
    reserve_stock-in-0:  { destination: orders, consumer: { max-attempts: 4, ordering: key, concurrency: 4 } }
    reserve_stock-out-0: { destination: reservations, producer: { partition-key-expression: payload.order_id, partition-count: 6 } }
    release_stock-in-0:  { destination: payments-declined }
    charge-in-0: { binder: rabbit, destination: reservations, group: payment, consumer: { retry: { strategy: fixed, delay: 500ms } } }
  rabbit.bindings.charge-in-0.consumer.auto-bind-dlq: true
  kafka.default.consumer.enable-dlq: true
";

#[test]
fn the_table_shows_every_binding() {
    let model = shop(SPRING);
    insta::assert_snapshot!(format!(
        "{}\n\n{}",
        report::banner(&model),
        report::table(&model, &factories::all())
    ));
    assert_eq!(warnings(&model), "");
}

#[test]
fn the_table_cuts_names_that_are_too_long_to_read() {
    let group = "größer".repeat(20_000);
    let model = shop(&SPRING.replace("group: inventory", &format!("group: {group}")));
    let table = report::table(&model, &factories::all());
    assert!(table.contains(&format!("{}…", group.chars().take(100).collect::<String>())));
    assert!(table.lines().all(|line| line.chars().count() < 1_000));
}

#[test]
fn both_roots_are_one_tree() {
    let ours = SPRING.replace("spring.cloud.stream:", "stream:");
    let table = |model: &Model| report::table(model, &factories::all());
    assert_eq!(table(&shop(SPRING)), table(&shop(&ours)));
}

#[test]
fn the_short_root_with_placeholders_resolves() {
    let model = model_of(
        r#"
stream:
  bindings:
    reserve_stock-in-0:  { destination: orders, group: inventory, consumer: { max-attempts: 4, concurrency: 3 } }
    reserve_stock-out-0: { destination: reservations, producer: { partition-key-expression: payload.order_id, partition-count: 6 } }
  kafka: { binder: { brokers: "${KAFKA_BROKERS:localhost:9092}" }, bindings: { reserve_stock-in-0: { consumer: { enable-dlq: true } } } }
"#,
        &[listeners::function("reserve_stock")],
        &factories::all(),
    );
    let binder = &model.binders[0];
    assert_eq!((&*binder.name, &*binder.kind), ("kafka", "kafka"));
    assert_eq!(
        binder.options.get("brokers"),
        Some(&serde_json::json!(["localhost:9092"]))
    );
    let input = &model.inputs[0];
    let consumer = &input.consumers[0];
    assert_eq!((consumer.concurrency, consumer.max_attempts), (3, 4));
    assert_eq!(consumer.options.get("enable-dlq"), Some(&true.into()));
    assert_eq!(model.outputs[0].producer.partition_count, Some(6));
    assert_eq!(
        model.outputs[0].partition_key.as_ref().unwrap().as_str(),
        "payload.order_id"
    );
}

/// The worked example of a Kafka function with a dead letter.
#[test]
fn a_kafka_function_with_a_dead_letter_resolves() {
    let model = model_of(
        r#"
spring:
  cloud:
    function:
      definition: uppercase
    stream:
      kafka:
        binder: { brokers: "localhost:9092" }
        bindings:
          uppercase-in-0: { consumer: { enable-dlq: true } }
      bindings:
        uppercase-in-0: { destination: in, group: g1, consumer: { max-attempts: 2, back-off-initial-interval: 100, concurrency: 2 } }
        uppercase-out-0: { destination: out, producer: { partition-key-expression: "headers['k']", partition-count: 4 } }
"#,
        &[listeners::function("uppercase"), listeners::consumer("other")],
        &factories::all(),
    );
    insta::assert_snapshot!(report::table(&model, &factories::all()));
}

/// The worked example of RabbitMQ with partitions and a dead letter; nothing else names the broker.
#[test]
fn a_partitioned_rabbit_input_resolves() {
    let model = model_of(
        "
spring.cloud.stream:
  bindings:
    sink-in-0: { destination: ord, group: g, consumer: { partitioned: true, instance-index: 1, instance-count: 2, max-attempts: 1 } }
  rabbit.bindings.sink-in-0.consumer: { auto-bind-dlq: true, republish-to-dlq: false, prefix: p. }
",
        &[listeners::consumer("sink")],
        &factories::brokers(),
    );
    let input = &model.inputs[0];
    let consumer = &input.consumers[0];
    assert_eq!(&*input.binder, "rabbit");
    assert_eq!((consumer.instance_index, consumer.instance_count), (1, 2));
    assert_eq!(consumer.options.text("prefix"), Some("p."));
    assert!(!consumer.options.flag("republish-to-dlq", true));
}

#[test]
fn without_any_broker_the_bindings_are_in_memory_and_that_is_said() {
    let model = shop("stream.kafka.bindings.reserve_stock-in-0.consumer.enable-dlq: true");
    assert!(model.inputs.iter().all(|input| &*input.binder == "memory"));
    let expected = "application.yaml:1:1   stream.kafka: has no effect: no broker is configured, so the bindings are \
                    on `memory`; `stream.default-binder` says where they are meant to be";
    assert_eq!(warnings(&model), expected);
    let named =
        shop("stream: { default-binder: memory, kafka.bindings.charge-in-0.consumer.enable-dlq: true }");
    assert_eq!(warnings(&named), "");
}

#[test]
fn defaults_are_springs_where_spring_has_them() {
    let model = shop("{}");
    let input = model.input(&BindingName::new("reserveStock-in-0")).unwrap();
    let consumer = &input.consumers[0];
    assert_eq!(&*consumer.destination, "reserve_stock-in-0");
    assert_eq!(consumer.group, None);
    assert_eq!(
        (
            consumer.concurrency,
            consumer.max_attempts,
            consumer.max_in_flight
        ),
        (1, 3, 2_048)
    );
    assert_eq!(&*input.content_type, "application/json");
    assert_eq!(input.on_exhausted, OnExhausted::Hold);
    assert!(matches!(input.ordering, Ordering::Partition));
    assert_eq!(model.binding_retry_interval, Some(Duration::from_secs(30)));
    assert_eq!(model.shutdown_timeout, Duration::from_secs(20));
    assert_eq!(model.management.port, None);
    assert!(model.management.address.is_loopback());
    let poller = model.outputs[0].poller;
    assert_eq!(
        (poller.fixed_delay.as_millis(), poller.max_messages_per_poll),
        (1_000, 1)
    );
    assert_eq!(
        model.input(&BindingName::new("audit-in-0")).unwrap().consumers[0].batch,
        Some(500)
    );
}

#[test]
fn settings_of_a_binding_go_over_defaults_and_maps_are_merged() {
    let model = shop(
        "
stream:
  default-binder: kafka
  default: { group: all, content-type: text/plain, consumer: { concurrency: 2, max-attempts: 7 } }
  bindings:
    charge-in-0: { group: payment, consumer: { maxAttempts: 1 } }
  kafka:
    default.consumer: { enable-dlq: true, configuration: { max.poll.records: 10, fetch.min.bytes: 1 } }
    bindings:
      charge-in-0.consumer.configuration: { fetch.min.bytes: 5, sasl.jaas.config: x }
",
    );
    let of = |name: &str| model.input(&BindingName::new(name)).unwrap().clone();
    let (charge, release) = (of("charge-in-0"), of("release_stock-in-0"));
    assert_eq!(charge.consumers[0].group.as_deref(), Some("payment"));
    assert_eq!(release.consumers[0].group.as_deref(), Some("all"));
    assert_eq!((charge.retry.max_attempts, release.retry.max_attempts), (1, 7));
    assert_eq!(charge.consumers[0].concurrency, 2);
    assert_eq!(&*charge.content_type, "text/plain");
    let configuration = charge.consumers[0].options.text_map("configuration");
    let pairs: Vec<_> = configuration
        .iter()
        .map(|(key, value)| (&**key, &**value))
        .collect();
    assert_eq!(
        pairs,
        [
            ("fetch.min.bytes", "5"),
            ("max.poll.records", "10"),
            ("sasl.jaas.config", "x")
        ]
    );
    assert!(charge.consumers[0].options.flag("enable-dlq", false));
}

#[test]
fn keys_of_maps_are_kept_as_they_are_given() {
    for yaml in [
        "stream.kafka.binder.configuration: { security.protocol: SSL, x_y-Z: 010 }",
        "stream.kafka.binder.configuration: { security: { protocol: SSL }, x_y-Z: '010' }",
        "stream.kafka.binder.configuration[security.protocol]: SSL\nstream.kafka.binder.configuration.x_y-Z: 010",
    ] {
        let model = shop(yaml);
        let map = model.binders[0].options.text_map("configuration");
        let pairs: Vec<_> = map.iter().map(|(key, value)| (&**key, &**value)).collect();
        assert_eq!(pairs, [("security.protocol", "SSL"), ("x_y-Z", "010")], "{yaml}");
    }
}

#[test]
fn lists_have_three_forms() {
    for yaml in [
        "stream.bindings.charge-out-0.producer.required-groups: [a, b]",
        "stream.bindings.charge-out-0.producer.requiredGroups: a, b",
        "stream.bindings.charge-out-0.producer:\n  required-groups[1]: b\n  required-groups[0]: a",
    ] {
        let model = shop(yaml);
        let output = model.output(&BindingName::new("charge-out-0")).unwrap();
        let groups: Vec<&str> = output
            .producer
            .required_groups
            .iter()
            .map(|group| &**group)
            .collect();
        assert_eq!(groups, ["a", "b"], "{yaml}");
    }
}

#[test]
fn binders_have_environments_of_their_own() {
    let model = shop(
        "
spring.rabbitmq: { username: shared, virtual-host: main }
stream:
  default-binder: first
  rabbit.binder.connection-name-prefix: main
  binders:
    first:
      type: rabbit
      environment: { spring: { rabbitmq: { addresses: 'one:5672', virtual-host: first } } }
    second:
      type: rabbit
      inherit-environment: false
      environment:
        spring.rabbitmq.addresses: two:5672
        spring.cloud.stream.rabbit.binder.connection-name-prefix: second
        logging.level.root: debug
    unused: { type: jms }
  bindings.charge-in-0.binder: second
",
    );
    let of = |name: &str| model.binders.iter().find(|binder| &*binder.name == name).unwrap();
    let (first, second) = (of("first"), of("second"));
    assert_eq!(first.connection.text("username"), Some("shared"));
    assert_eq!(first.connection.text("virtual-host"), Some("first"));
    assert_eq!(
        first.connection.get("addresses"),
        Some(&serde_json::json!(["one:5672"]))
    );
    assert_eq!(first.options.text("connection-name-prefix"), Some("main"));
    assert_eq!(second.connection.get("username"), None);
    assert_eq!(second.options.text("connection-name-prefix"), Some("second"));
    assert_eq!(model.binders.len(), 2);
    assert_eq!((first.consumers, second.consumers), (model.inputs.len() - 1, 1));
}

#[test]
fn a_comma_list_of_destinations_gives_a_consumer_each() {
    let model = shop("stream.bindings.charge-in-0: { destination: 'orders,returns', group: g }");
    let input = model.input(&BindingName::new("charge-in-0")).unwrap();
    let destinations: Vec<&str> = input
        .consumers
        .iter()
        .map(|consumer| &*consumer.destination)
        .collect();
    assert_eq!(destinations, ["orders", "returns"]);
    let consumers: usize = model.inputs.iter().map(|input| input.consumers.len()).sum();
    assert_eq!(model.binders[0].consumers, consumers);
    assert!(consumers > model.inputs.len());
}

#[test]
fn retry_keys_give_the_policy() {
    let model = shop(
        "
stream.bindings:
  reserve_stock-in-0.consumer: { max-attempts: 5, back-off-initial-interval: 100, back-off-multiplier: 1.5, retry.jitter: 0.2, retry.deadline: 1m }
  charge-in-0.consumer.retry: { strategy: intervals, intervals: [1s, 4s, PT16S] }
  release_stock-in-0.consumer.retry: { strategy: random, max: 3s }
",
    );
    let of = |name: &str| model.input(&BindingName::new(name)).unwrap().retry.clone();
    let exponential = of("reserve_stock-in-0");
    assert_eq!(exponential.max_attempts, 5);
    assert_eq!(exponential.deadline, Some(Duration::from_secs(60)));
    assert_eq!(
        exponential.strategy,
        RetryStrategy::Exponential {
            initial: Duration::from_millis(100),
            multiplier: 1.5,
            max: Duration::from_secs(10)
        }
    );
    let intervals = of("charge-in-0");
    assert_eq!(intervals.max_attempts, 4);
    let seconds = [1, 4, 16].map(Duration::from_secs);
    assert_eq!(intervals.strategy, RetryStrategy::Intervals(seconds.to_vec()));
    assert_eq!(
        of("release_stock-in-0").strategy,
        RetryStrategy::Random {
            max: Duration::from_secs(3)
        }
    );
}

#[test]
fn a_definition_binds_only_the_functions_it_names() {
    let model = shop(
        "
spring.cloud.function.definition: charge
stream.bindings:
  charge-in-0.destination: reservations
  reserve_stock-in-0: { destination: orders, group: idle }
",
    );
    let names: Vec<&str> = model.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(names, ["charge-in-0"]);
    let names: Vec<&str> = model.outputs.iter().map(|output| output.name.as_str()).collect();
    assert_eq!(names, ["charge-out-0"]);
}

#[test]
fn bindings_can_be_renamed_and_named_explicitly() {
    let listeners = [
        listeners::function("charge"),
        listeners::consumer("audit").with_input("everything"),
        listeners::function("refund").with_outputs(&["payments"]),
        listeners::function("pay").with_outputs(&["payments"]),
    ];
    let model = model_of(
        "
stream:
  function.bindings: { charge-in-0: reserved }
  bindings:
    reserved: { destination: reservations, group: payment }
    everything: { group: audit }
    payments.destination: money
",
        &listeners,
        &factories::all(),
    );
    let inputs: Vec<&str> = model.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(inputs, ["reserved", "everything", "refund-in-0", "pay-in-0"]);
    let payments = model.output(&BindingName::new("payments")).unwrap();
    assert_eq!(
        (&*payments.producer.destination, &payments.listeners[..]),
        ("money", &[(2, 0), (3, 0)][..])
    );
}

#[test]
fn a_destination_that_no_yaml_names_gets_the_defaults() {
    let model = shop(
        "
stream:
  default-binder: kafka
  default: { content-type: text/plain, producer: { confirm-timeout: 5s } }
  kafka.bindings.parcels.producer.message-key-expression: payload.id
",
    );
    let output = model.dynamic_output("parcels").unwrap();
    assert_eq!(
        (&*output.producer.destination, &*output.binder),
        ("parcels", "kafka")
    );
    assert_eq!(&*output.content_type, "text/plain");
    assert_eq!(output.producer.confirm_timeout, Duration::from_secs(5));
    assert_eq!(output.key.as_ref().unwrap().as_str(), "payload.id");
    assert!(output.lazy);
    assert!(model.dynamic_output(" ").is_err());
}

#[test]
fn management_is_read_as_boot_spells_it() {
    let model = shop(
        "
management:
  server: { port: 8081, address: 0.0.0.0 }
  endpoints.web.exposure.include: health,bindings
  endpoint.health.show-details: always
  metrics.tags.application: shop
",
    );
    let management = &model.management;
    assert_eq!(
        (management.port, management.address.to_string()),
        (Some(8081), "0.0.0.0".to_owned())
    );
    assert!(management.exposes("bindings") && !management.exposes("prometheus"));
    assert_eq!(management.show_details, ShowDetails::Always);
    assert_eq!(
        warnings(&model),
        "application.yaml:6:3   management.metrics.tags.application: not supported yet: it has no effect"
    );
}

#[test]
fn what_is_known_and_not_honoured_is_said_with_its_line() {
    let model = shop(
        "
stream:
  default-binder: kafka
  dynamic-destination-cache-size: 5
  source: legacy
  bindings:
    charge-in-0: { error-handler-definition: handle, consumer: { use-native-decoding: true, retry-template-name: x } }
    charge-out-0: { group: payment, consumer.concurrency: 2 }
    charges-out-0: { destination: payments }
  default.destination: all
  kafka.bindings.charge-out-0.producer: { compression: zstd }
  pulsar.client.service-url: pulsar://localhost
spring.datasource.url: jdbc:none
spring.config.import: optional:file:more.yaml
logging.level: { root: info, root.sub: debug }
server.port: 8080
",
    );
    insta::assert_snapshot!(warnings(&model));
}

#[test]
fn anchors_aliases_and_merge_keys_work() {
    let model = shop(
        "
stream.bindings:
  charge-in-0: &shared { group: shared, consumer: { concurrency: 3 } }
  release_stock-in-0: { <<: *shared, destination: declined }
  reserve_stock-in-0: *shared
",
    );
    for name in ["charge-in-0", "release_stock-in-0", "reserve_stock-in-0"] {
        let consumer = &model.input(&BindingName::new(name)).unwrap().consumers[0];
        assert_eq!(
            (consumer.group.as_deref(), consumer.concurrency),
            (Some("shared"), 3),
            "{name}"
        );
    }
}

#[test]
fn neither_debug_nor_errors_show_a_secret() {
    let loader = ConfigLoader::new()
        .directory("/nonexistent")
        .environment([("SPRING_RABBITMQ_PASSWORD".to_owned(), "s3cr3t-canary".to_owned())])
        .yaml(
            "application.yaml",
            "spring.rabbitmq.host: rabbit\nspring.kafka.ssl.key-password: s3cr3t-canary",
        );
    let properties = loader.clone().load().unwrap();
    let text = format!("{loader:?} {properties:?}");
    let model = resolve(
        loader.property("stream.default-binder", "rabbit").load().unwrap(),
        &listeners::shop(),
        &factories::all(),
    )
    .unwrap();
    assert_eq!(
        model.binders[0].connection.text("password"),
        Some("s3cr3t-canary")
    );
    let text = format!(
        "{text} {model:?} {:?} {:?} {}",
        model.binders,
        model.inputs,
        report::table(&model, &factories::all())
    );
    assert!(!text.contains("canary"), "{text}");
}
