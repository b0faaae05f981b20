//! The poll thread: the only place where a consumer is polled, where offsets are stored, and where it is closed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use bindery_core::{DeliveryBatch, Status};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Message};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::batch::{BatchBuilder, Expected};
use super::brake::{Brake, WINDOW, wants_pause};
use super::commit;
use super::pace::Pace;
use super::rebalance::ConsumeContext;
use super::shared::{Place, Shared, Stage};
use crate::backoff::Backoff;
use crate::error::by_code;

/// How long a poll waits for a message while nothing is in progress.
const POLL: Duration = Duration::from_millis(50);
/// The same while something is paused and may be resumed any moment.
const POLL_PAUSED: Duration = Duration::from_millis(2);
/// How long nothing is polled while all sources are paused: what was fetched ahead stays where it is, and so does a
/// rebalance.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long the runtime may leave the channel full before the library pauses everything.
const STALLED: Duration = Duration::from_secs(1);
/// How long one wait within [`PATIENCE`] takes, unless somebody wakes the thread.
const NAP: Duration = Duration::from_millis(5);
/// How many messages are polled before everything else gets its turn.
const BURST: usize = 1024;

/// Makes a consumer that has subscribed or taken its partitions.
pub(crate) type Connect =
    Box<dyn FnMut() -> Result<BaseConsumer<ConsumeContext>, bindery_core::Error> + Send>;

/// The state of the poll thread.
pub(crate) struct Poller {
    shared: Arc<Shared>,
    sender: Option<mpsc::Sender<DeliveryBatch>>,
    builder: Option<BatchBuilder>,
    /// The rebalance in which the builder's source was current.
    builder_rebalance: u64,
    expected: Expected,
    backlog: VecDeque<DeliveryBatch>,
    brake: Brake,
    /// Since when nothing was delivered because nothing may be: the channel is full, or all sources are paused.
    blocked_since: Option<Instant>,
    pace: Pace,
}

/// Why polling ended.
enum End {
    Closed,
    Fatal(String),
}

impl Poller {
    pub(crate) fn new(
        shared: Arc<Shared>,
        sender: mpsc::Sender<DeliveryBatch>,
        commit_interval: Duration,
    ) -> Self {
        Self {
            shared,
            sender: Some(sender),
            builder: None,
            builder_rebalance: 0,
            expected: Expected::default(),
            backlog: VecDeque::new(),
            brake: Brake::default(),
            blocked_since: None,
            pace: Pace::new(commit_interval, Instant::now()),
        }
    }

    /// Polls until the consumer is closed; a consumer that can't go on is replaced, with back-off.
    pub(crate) fn run(mut self, first: BaseConsumer<ConsumeContext>, mut connect: Connect) {
        self.shared.polled_by(thread::current());
        let mut consumer = Some(first);
        let mut backoff = Backoff::new();
        while !self.shared.is_closing() {
            if let Some(current) = consumer.take() {
                let current = Arc::new(current);
                let committing = commit::start(&self.shared.topic, &current);
                let end = self.poll_until_end(&current);
                match end {
                    End::Closed => self.close(&current, committing),
                    End::Fatal(reason) => {
                        self.shared.reports.broken(&reason);
                        self.abandon();
                        // The old consumer must be gone before there is another: it would take its partitions away.
                        commit::end(&current, committing);
                    }
                }
                continue;
            }
            self.rest(backoff.next());
            match connect() {
                Ok(made) => consumer = Some(made),
                Err(error) => self.shared.reports.failed(error.report()),
            }
        }
        drop(consumer);
        self.sender = None;
        self.shared.stage.send_replace(Stage::Closed);
    }

    /// Waits that long, or until the consumer is closed.
    fn rest(&self, pause: Duration) {
        let until = Instant::now() + pause;
        while !self.shared.is_closing()
            && let Some(left) = until.checked_duration_since(Instant::now())
        {
            thread::park_timeout(left);
        }
    }

    fn poll_until_end(&mut self, consumer: &BaseConsumer<ConsumeContext>) -> End {
        loop {
            if self.shared.is_closing() {
                return End::Closed;
            }
            self.commit_if_due(consumer);
            consumer.client().context().let_go(consumer);
            self.send_backlog();
            let Some(timeout) = self.may_poll(consumer) else {
                continue;
            };
            if let Err(reason) = self.poll(consumer, timeout) {
                return End::Fatal(reason);
            }
        }
    }

    /// One wait for a message, and what is there behind it without waiting.
    fn poll(&mut self, consumer: &BaseConsumer<ConsumeContext>, timeout: Duration) -> Result<(), String> {
        let mut timeout = timeout;
        for _ in 0..BURST {
            match consumer.poll(timeout) {
                Some(Ok(message)) => self.take(&message),
                Some(Err(error)) => self.judge(&error)?,
                None => break,
            }
            timeout = Duration::ZERO;
            if !self.backlog.is_empty() || self.shared.is_closing() {
                break;
            }
        }
        self.flush();
        Ok(())
    }

    /// Whether the consumer can go on after an error. Most pass by themselves, and connections report their own.
    fn judge(&self, error: &KafkaError) -> Result<(), String> {
        let code = error.rdkafka_error_code();
        if matches!(error, KafkaError::MessageConsumptionFatal(_)) || code == Some(Code::Fatal) {
            return Err(error.to_string());
        }
        if let Some(
            code @ (Code::TopicAuthorizationFailed
            | Code::GroupAuthorizationFailed
            | Code::UnknownTopicOrPartition
            | Code::UnknownTopic
            | Code::AutoOffsetReset),
        ) = code
        {
            let what = format!("could not consume from `{}`", self.shared.topic);
            self.shared
                .reports
                .stuck(by_code(&what, code).message().to_owned());
        }
        Ok(())
    }

    fn take(&mut self, message: &BorrowedMessage<'_>) {
        let rebalance = self.shared.rebalances.load(Ordering::Relaxed);
        let fits = self.builder.as_ref().is_some_and(|builder| {
            self.builder_rebalance == rebalance
                && builder.partition() == Some(message.partition())
                && builder.is_followed_by(message.offset())
                && !builder.is_full()
        });
        if !fits {
            self.flush();
            let Some(source) = self.shared.source_at(message.partition(), message.offset()) else {
                // It was revoked within this poll; whoever has the partition now delivers it.
                return;
            };
            self.builder_rebalance = self.shared.rebalances.load(Ordering::Relaxed);
            self.builder = Some(BatchBuilder::new(
                source,
                self.shared.topic.clone(),
                self.expected,
            ));
            self.shared.reports.alive();
        }
        if let Some(builder) = &mut self.builder {
            builder.push(message);
        }
    }

    fn flush(&mut self) {
        let Some(builder) = self.builder.take() else {
            return;
        };
        self.expected = builder.expected();
        if let (Some(partition), Some(offset)) = (builder.partition(), builder.last_offset()) {
            self.shared.polled(partition, offset);
        }
        self.backlog.push_back(builder.build());
        self.send_backlog();
    }

    fn send_backlog(&mut self) {
        let Some(sender) = &self.sender else {
            self.backlog.clear();
            return;
        };
        while let Some(batch) = self.backlog.pop_front() {
            let paused = self.shared.wants_pause(batch.source.id);
            let Some(batch) = self.brake.hold(batch, paused) else {
                continue;
            };
            match sender.try_send(batch) {
                // Pauses that come and go are no blockage, even if there is one whenever it is looked at.
                Ok(()) => self.blocked_since = None,
                Err(TrySendError::Full(batch)) => {
                    self.backlog.push_front(batch);
                    return;
                }
                Err(TrySendError::Closed(_)) => {
                    // Nobody reads any more; the messages stay uncommitted.
                    self.backlog.clear();
                    self.sender = None;
                    self.shared.stop();
                    return;
                }
            }
        }
        if self.shared.is_stopping() {
            self.sender = None;
        }
    }

    /// Whether to poll, and for how long. While nothing at all may be delivered, for a moment it isn't polled: what
    /// the library fetched ahead stays where it is.
    fn may_poll(&mut self, consumer: &BaseConsumer<ConsumeContext>) -> Option<Duration> {
        let places = self.shared.places();
        let mut released = self.brake.update(places.iter());
        // It was delivered before what waits.
        released.append(&mut self.backlog);
        self.backlog = released;
        self.send_backlog();
        let assigned = || {
            places
                .iter()
                .filter(|place| place.assigned.load(Ordering::Acquire))
        };
        let stopping = self.shared.is_stopping();
        let full = !self.backlog.is_empty();
        let all_paused = assigned().next().is_some() && assigned().all(|place| wants_pause(place));
        // Others could go on, but what is held mostly drains sooner than the library gets over a pause.
        let brimful = self.brake.is_touched()
            && assigned().any(|place| !place.paused.load(Ordering::Acquire) && self.brake.is_pulled(place));
        let mut stalled = false;
        if !stopping && (full || all_paused || brimful) {
            let since = *self.blocked_since.get_or_insert_with(Instant::now);
            let patience = if full { STALLED } else { PATIENCE };
            stalled = full && since.elapsed() >= patience;
            let untouched = assigned().all(|place| !place.paused.load(Ordering::Acquire));
            if (untouched || brimful) && since.elapsed() < patience {
                self.nap();
                return None;
            }
            if all_paused {
                // One look at what the group wants; what is delivered with it is held.
                self.blocked_since = None;
            }
        } else {
            self.blocked_since = None;
        }
        let any_paused = self.apply_pauses(consumer, assigned(), stopping || stalled);
        let quick = any_paused || full || self.brake.is_touched();
        Some(match quick {
            true => POLL_PAUSED,
            false if self.is_busy(assigned()) => POLL.min(self.pace.patience()),
            false => POLL,
        })
    }

    /// Whether something may soon have to be committed: a poll must not sleep through it.
    fn is_busy<'a>(&self, mut assigned: impl Iterator<Item = &'a Arc<Place>>) -> bool {
        self.shared.has_settled()
            || self
                .sender
                .as_ref()
                .is_some_and(|sender| sender.capacity() < sender.max_capacity())
            || assigned.any(|place| place.has_unsettled())
    }

    /// Waits until there may be room, or something was resumed.
    fn nap(&mut self) {
        self.shared.waiting.store(true, Ordering::SeqCst);
        // Somebody may have taken a batch before the flag was set.
        self.send_backlog();
        thread::park_timeout(NAP);
        self.shared.waiting.store(false, Ordering::SeqCst);
    }

    /// Brings librdkafka's pauses in line with what is wanted, and tells whether anything is paused.
    fn apply_pauses<'a>(
        &self,
        consumer: &BaseConsumer<ConsumeContext>,
        assigned: impl Iterator<Item = &'a Arc<Place>>,
        everything: bool,
    ) -> bool {
        let mut pause = TopicPartitionList::new();
        let mut resume = TopicPartitionList::new();
        let mut any = false;
        for place in assigned {
            let paused = place.paused.load(Ordering::Acquire);
            let wanted = everything || self.brake.is_pulled(place);
            let is_held_back = self.brake.holds_back(place);
            self.shared
                .held_back
                .note(&self.shared.topic, place.partition, is_held_back, WINDOW);
            any |= wanted;
            match (paused, wanted) {
                (false, true) => pause.add_partition(&self.shared.topic, place.partition),
                (true, false) => resume.add_partition(&self.shared.topic, place.partition),
                _ => continue,
            };
            place.paused.store(wanted, Ordering::Release);
        }
        let paused = if pause.count() > 0 {
            consumer.pause(&pause)
        } else {
            Ok(())
        };
        let resumed = if resume.count() > 0 {
            consumer.resume(&resume)
        } else {
            Ok(())
        };
        if let Err(error) = paused.and(resumed) {
            tracing::warn!(topic = &*self.shared.topic, "could not pause or resume: {error}");
        }
        any
    }

    /// Has what was settled since committed. Never waits.
    fn commit_if_due(&mut self, consumer: &BaseConsumer<ConsumeContext>) {
        if self.pace.is_due(Instant::now())
            && self.shared.take_settled()
            && commit::store(consumer, &self.shared)
        {
            consumer.client().context().committer.ask();
        }
    }

    /// Commits what was accepted and lets the assignment go. The consumer itself leaves its group when it is dropped.
    fn close(&mut self, consumer: &BaseConsumer<ConsumeContext>, committing: Option<commit::Committing>) {
        // With no broker there is nobody to wait for; what isn't committed is delivered again.
        let reachable = self.shared.reports.health().status != Status::Down;
        if reachable {
            commit::finish(consumer, &self.shared);
        }
        self.abandon();
        commit::end(consumer, committing.filter(|_| reachable));
    }

    /// Ends all assignments without waiting for work in progress.
    fn abandon(&mut self) {
        let assigned = self.shared.assigned();
        self.shared.begin_revoke(&assigned);
        self.shared.end_revoke(&assigned);
        for place in self.shared.places() {
            place.paused.store(false, Ordering::Release);
        }
        self.builder = None;
        self.backlog.clear();
        self.brake.clear();
    }
}
