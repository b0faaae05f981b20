//! What the tests share: the broker's addresses, specs, names that are used once, and the management API.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bindery_core::{
    Binder, BinderFactory, BinderSpec, BindingName, Confirm, Consumer, ConsumerSpec, Delivery, Options,
    OutboundRecord, Position, Producer, ProducerSpec, Result, Settlement,
};
use bindery_rabbit::RabbitBinderFactory;
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How long anything may take before the test fails.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "`{name}` isn't set: these tests need a real RabbitMQ; `cargo xtask test` starts one and sets it"
        )
    })
}

pub fn address() -> String {
    variable("RABBITMQ_ADDRESSES")
}

/// A name that no other test and no earlier run uses.
pub fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_micros();
    format!("it.{name}.{now:x}.{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub fn options(value: Value) -> Options {
    match value {
        Value::Object(entries) => Options(entries.into_iter().collect()),
        _ => Options(BTreeMap::new()),
    }
}

pub fn binder_with(name: &str, connection: Value) -> Arc<dyn Binder> {
    RabbitBinderFactory
        .create(&BinderSpec {
            name: name.into(),
            kind: "rabbit".into(),
            options: Options::default(),
            connection: options(connection),
            consumers: 1,
        })
        .unwrap()
}

pub fn binder() -> Arc<dyn Binder> {
    named_binder("rabbit")
}

pub fn named_binder(name: &str) -> Arc<dyn Binder> {
    binder_with(name, json!({ "addresses": [address()] }))
}

pub fn consumer(destination: &str, group: Option<&str>, values: Value) -> ConsumerSpec {
    ConsumerSpec {
        binding: BindingName::new(format!("{destination}-in-0")),
        destination: destination.into(),
        group: group.map(Into::into),
        concurrency: 1,
        partitioned: false,
        instance_count: 1,
        instance_index: 0,
        batch: None,
        max_in_flight: 2048,
        max_attempts: 3,
        options: options(values),
    }
}

pub fn producer(destination: &str, values: Value) -> ProducerSpec {
    ProducerSpec {
        binding: BindingName::new(format!("{destination}-out-0")),
        destination: destination.into(),
        partition_count: None,
        required_groups: Vec::new(),
        max_in_flight: 1024,
        confirm_timeout: Duration::from_secs(20),
        awaited: false,
        options: options(values),
    }
}

pub fn record(payload: impl Into<Bytes>) -> OutboundRecord {
    OutboundRecord {
        payload: Some(payload.into()),
        key: None,
        headers: [("contentType", "text/plain")].into_iter().collect(),
        partition: None,
        routing_key: None,
    }
}

/// Hands a record over, waiting for room, and returns the future of its answer.
pub async fn enqueue(
    producer: &dyn Producer,
    record: OutboundRecord,
) -> impl Future<Output = Result<Position>> + use<> {
    let (mut confirm, answer) = Confirm::channel();
    let mut record = Box::new(record);
    while let Err(full) = producer.send(record, confirm) {
        (record, confirm) = (full.record, full.confirm);
        soon("room in the window", producer.ready()).await;
    }
    answer
}

pub async fn send(producer: &dyn Producer, record: OutboundRecord) -> Result<Position> {
    let answer = enqueue(producer, record).await;
    soon("a confirmation", answer).await
}

/// Awaits something that has to happen soon.
pub async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} didn't come within {DEADLINE:?}"))
}

/// Waits until the condition holds.
pub async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    soon(what, async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

/// Reads exactly `count` deliveries.
pub async fn receive(consumer: &mut Consumer, count: usize) -> Vec<Delivery> {
    let mut deliveries = Vec::new();
    while deliveries.len() < count {
        let what = format!("delivery {} of {count}", deliveries.len() + 1);
        let batch = soon(&what, consumer.deliveries.next())
            .await
            .expect("the stream ended");
        deliveries.extend(batch.deliveries);
    }
    assert_eq!(deliveries.len(), count, "more deliveries than expected");
    deliveries
}

pub fn accept(consumer: &Consumer, delivery: Delivery) -> String {
    let text = text(&delivery);
    consumer.settler.settle(delivery.receipt, Settlement::Accept);
    text
}

pub fn text(delivery: &Delivery) -> String {
    String::from_utf8(delivery.message.bytes().to_vec()).unwrap()
}

/// One call of the management API; `None` when there is no such thing.
pub async fn manage(method: &str, path: &str, body: Option<Value>) -> Option<Value> {
    let base = variable("RABBITMQ_MANAGEMENT");
    let place = base
        .trim_start_matches("http://")
        .trim_end_matches('/')
        .to_owned();
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let request = format!(
        "{method} /api/{path} HTTP/1.1\r\nHost: {place}\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = soon("an answer of the management API", async {
        let mut stream = tokio::net::TcpStream::connect(&place).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    })
    .await;
    let (head, content) = answer.split_once("\r\n\r\n").unwrap();
    let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
    if status == 404 {
        return None;
    }
    assert!((200..300).contains(&status), "{method} {path}: {head}\n{content}");
    let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
    let content = if chunked {
        dechunked(content)
    } else {
        content.to_owned()
    };
    Some(serde_json::from_str(&content).unwrap_or(Value::Null))
}

fn dechunked(mut rest: &str) -> String {
    let mut content = String::new();
    while let Some((size, tail)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        if size == 0 {
            break;
        }
        content.push_str(&tail[..size]);
        rest = &tail[size + 2..];
    }
    content
}

pub async fn queue(name: &str) -> Option<Value> {
    manage("GET", &format!("queues/%2F/{name}"), None).await
}

/// The arguments with which a queue was declared. RabbitMQ 4 tells the type of every queue among them.
pub fn arguments(queue: &Value) -> Value {
    let mut arguments = queue["arguments"].clone();
    if let Some(entries) = arguments.as_object_mut()
        && entries.get("x-queue-type") == Some(&json!("classic"))
    {
        entries.remove("x-queue-type");
    }
    arguments
}

/// Takes one message from a queue for good.
pub async fn get(queue: &str) -> Option<Value> {
    let body = json!({"count": 1, "ackmode": "ack_requeue_false", "encoding": "auto"});
    let messages = manage("POST", &format!("queues/%2F/{queue}/get"), Some(body)).await?;
    messages.as_array()?.first().cloned()
}

/// Publishes a message as a stranger would.
pub async fn publish_raw(exchange: &str, routing_key: &str, properties: Value, payload: &str) {
    let body = json!({
        "properties": properties, "routing_key": routing_key, "payload": payload, "payload_encoding": "string",
    });
    manage("POST", &format!("exchanges/%2F/{exchange}/publish"), Some(body)).await;
}
