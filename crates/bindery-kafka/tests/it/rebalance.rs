//! Rebalances: what is finished isn't done again, committed offsets never go back, a partition has one owner.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use bindery_core::{Binder, Consumer, ConsumerSpec, DeliveryBatch, Producer, Settlement, Source, Status};
use futures_util::StreamExt;
use rdkafka::ClientConfig;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::topic_partition_list::Offset;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::support::*;

const PARTITIONS: i32 = 4;
/// How many messages of one member are worked on at once.
const IN_FLIGHT: usize = 100;

/// How a group shares its partitions out.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Eager,
    Cooperative,
    Static,
}

impl Way {
    /// An input of the group's member `member`.
    fn spec(self, topic: &str, member: u32) -> ConsumerSpec {
        let mut configuration = json!({"session.timeout.ms": "6000", "heartbeat.interval.ms": "500"});
        match self {
            Self::Eager => {}
            Self::Cooperative => configuration["partition.assignment.strategy"] = json!("cooperative-sticky"),
            Self::Static => configuration["group.instance.id"] = json!(format!("member-{member}")),
        }
        consumer(topic, Some("g"), json!({"configuration": configuration}))
    }
}

/// What all members wrote down.
#[derive(Default)]
struct Book {
    /// How often each message was finished.
    finished: Mutex<BTreeMap<String, u32>>,
    /// Who works on each partition, and on how many of its messages.
    owners: Mutex<BTreeMap<i32, (u32, u32)>>,
    clashes: Mutex<Vec<String>>,
}

impl Book {
    fn begin(&self, partition: i32, member: u32) {
        let mut owners = self.owners.lock().unwrap();
        let (owner, count) = owners.entry(partition).or_insert((member, 0));
        if *owner != member && *count > 0 {
            let clash = format!("{member} began with {partition} while {owner} had {count} of it");
            self.clashes.lock().unwrap().push(clash);
        }
        *count = if *owner == member { *count + 1 } else { 1 };
        *owner = member;
    }

    fn end(&self, partition: i32, member: u32, message: String) {
        *self.finished.lock().unwrap().entry(message).or_default() += 1;
        if let Some((owner, count)) = self.owners.lock().unwrap().get_mut(&partition)
            && *owner == member
        {
            *count -= 1;
        }
    }

    fn count(&self) -> usize {
        self.finished.lock().unwrap().len()
    }
}

/// A member that works on 100 messages at once, each of which takes a while.
struct Member {
    stop: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Member {
    async fn join(binder: &Arc<dyn Binder>, spec: &ConsumerSpec, number: u32, book: &Arc<Book>) -> Self {
        let consumer = binder.bind_consumer(spec).await.unwrap();
        let stop = CancellationToken::new();
        let task = tokio::spawn(work(consumer, number, book.clone(), stop.clone()));
        Self { stop, task }
    }

    async fn leave(self) {
        self.stop.cancel();
        within(self.task).await.unwrap();
    }
}

async fn work(consumer: Consumer, number: u32, book: Arc<Book>, stop: CancellationToken) {
    let Consumer {
        mut deliveries,
        settler,
        control,
        ..
    } = consumer;
    let slots = Arc::new(Semaphore::new(IN_FLIGHT));
    let tasks = TaskTracker::new();
    let mut stopping = false;
    loop {
        let batch: Option<DeliveryBatch> = tokio::select! {
            batch = deliveries.next() => batch,
            () = stop.cancelled(), if !stopping => {
                stopping = true;
                control.stop();
                continue;
            }
        };
        let Some(batch) = batch else { break };
        for delivery in batch.deliveries {
            let slot = slots.clone().acquire_owned().await.unwrap();
            if stopping || stop.is_cancelled() || batch.source.revoked.is_cancelled() {
                settler.settle(delivery.receipt, Settlement::Release);
                continue;
            }
            let partition = delivery.message.origin.partition.unwrap();
            book.begin(partition, number);
            let (book, settler) = (book.clone(), settler.clone());
            tasks.spawn(async move {
                let message = payload(&delivery);
                // Work takes between 5 and 45 ms, so that it doesn't end in the order in which it began.
                let millis = 5 + delivery.receipt.position * 7919 % 41;
                tokio::time::sleep(Duration::from_millis(millis)).await;
                book.end(partition, number, message);
                settler.settle(delivery.receipt, Settlement::Accept);
                drop(slot);
            });
        }
    }
    tasks.close();
    tasks.wait().await;
    within(control.close()).await;
}

/// A client that reads the committed offsets of the group.
fn observer(topic: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", brokers())
        .set("group.id", group_of(topic, "g"))
        .set("enable.auto.commit", "false")
        .create()
        .unwrap()
}

/// The committed offset of each partition that has one; none when nobody answers in time.
fn committed(observer: &BaseConsumer, topic: &str) -> BTreeMap<i32, i64> {
    let mut list = TopicPartitionList::new();
    list.add_partition_range(topic, 0, PARTITIONS - 1);
    let Ok(committed) = observer.committed_offsets(list, Duration::from_secs(5)) else {
        return BTreeMap::new();
    };
    let offset = |offset: Offset| offset.to_raw().filter(|offset| *offset >= 0);
    committed
        .elements()
        .iter()
        .filter_map(|element| Some((element.partition(), offset(element.offset())?)))
        .collect()
}

/// Looks at the committed offsets of a group again and again, and notes where one goes back.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<(u64, Vec<String>)>,
}

impl Watch {
    fn begin(topic: &str) -> Self {
        let observer = observer(topic);
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, topic) = (stop.clone(), topic.to_owned());
        let thread = thread::spawn(move || {
            let mut highest: BTreeMap<i32, i64> = BTreeMap::new();
            let (mut samples, mut back) = (0, Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                let committed = committed(&observer, &topic);
                samples += 1;
                for (partition, offset) in committed {
                    let before = highest.entry(partition).or_default();
                    if offset < *before {
                        back.push(format!("{partition}: from {before} to {offset}"));
                    }
                    *before = offset;
                }
                thread::sleep(Duration::from_millis(10));
            }
            (samples, back)
        });
        Self { stop, thread }
    }

    fn end(self) -> (u64, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// Sends numbered messages until it is stopped, and tells how many.
async fn feed(producer: Arc<dyn Producer>, stop: CancellationToken) -> usize {
    let mut sent = 0;
    while !stop.is_cancelled() {
        for _ in 0..20 {
            send_to(
                &producer,
                i32::try_from(sent).unwrap() % PARTITIONS,
                &sent.to_string(),
            )
            .await;
            sent += 1;
        }
        tokio::task::yield_now().await;
    }
    sent
}

async fn members_come_and_go(way: Way) {
    let binder = binder();
    let (topic, producer) = topic(&binder, "rebalance", PARTITIONS.unsigned_abs()).await;
    let watch = Watch::begin(&topic);
    let book = Arc::new(Book::default());
    let fed = CancellationToken::new();
    let feeding = tokio::spawn(feed(producer, fed.clone()));
    let steady = Member::join(&binder, &way.spec(&topic, 0), 0, &book).await;
    for visitor in 1..=2 {
        let more = |count: usize| {
            let enough = book.count() + count;
            let book = book.clone();
            eventually("messages are finished", move || book.count() >= enough)
        };
        more(200).await;
        let visiting = Member::join(&binder, &way.spec(&topic, visitor), visitor, &book).await;
        eventually("the visitor works", || {
            book.owners
                .lock()
                .unwrap()
                .values()
                .any(|(owner, _)| *owner == visitor)
        })
        .await;
        more(200).await;
        visiting.leave().await;
    }
    fed.cancel();
    let sent = within(feeding).await.unwrap();
    eventually("everything is finished", || book.count() == sent).await;
    steady.leave().await;
    let (samples, back) = watch.end();
    assert!(samples > 10, "{samples} samples");
    assert_eq!(back, Vec::<String>::new(), "committed offsets went back");
    assert_eq!(*book.clashes.lock().unwrap(), Vec::<String>::new());
    let again: Vec<_> = book
        .finished
        .lock()
        .unwrap()
        .iter()
        .filter(|(_, count)| **count > 1)
        .map(|(message, _)| message.clone())
        .collect();
    assert_eq!(again, Vec::<String>::new(), "finished messages came again");
}

#[tokio::test(flavor = "multi_thread")]
async fn eager_members_that_come_and_go_repeat_nothing_that_is_finished() {
    members_come_and_go(Way::Eager).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cooperative_members_that_come_and_go_repeat_nothing_that_is_finished() {
    members_come_and_go(Way::Cooperative).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn static_members_that_come_and_go_repeat_nothing_that_is_finished() {
    members_come_and_go(Way::Static).await;
}

/// One delivery of each partition, with its source.
async fn one_of_each(consumer: &mut Consumer) -> Vec<(Arc<Source>, bindery_core::Delivery)> {
    let mut taken = Vec::new();
    while taken.len() < PARTITIONS.unsigned_abs() as usize {
        let batch = within(consumer.deliveries.next()).await.unwrap();
        for delivery in batch.deliveries {
            taken.push((batch.source.clone(), delivery));
        }
    }
    taken
}

#[tokio::test(flavor = "multi_thread")]
async fn under_cooperative_sharing_partitions_that_stay_are_not_drained() {
    let binder = binder();
    let (topic, producer) = topic(&binder, "stay", PARTITIONS.unsigned_abs()).await;
    for partition in 0..PARTITIONS {
        send_to(&producer, partition, "first").await;
    }
    let mut first = binder
        .bind_consumer(&Way::Cooperative.spec(&topic, 0))
        .await
        .unwrap();
    let held = one_of_each(&mut first).await;
    let mut second = binder
        .bind_consumer(&Way::Cooperative.spec(&topic, 1))
        .await
        .unwrap();
    eventually("some partitions are taken away", || {
        held.iter().any(|(source, _)| source.revoked.is_cancelled())
    })
    .await;
    let (revoked, kept): (Vec<_>, Vec<_>) = held
        .into_iter()
        .partition(|(source, _)| source.revoked.is_cancelled());
    assert!(!kept.is_empty(), "every partition was taken away");
    // What was taken away is not settled yet; what stays is settled, and committed, all the same.
    let stay: Vec<_> = kept.iter().map(|(source, _)| source.clone()).collect();
    let moved: Vec<_> = revoked
        .iter()
        .map(|(source, _)| source.partition.unwrap())
        .collect();
    for (_, delivery) in kept {
        accept(&first, delivery);
    }
    let observer = observer(&topic);
    eventually("what stays is committed during the drain", || {
        let committed = committed(&observer, &topic);
        stay.iter()
            .all(|source| committed.get(&source.partition.unwrap()) == Some(&1))
    })
    .await;
    // The drain goes on still: what is settled now counts, and doesn't come to the second member.
    for (_, delivery) in revoked {
        accept(&first, delivery);
    }
    for partition in 0..PARTITIONS {
        send_to(&producer, partition, "second").await;
    }
    let taken = take(&mut second, moved.len()).await;
    assert!(taken.iter().all(|delivery| payload(delivery) == "second"));
    let taken = take(&mut first, stay.len()).await;
    assert!(taken.iter().all(|delivery| payload(delivery) == "second"));
    assert!(stay.iter().all(|source| !source.revoked.is_cancelled()));
    close(first).await;
    close(second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_members_of_one_static_name_shut_each_other_out_slowly_and_say_so() {
    let binder = binder();
    let (topic, _producer) = topic(&binder, "twins", 1).await;
    let spec = Way::Static.spec(&topic, 0);
    let first = binder.bind_consumer(&spec).await.unwrap();
    within(async {
        while first.control.health().status != Status::Up {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let second = binder.bind_consumer(&spec).await.unwrap();
    let twins = [&first, &second];
    let mut falls = 0;
    let mut down = [false; 2];
    let mut reasons = BTreeSet::new();
    let begun = std::time::Instant::now();
    while falls < 4 {
        for (twin, was_down) in twins.iter().zip(&mut down) {
            let health = twin.control.health();
            let is_down = health.status == Status::Down;
            if is_down && !*was_down {
                falls += 1;
                reasons.extend(health.reason);
            }
            *was_down = is_down;
        }
        assert!(begun.elapsed() < DEADLINE, "{falls} falls, {reasons:?}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(
        begun.elapsed() > Duration::from_millis(100),
        "they shut each other out in a loop"
    );
    assert!(
        reasons
            .iter()
            .any(|reason| reason.to_lowercase().contains("fenced")),
        "{reasons:?}"
    );
    close(second).await;
    close(first).await;
}
