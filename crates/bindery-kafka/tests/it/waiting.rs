//! Dead letters that their topic doesn't take: the originals stay, health says why, and all goes on with the topic.

use bindery::prelude::*;
use bindery::{Application, BindingHandle, Running, Status, listeners};
use bindery_conformance::{Answers, LogWatch, Relay};
use bindery_core::{BinderSpec, Options, Producer};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;

use crate::support::*;
use crate::wire::{committed, delete_topic, read_one};

#[stream_listener]
async fn refuse(text: String) -> Result<(), HandlerError> {
    match text.strip_prefix("bad") {
        Some(_) => Err(HandlerError::permanent("it is bad")),
        None => Ok(()),
    }
}

/// A service with a dead letter topic, and what publishes to its input.
async fn service(name: &str) -> (String, std::sync::Arc<dyn Producer>, Running) {
    let (topic, producer) = topic(&binder(), name, 1).await;
    let running = Application::new()
        .arguments(Vec::<String>::new())
        .environment(Vec::<(String, String)>::new())
        .config_directory("no-files")
        .property("stream.kafka.binder.brokers", brokers())
        .property("stream.bindings.refuse-in-0.destination", topic.as_str())
        .property("stream.bindings.refuse-in-0.group", group_of(&topic, "g"))
        .property("stream.bindings.refuse-in-0.content-type", "text/plain")
        .property("stream.kafka.bindings.refuse-in-0.consumer.enable-dlq", "true")
        .listeners(listeners![refuse])
        .quiet()
        .start()
        .await
        .unwrap();
    running.wait_ready(DEADLINE).await.unwrap();
    (topic, producer, running)
}

fn admin() -> AdminClient<DefaultClientContext> {
    ClientConfig::new()
        .set("bootstrap.servers", brokers())
        .create()
        .unwrap()
}

async fn limit(topic: &str, bytes: &str) {
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("max.message.bytes", bytes);
    let changed = admin().alter_configs([&change], &AdminOptions::new()).await;
    changed.unwrap().remove(0).unwrap();
}

async fn create(topic: &str) {
    let topic = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
    let created = admin().create_topics([&topic], &AdminOptions::new()).await;
    created.unwrap().remove(0).unwrap();
}

fn reason(input: &BindingHandle) -> String {
    input.health().reason.unwrap_or_default()
}

async fn waits_for(input: &BindingHandle, why: &str) {
    eventually(why, || {
        input.health().status == Status::Degraded && reason(input).contains(why)
    })
    .await;
}

/// Waits until all is settled and well, with one dead letter.
async fn goes_on(topic: &str, running: &Running, parked: &[u8]) {
    eventually("all is up", || running.health().status == Status::Up).await;
    eventually("all is settled", || {
        committed(topic, &group_of(topic, "g"), 0) == Some(2)
    })
    .await;
    assert_eq!(
        read_one(&dead_letters_of(topic), 0).payload.as_deref(),
        Some(parked)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_topic_that_takes_nothing_leaves_the_original_until_it_does() {
    let (topic, producer, running) = service("dlq-small").await;
    let input = running.bindings().named("refuse-in-0").remove(0);
    limit(&dead_letters_of(&topic), "100").await;
    for text in ["bad", "good"] {
        send(&producer, record(text)).await.unwrap();
    }
    waits_for(&input, "1 message waits for the dead letter").await;
    let told = reason(&input);
    assert!(told.contains("message size too large, attempt "), "{told}");
    assert_eq!(committed(&topic, &group_of(&topic, "g"), 0).unwrap_or(0), 0);
    limit(&dead_letters_of(&topic), "1048588").await;
    goes_on(&topic, &running, b"bad").await;
    running.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_dead_letter_topic_leaves_the_original_until_it_is_there_again() {
    let (topic, producer, running) = service("dlq-gone").await;
    let input = running.bindings().named("refuse-in-0").remove(0);
    delete_topic(&dead_letters_of(&topic)).await;
    for text in ["bad", "good"] {
        send(&producer, record(text)).await.unwrap();
    }
    waits_for(&input, "1 message waits for the dead letter").await;
    create(&dead_letters_of(&topic)).await;
    goes_on(&topic, &running, b"bad").await;
    running.shutdown().await.unwrap();
}

#[stream_listener]
async fn forward_logged(text: String) -> Result<String, HandlerError> {
    Ok(text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_one_line_and_its_return_one_more() {
    let (topic, _producer) = topic(&binder(), "logged", 1).await;
    let name = unique("away");
    let watch = LogWatch::begin(&[]);
    let relay = Relay::start(&brokers(), Answers::Kafka);
    let own = format!("stream.binders.{name}");
    let application = Application::new()
        .arguments(Vec::<String>::new())
        .environment(Vec::<(String, String)>::new())
        .config_directory("no-files")
        .property(format!("{own}.type"), "kafka")
        .property(
            format!("{own}.environment.stream.kafka.binder.brokers"),
            relay.address(),
        )
        .property("stream.bindings.forward_logged-in-0.destination", topic.as_str())
        .property("stream.bindings.forward_logged-in-0.group", group_of(&topic, "g"))
        .property(
            "stream.bindings.forward_logged-out-0.destination",
            format!("{topic}-out"),
        )
        .listeners(listeners![forward_logged])
        .quiet();
    let outage = relay.outage(BinderSpec {
        name: name.as_str().into(),
        kind: "kafka".into(),
        options: Options::default(),
        connection: Options::default(),
        consumers: 1,
    });
    let running = application.start().await.unwrap();
    running.wait_ready(DEADLINE).await.unwrap();
    eventually("all is up", || running.health().status == Status::Up).await;
    (outage.cut)();
    eventually("several attempts", || {
        let binders = running.health().binders.into_iter();
        let mut reasons = binders.filter_map(|binder| binder.health.reason);
        reasons.any(|reason| {
            let attempt = reason.rsplit_once(", attempt ").map(|(_, number)| number.parse());
            matches!(attempt, Some(Ok(4..=u32::MAX)))
        })
    })
    .await;
    assert!(!running.health().is_ready());
    (outage.restore)();
    eventually("all is up again", || running.health().status == Status::Up).await;
    let lines = watch.lines(&name);
    let is = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    assert_eq!(
        (is("WARN"), is("connected to Kafka again after"), lines.len()),
        (1, 1, 3),
        "{lines:#?}"
    );
    let of_the_library = watch.lines(" librdkafka: ");
    assert!(of_the_library.is_empty(), "{of_the_library:#?}");
    running.shutdown().await.unwrap();
}
