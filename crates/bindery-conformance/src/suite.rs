//! What a case works with: a binder, names that nobody else uses, and consumers and producers with deadlines.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bindery_core::{
    Binder, BindingName, Capabilities, Confirm, ConfirmSink, ConsumerSpec, Headers, Options, OutboundRecord,
    Position, Producer, ProducerSpec, Result, Unconfirmed,
};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::member::Member;
use crate::{Case, DeadLetterFixture, Fixture, Outage};

/// One case's surroundings.
#[derive(Debug)]
pub struct Suite {
    fixture: Fixture,
    binder: Arc<dyn Binder>,
    outage: OnceLock<Outage>,
    prefix: String,
    binding: BindingName,
}

impl Suite {
    pub(crate) fn new(fixture: Fixture, case: Case) -> Self {
        let binder = fixture.factory.create(&fixture.binder).unwrap();
        let id = Uuid::new_v4().simple().to_string();
        Self {
            fixture,
            binder,
            outage: OnceLock::new(),
            prefix: format!("conformance.{}.{}", case.area, &id[..12]),
            binding: BindingName::new("conform-in-0"),
        }
    }

    pub(crate) fn fixture(&self) -> &Fixture {
        &self.fixture
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        self.binder.capabilities()
    }

    pub(crate) fn binder(&self) -> &Arc<dyn Binder> {
        &self.binder
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.fixture.deadline
    }

    /// A second binder of the same broker, as another process would have.
    pub(crate) fn another_binder(&self) -> Arc<dyn Binder> {
        self.fixture.factory.create(&self.fixture.binder).unwrap()
    }

    /// The line that this case cuts; it is there from the first call on.
    pub(crate) fn outage(&self) -> &Outage {
        let make = self.fixture.outage.as_ref();
        self.outage
            .get_or_init(|| make.expect("a case that cuts the line needs an outage")())
    }

    /// A binder that reaches its broker over the line that this case cuts.
    pub(crate) fn frail_binder(&self) -> Arc<dyn Binder> {
        self.fixture.factory.create(&self.outage().binder).unwrap()
    }

    pub(crate) fn dead_letter(&self) -> &DeadLetterFixture {
        let fixture = self.fixture.dead_letter.as_ref();
        fixture.expect("a case that uses the dead letter needs it")
    }

    pub(crate) async fn close(&self) {
        self.within("the binder to close", self.binder.close()).await;
    }

    /// A destination of this case alone.
    pub(crate) fn destination(&self, label: &str) -> Arc<str> {
        format!("{}.{label}", self.prefix).into()
    }

    /// The name of a group of this destination alone: members of one group on different destinations make each
    /// other's partitions move.
    pub(crate) fn group(destination: &str, label: &str) -> Arc<str> {
        format!("{label}-{destination}").into()
    }

    /// An input of a named group.
    pub(crate) fn input(&self, destination: &Arc<str>, group: &str) -> ConsumerSpec {
        ConsumerSpec {
            binding: self.binding.clone(),
            destination: destination.clone(),
            group: Some(Self::group(destination, group)),
            concurrency: 1,
            partitioned: false,
            instance_count: 1,
            instance_index: 0,
            batch: None,
            max_in_flight: 2048,
            max_attempts: 3,
            options: Options::default(),
        }
    }

    /// An input of an anonymous group.
    pub(crate) fn anonymous(&self, destination: &Arc<str>) -> ConsumerSpec {
        ConsumerSpec {
            group: None,
            ..self.input(destination, "")
        }
    }

    /// The input of one of `count` instances that share the partitions.
    pub(crate) fn instance(
        &self,
        destination: &Arc<str>,
        group: &str,
        index: u32,
        count: u32,
    ) -> ConsumerSpec {
        ConsumerSpec {
            partitioned: true,
            instance_count: count,
            instance_index: index,
            ..self.input(destination, group)
        }
    }

    /// An output.
    pub(crate) fn output(&self, destination: &Arc<str>) -> ProducerSpec {
        ProducerSpec {
            binding: BindingName::new("conform-out-0"),
            destination: destination.clone(),
            partition_count: None,
            required_groups: Vec::new(),
            max_in_flight: 1000,
            confirm_timeout: self.fixture.deadline,
            awaited: false,
            options: Options::default(),
        }
    }

    /// A partitioned output.
    pub(crate) fn partitioned_output(&self, destination: &Arc<str>, partitions: u32) -> ProducerSpec {
        ProducerSpec {
            partition_count: Some(partitions),
            ..self.output(destination)
        }
    }

    pub(crate) async fn bind(&self, spec: &ConsumerSpec) -> Member {
        self.bind_on(&self.binder, spec).await
    }

    pub(crate) async fn bind_on(&self, binder: &Arc<dyn Binder>, spec: &ConsumerSpec) -> Member {
        let consumer = self
            .within("an input to be bound", binder.bind_consumer(spec))
            .await;
        Member::new(
            consumer.unwrap_or_else(|error| panic!("{error:?}")),
            self.deadline(),
        )
    }

    pub(crate) async fn publisher(&self, destination: &Arc<str>) -> Publisher {
        self.publisher_of(&self.output(destination)).await
    }

    pub(crate) async fn publisher_of(&self, spec: &ProducerSpec) -> Publisher {
        self.publisher_on(&self.binder, spec).await
    }

    pub(crate) async fn publisher_on(&self, binder: &Arc<dyn Binder>, spec: &ProducerSpec) -> Publisher {
        let producer = self
            .within("an output to be bound", binder.bind_producer(spec))
            .await;
        Publisher {
            producer: producer.unwrap_or_else(|error| panic!("{error:?}")),
            deadline: self.deadline(),
        }
    }

    /// Binds an input so that its group exists, and closes it again.
    pub(crate) async fn register(&self, spec: &ConsumerSpec) {
        self.bind(spec).await.close().await;
    }

    /// Awaits `future`, and fails with what was awaited after the deadline.
    pub(crate) async fn within<T>(&self, what: &str, future: impl Future<Output = T>) -> T {
        within(self.deadline(), what, future).await
    }
}

/// Awaits `future`, and fails with what was awaited after the deadline.
pub(crate) async fn within<T>(deadline: Duration, what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(deadline, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {deadline:?} for {what}"),
    }
}

/// Waits until `condition` holds, and fails with what was awaited after the deadline.
pub(crate) async fn eventually(deadline: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let mut looks = tokio::time::interval(Duration::from_millis(10));
    let holds = async {
        while !condition() {
            looks.tick().await;
        }
    };
    within(deadline, what, holds).await;
}

/// A record of text.
pub(crate) fn record(text: impl Into<String>) -> OutboundRecord {
    OutboundRecord {
        payload: Some(text.into().into()),
        key: None,
        headers: Headers::new(),
        partition: None,
        routing_key: None,
    }
}

/// A record of text for a partition.
pub(crate) fn record_to(partition: i32, text: impl Into<String>) -> OutboundRecord {
    let mut record = record(text);
    record.headers.insert(bindery_core::PARTITION, partition);
    record.partition = Some(partition);
    record
}

/// A record of text with a key.
pub(crate) fn keyed(key: &str, text: impl Into<String>) -> OutboundRecord {
    OutboundRecord {
        key: Some(key.to_owned().into()),
        ..record(text)
    }
}

/// Passes the answer on to whoever waits for it.
struct Forward(mpsc::UnboundedSender<Result<Position, Unconfirmed>>);

impl ConfirmSink for Forward {
    fn confirmed(&self, _token: u64, result: Result<Position, Unconfirmed>) {
        // A case that has ended waits for no answer.
        let _ = self.0.send(result);
    }
}

/// A producer with a deadline.
#[derive(Clone, Debug)]
pub(crate) struct Publisher {
    pub(crate) producer: Arc<dyn Producer>,
    pub(crate) deadline: Duration,
}

impl Publisher {
    /// Hands a record over, waiting for room.
    pub(crate) async fn hand_over(&self, record: OutboundRecord, mut confirm: Confirm) {
        let mut record = Box::new(record);
        while let Err(full) = self.producer.send(record, confirm) {
            (record, confirm) = (full.record, full.confirm);
            within(
                self.deadline,
                "room in the producer's window",
                self.producer.ready(),
            )
            .await;
        }
    }

    /// Hands records over, waiting for room, and returns what the broker answered, in the order of the records.
    pub(crate) async fn send(
        &self,
        records: impl IntoIterator<Item = OutboundRecord>,
    ) -> Vec<Result<Position>> {
        let mut answers = Vec::new();
        for record in records {
            let (confirm, answer) = Confirm::channel();
            self.hand_over(record, confirm).await;
            answers.push(answer);
        }
        let mut results = Vec::new();
        for (index, answer) in answers.into_iter().enumerate() {
            let what = format!("the confirmation of record {index}");
            results.push(within(self.deadline, &what, answer).await);
        }
        results
    }

    /// Sends a record that can't be confirmed, and returns what comes back.
    pub(crate) async fn send_in_vain(&self, record: OutboundRecord) -> Unconfirmed {
        let (sender, mut answer) = mpsc::unbounded_channel();
        let confirm = Confirm::new(Arc::new(Forward(sender)), 0);
        self.hand_over(record, confirm).await;
        let answer = within(self.deadline, "an answer to a record", answer.recv()).await;
        match answer.expect("a confirm is completed") {
            Err(unconfirmed) => unconfirmed,
            Ok(position) => panic!("nobody can have confirmed the record, at {position:?}"),
        }
    }

    /// Publishes records; all must be confirmed.
    pub(crate) async fn publish(&self, records: impl IntoIterator<Item = OutboundRecord>) -> Vec<Position> {
        let results = self.send(records).await;
        results
            .into_iter()
            .map(|result| result.unwrap_or_else(|error| panic!("a record was not confirmed: {error:?}")))
            .collect()
    }

    /// Publishes texts, each until it is confirmed: the broker may be away for a while, so one may arrive twice.
    pub(crate) async fn insist<T: Into<String>>(&self, texts: impl IntoIterator<Item = T>) {
        let mut left: Vec<String> = texts.into_iter().map(Into::into).collect();
        let insisting = async {
            while !left.is_empty() {
                let results = self.send(left.iter().map(record)).await;
                let mut kept = Vec::new();
                for (text, result) in left.into_iter().zip(results) {
                    match result {
                        Ok(_) => {}
                        Err(error) if error.is_temporary() => kept.push(text),
                        Err(error) => panic!("`{text}` was refused for good: {error:?}"),
                    }
                }
                left = kept;
                if !left.is_empty() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        };
        within(
            self.deadline * 2,
            "every record to be confirmed at last",
            insisting,
        )
        .await;
    }

    /// Publishes texts; all must be confirmed.
    pub(crate) async fn publish_texts<T: Into<String>>(&self, texts: impl IntoIterator<Item = T>) {
        self.publish(texts.into_iter().map(record)).await;
    }
}
