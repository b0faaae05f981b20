//! A memory binder that notes what is settled, published and dead-lettered, and refuses what its script says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bindery::memory::{MemoryBinderFactory, MemoryBroker};
use bindery::prelude::*;
use bindery::{
    Binder, BinderFactory, BinderSpec, Capabilities, Confirm, Consumer, ConsumerSpec, DeadLetterPublisher,
    DeadLetterRoute, Error, ErrorKind, Failure, Full, Health, OutboundRecord, Position, Producer,
    ProducerSpec, PropertyCatalog, RawMessage, Receipt, Settlement, Settler,
};

use crate::fixture::Order;

/// What happened to the message of an id.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Event {
    /// It was handed to the handler, for which it is this attempt.
    Called(u32),
    /// Its output is stored, and the confirmation on its way.
    Stored,
    /// Its dead letter was refused.
    DeadLetterRefused,
    /// Its dead letter is confirmed, with this reason after so many attempts.
    DeadLettered(&'static str, u32),
    Settled(Settlement),
}

/// What a call of the handler comes to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Outcome {
    Done,
    Retryable,
    Permanent,
    Undecodable,
    Discard,
    Panic,
    /// It never ends by itself.
    Hang,
}

/// What becomes of a publication, and after how many milliseconds its answer comes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    Stored(u64),
    /// The broker was away: that says nothing about the message.
    Away(u64),
    /// The broker refused the record for now.
    Refused(u64),
    /// The broker will never take the record.
    Unacceptable(u64),
}

/// The script of one message; what it doesn't say works.
#[derive(Clone, Debug, Default)]
pub(super) struct Script {
    pub(super) outcomes: Vec<Outcome>,
    pub(super) publications: Vec<Verdict>,
    pub(super) dead_letter_refusals: u32,
}

/// The scripts of all messages, and what happened to them in order.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) scripts: Vec<Script>,
    events: Mutex<Vec<(u32, Event)>>,
    publications: Mutex<HashMap<u32, usize>>,
}

impl Log {
    pub(super) fn new(scripts: Vec<Script>) -> Arc<Self> {
        Arc::new(Self {
            scripts,
            ..Self::default()
        })
    }

    pub(super) fn note(&self, id: u32, event: Event) {
        self.events.lock().unwrap().push((id, event));
    }

    /// What happened to one message.
    pub(super) fn of(&self, id: u32) -> Vec<Event> {
        let events = self.events.lock().unwrap();
        let of_id = events.iter().filter(|(concerned, _)| *concerned == id);
        of_id.map(|(_, event)| event.clone()).collect()
    }

    fn verdict(&self, id: u32) -> Verdict {
        let mut publications = self.publications.lock().unwrap();
        let count = publications.entry(id).or_default();
        *count += 1;
        let script = self.scripts.get(id as usize);
        let verdict = script.and_then(|script| script.publications.get(*count - 1));
        verdict.copied().unwrap_or(Verdict::Stored(0))
    }

    /// How often the dead letter of a message was refused.
    fn refusals(&self, id: u32) -> u32 {
        let refused = self.of(id).into_iter();
        refused.filter(|event| *event == Event::DeadLetterRefused).count() as u32
    }
}

#[stream_listener]
async fn scripted(order: Order, attempt: Attempt, log: State<Arc<Log>>) -> Result<Order, HandlerError> {
    log.note(order.id, Event::Called(attempt.0));
    let script = log.scripts.get(order.id as usize);
    let outcome = script.and_then(|script| script.outcomes.get(attempt.0 as usize - 1));
    match outcome.copied().unwrap_or(Outcome::Done) {
        Outcome::Done => Ok(order),
        Outcome::Retryable => Err(HandlerError::retryable("not yet")),
        Outcome::Permanent => Err(HandlerError::permanent("never")),
        Outcome::Undecodable => Err(HandlerError::undecodable("what is this")),
        Outcome::Discard => Err(HandlerError::discard("not wanted")),
        Outcome::Panic => panic!("on purpose"),
        Outcome::Hang => std::future::pending().await,
    }
}

/// The listener that does what the log's scripts say, as `scripted-in-0` and `scripted-out-0`.
pub(super) fn listener() -> Vec<bindery::ListenerDefinition> {
    listeners![scripted]
}

fn id(payload: Option<&[u8]>) -> u32 {
    let order: Order = serde_json::from_slice(payload.unwrap()).unwrap();
    order.id
}

/// Makes memory binders that are watched.
#[derive(Debug)]
pub(super) struct Spy {
    inner: MemoryBinderFactory,
    log: Arc<Log>,
}

impl Spy {
    pub(super) fn new(broker: &MemoryBroker, log: &Arc<Log>) -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryBinderFactory::new(broker.clone()),
            log: log.clone(),
        })
    }
}

impl BinderFactory for Spy {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn properties(&self) -> PropertyCatalog {
        self.inner.properties()
    }

    fn create(&self, spec: &BinderSpec) -> bindery::Result<Arc<dyn Binder>> {
        Ok(Arc::new(SpyBinder {
            inner: self.inner.create(spec)?,
            log: self.log.clone(),
        }))
    }
}

#[derive(Debug)]
struct SpyBinder {
    inner: Arc<dyn Binder>,
    log: Arc<Log>,
}

#[async_trait]
impl Binder for SpyBinder {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn bind_consumer(&self, spec: &ConsumerSpec) -> bindery::Result<Consumer> {
        let mut consumer = self.inner.bind_consumer(spec).await?;
        consumer.settler = Arc::new(SpySettler {
            inner: consumer.settler,
            log: self.log.clone(),
        });
        if let DeadLetterRoute::Publish { publisher, .. } = &mut consumer.dead_letter {
            *publisher = Arc::new(SpyDeadLetters {
                inner: publisher.clone(),
                log: self.log.clone(),
            });
        }
        Ok(consumer)
    }

    async fn bind_producer(&self, _spec: &ProducerSpec) -> bindery::Result<Arc<dyn Producer>> {
        Ok(Arc::new(SpyProducer(self.log.clone())))
    }

    fn health(&self) -> Health {
        self.inner.health()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

/// Positions are ids here: one partition, published in the order of the ids.
struct SpySettler {
    inner: Arc<dyn Settler>,
    log: Arc<Log>,
}

impl Settler for SpySettler {
    fn settle(&self, receipt: Receipt, settlement: Settlement) {
        let id = u32::try_from(receipt.position).unwrap();
        self.log.note(id, Event::Settled(settlement));
        self.inner.settle(receipt, settlement);
    }
}

struct SpyDeadLetters {
    inner: Arc<dyn DeadLetterPublisher>,
    log: Arc<Log>,
}

#[async_trait]
impl DeadLetterPublisher for SpyDeadLetters {
    async fn publish(&self, message: &RawMessage, failure: &Failure) -> bindery::Result<()> {
        let id = id(message.payload.as_deref());
        let script = self.log.scripts.get(id as usize);
        if self.log.refusals(id) < script.map_or(0, |script| script.dead_letter_refusals) {
            self.log.note(id, Event::DeadLetterRefused);
            return Err(Error::temporary(ErrorKind::Publish, "refused on purpose"));
        }
        self.inner.publish(message, failure).await?;
        let event = Event::DeadLettered(failure.reason.as_str(), failure.attempts);
        self.log.note(id, event);
        Ok(())
    }
}

#[derive(Debug)]
struct SpyProducer(Arc<Log>);

#[async_trait]
impl Producer for SpyProducer {
    fn send(&self, record: Box<OutboundRecord>, confirm: Confirm) -> Result<(), Full> {
        let id = id(record.payload.as_deref());
        let (after, kind) = match self.0.verdict(id) {
            Verdict::Stored(after) => (after, None),
            Verdict::Away(after) => (after, Some(Error::temporary(ErrorKind::Unavailable, "away"))),
            Verdict::Refused(after) => (after, Some(Error::temporary(ErrorKind::Publish, "refused"))),
            Verdict::Unacceptable(after) => (after, Some(Error::new(ErrorKind::Payload, "too large"))),
        };
        let log = self.0.clone();
        let answer = move || match kind {
            Some(error) => confirm.fail(error, record),
            None => {
                log.note(id, Event::Stored);
                confirm.complete(Ok(Position::default()));
            }
        };
        if after == 0 {
            answer();
        } else {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(after)).await;
                answer();
            });
        }
        Ok(())
    }

    async fn ready(&self) {}

    fn health(&self) -> Health {
        Health::up()
    }

    async fn close(&self) {}
}
