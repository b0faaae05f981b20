//! The memory binder with one fault.

use std::fmt;
use std::future::ready;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bindery_core::{
    Binder, BinderFactory, BinderSpec, Capabilities, Confirm, ConfirmSink, Consumer, ConsumerControl,
    ConsumerSpec, DeadLetterPublisher, DeadLetterRoute, Delivery, DeliveryBatch, Failure, Full, HeaderValue,
    Health, OutboundRecord, Position, Producer, ProducerSpec, PropertyCatalog, RawMessage, Receipt, Result,
    Settlement, Settler, Unconfirmed,
};
use bindery_memory::{MemoryBinderFactory, MemoryBroker};
use futures_util::StreamExt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    LosesEveryHundredth,
    HandsOverTheFirstLate,
    IgnoresAccept,
    AcceptsReleased,
    AcceptsAllBefore,
    IgnoresPause,
    IgnoresClose,
    StartsAtTheOldest,
    HidesRefusedDeadLetters,
    ConfirmsEverything,
    KeepsWhatFails,
    WidensIntegers,
    IsAlwaysUp,
    ForgetsHeadersOnRedelivery,
}

#[derive(Debug)]
pub(crate) struct FaultyFactory {
    inner: MemoryBinderFactory,
    fault: Fault,
}

impl FaultyFactory {
    pub(crate) fn new(broker: MemoryBroker, fault: Fault) -> Self {
        Self {
            inner: MemoryBinderFactory::new(broker),
            fault,
        }
    }
}

impl BinderFactory for FaultyFactory {
    fn kind(&self) -> &'static str {
        "faulty"
    }

    fn properties(&self) -> PropertyCatalog {
        self.inner.properties()
    }

    fn create(&self, spec: &BinderSpec) -> Result<Arc<dyn Binder>> {
        Ok(Arc::new(FaultyBinder {
            inner: self.inner.create(spec)?,
            fault: self.fault,
        }))
    }

    fn dead_letter_destination(&self, spec: &ConsumerSpec) -> Option<String> {
        self.inner.dead_letter_destination(spec)
    }
}

#[derive(Debug)]
struct FaultyBinder {
    inner: Arc<dyn Binder>,
    fault: Fault,
}

#[async_trait]
impl Binder for FaultyBinder {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn bind_consumer(&self, spec: &ConsumerSpec) -> Result<Consumer> {
        let fault = self.fault;
        let mut spec = spec.clone();
        if fault == Fault::StartsAtTheOldest {
            spec.options
                .0
                .insert("start-offset".to_owned(), "earliest".into());
        }
        let consumer = self.inner.bind_consumer(&spec).await?;
        let mut late = Late::new(fault);
        let deliveries = consumer
            .deliveries
            .filter_map(move |batch| ready(late.pass(spoil(batch, fault))));
        Ok(Consumer {
            deliveries: Box::pin(deliveries),
            settler: Arc::new(Faulty {
                inner: consumer.settler,
                fault,
            }),
            control: Arc::new(Faulty {
                inner: consumer.control,
                fault,
            }),
            dead_letter: match consumer.dead_letter {
                DeadLetterRoute::Publish {
                    destination,
                    publisher,
                } => DeadLetterRoute::Publish {
                    destination,
                    publisher: Arc::new(Faulty {
                        inner: publisher,
                        fault,
                    }),
                },
                other => other,
            },
            group: consumer.group,
        })
    }

    async fn bind_producer(&self, spec: &ProducerSpec) -> Result<Arc<dyn Producer>> {
        Ok(Arc::new(Faulty {
            inner: self.inner.bind_producer(spec).await?,
            fault: self.fault,
        }))
    }

    fn health(&self) -> Health {
        match self.fault {
            Fault::IsAlwaysUp => Health::up(),
            _ => self.inner.health(),
        }
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

fn spoil(mut batch: DeliveryBatch, fault: Fault) -> DeliveryBatch {
    match fault {
        Fault::LosesEveryHundredth => batch
            .deliveries
            .retain(|delivery| delivery.receipt.position % 100 != 99),
        Fault::ForgetsHeadersOnRedelivery => {
            for delivery in &mut batch.deliveries {
                if delivery.message.origin.redelivered {
                    delivery.message.headers = bindery_core::Headers::new();
                }
            }
        }
        Fault::WidensIntegers => {
            for delivery in &mut batch.deliveries {
                let headers = &mut delivery.message.headers;
                if let Some(HeaderValue::Int(value)) = headers.get("int").cloned() {
                    headers.insert("int", i64::from(value));
                }
            }
        }
        _ => {}
    }
    batch
}

/// Keeps a consumer's first delivery back until so many others have passed, whatever their batches.
struct Late {
    after: usize,
    first: Option<Delivery>,
    passed: usize,
}

impl Late {
    fn new(fault: Fault) -> Self {
        Self {
            after: if fault == Fault::HandsOverTheFirstLate {
                40
            } else {
                0
            },
            first: None,
            passed: 0,
        }
    }

    fn pass(&mut self, mut batch: DeliveryBatch) -> Option<DeliveryBatch> {
        if self.passed == 0 && self.first.is_none() && self.after > 0 {
            self.first = batch.deliveries.drain(..1.min(batch.deliveries.len())).next();
        }
        self.passed += batch.deliveries.len();
        if self.passed >= self.after {
            batch.deliveries.extend(self.first.take());
        }
        (!batch.deliveries.is_empty()).then_some(batch)
    }
}

/// A part of a binder with the fault.
struct Faulty<T: ?Sized> {
    fault: Fault,
    inner: Arc<T>,
}

impl Settler for Faulty<dyn Settler> {
    fn settle(&self, receipt: Receipt, settlement: Settlement) {
        match (self.fault, settlement) {
            (Fault::IgnoresAccept, Settlement::Accept) => {}
            (Fault::AcceptsReleased, Settlement::Release) => self.inner.settle(receipt, Settlement::Accept),
            (Fault::AcceptsAllBefore, Settlement::Accept) => {
                for position in 0..=receipt.position {
                    self.inner.settle(Receipt { position, ..receipt }, settlement);
                }
            }
            _ => self.inner.settle(receipt, settlement),
        }
    }
}

#[async_trait]
impl ConsumerControl for Faulty<dyn ConsumerControl> {
    fn pause(&self, source: u32) {
        if self.fault != Fault::IgnoresPause {
            self.inner.pause(source);
        }
    }

    fn resume(&self, source: u32) {
        self.inner.resume(source);
    }

    fn health(&self) -> Health {
        match self.fault {
            Fault::IsAlwaysUp => Health::up(),
            _ => self.inner.health(),
        }
    }

    fn stop(&self) {
        self.inner.stop();
    }

    async fn close(&self) {
        if self.fault != Fault::IgnoresClose {
            self.inner.close().await;
        }
    }
}

#[async_trait]
impl DeadLetterPublisher for Faulty<dyn DeadLetterPublisher> {
    async fn publish(&self, message: &RawMessage, failure: &Failure) -> Result<()> {
        match self.inner.publish(message, failure).await {
            Err(_) if self.fault == Fault::HidesRefusedDeadLetters => Ok(()),
            result => result,
        }
    }
}

/// Passes an answer on without the record that comes back.
struct Keeping(Mutex<Option<Confirm>>);

impl ConfirmSink for Keeping {
    fn confirmed(&self, _token: u64, result: Result<Position, Unconfirmed>) {
        let confirm = self.0.lock().unwrap().take().unwrap();
        confirm.complete(result.map_err(|unconfirmed| unconfirmed.error.into()));
    }
}

#[async_trait]
impl Producer for Faulty<dyn Producer> {
    fn send(&self, record: Box<OutboundRecord>, confirm: Confirm) -> Result<(), Full> {
        if self.fault == Fault::ConfirmsEverything {
            confirm.complete(Ok(Position::default()));
            return Ok(());
        }
        if self.fault == Fault::KeepsWhatFails {
            return self.inner.send(
                record,
                Confirm::new(Arc::new(Keeping(Mutex::new(Some(confirm)))), 0),
            );
        }
        self.inner.send(record, confirm)
    }

    async fn ready(&self) {
        self.inner.ready().await;
    }

    fn partition_count(&self) -> Option<u32> {
        self.inner.partition_count()
    }

    fn health(&self) -> Health {
        match self.fault {
            Fault::IsAlwaysUp => Health::up(),
            _ => self.inner.health(),
        }
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

impl fmt::Debug for Faulty<dyn Producer> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty")
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}
