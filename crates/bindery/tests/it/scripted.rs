//! A binder whose deliveries are written by the test, one by one.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bindery::{
    Binder, BinderFactory, BinderSpec, Capabilities, Confirm, Consumer, ConsumerControl, ConsumerSpec,
    DeadLetterRoute, Delivery, DeliveryBatch, Full, Headers, Health, Origin, OutboundRecord, Position,
    Producer, ProducerSpec, PropertyCatalog, RawMessage, Receipt, Result, Settlement, Settler, Source,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

/// More binds than any back-off allows: from there on a bind never ends, so that a loop of binds ends as well.
const TOO_MANY: usize = 1_000;

/// What the test and the binder share.
#[derive(Debug, Default)]
pub(crate) struct Script {
    /// The deliveries of the next consumers; one that finds none ends at once.
    consumers: Mutex<Vec<UnboundedReceiver<DeliveryBatch>>>,
    binds: Mutex<usize>,
    /// How many records the outputs still drop.
    pub(crate) forgets: Mutex<u32>,
    /// What was settled, by source, generation and position.
    pub(crate) settled: Mutex<Vec<(u32, u32, u64, Settlement)>>,
}

impl Script {
    /// The deliveries of the next consumer that is bound.
    pub(crate) fn consumer(&self) -> UnboundedSender<DeliveryBatch> {
        let (sender, receiver) = unbounded_channel();
        self.consumers.lock().unwrap().push(receiver);
        sender
    }

    pub(crate) fn binds(&self) -> usize {
        *self.binds.lock().unwrap()
    }
}

/// One message of a source.
pub(crate) fn delivery(source: &Arc<Source>, position: u64, payload: &str) -> DeliveryBatch {
    let message = RawMessage {
        payload: Some(payload.to_owned().into()),
        key: None,
        headers: [("contentType", "application/json")]
            .into_iter()
            .collect::<Headers>(),
        origin: Origin {
            destination: "in".into(),
            routing_key: None,
            partition: source.partition,
            position,
            timestamp: None,
            redelivered: false,
        },
    };
    DeliveryBatch {
        source: source.clone(),
        deliveries: vec![Delivery {
            message,
            receipt: source.receipt(position),
        }],
    }
}

/// Makes the binder; its kind is `scripted`.
#[derive(Clone, Debug)]
pub(crate) struct ScriptedFactory(pub(crate) Arc<Script>);

impl BinderFactory for ScriptedFactory {
    fn kind(&self) -> &'static str {
        "scripted"
    }

    fn properties(&self) -> PropertyCatalog {
        PropertyCatalog {
            binder: &[],
            consumer: &[],
            producer: &[],
            connection_root: None,
            connection: &[],
            key_expression: None,
            routing_key_expression: None,
        }
    }

    fn create(&self, _spec: &BinderSpec) -> Result<Arc<dyn Binder>> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Binder for ScriptedFactory {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            partitions: true,
            keys: true,
            tombstones: true,
            native_dead_letter: false,
            redelivers_released: false,
            reports_unroutable: false,
            retains: true,
        }
    }

    async fn bind_consumer(&self, _spec: &ConsumerSpec) -> Result<Consumer> {
        let binds = {
            let mut binds = self.0.binds.lock().unwrap();
            *binds += 1;
            *binds
        };
        if binds >= TOO_MANY {
            std::future::pending::<()>().await;
        }
        let receiver = {
            let mut consumers = self.0.consumers.lock().unwrap();
            if consumers.is_empty() {
                unbounded_channel().1
            } else {
                consumers.remove(0)
            }
        };
        let (stop, stopped) = watch::channel(false);
        let deliveries =
            futures_util::stream::unfold((receiver, stopped), async |(mut receiver, mut stopped)| {
                let batch = tokio::select! {
                    batch = receiver.recv() => batch,
                    _ = stopped.wait_for(|stopped| *stopped) => None,
                };
                batch.map(|batch| (batch, (receiver, stopped)))
            });
        let handle = Arc::new(Handle {
            script: self.0.clone(),
            stop,
        });
        Ok(Consumer {
            deliveries: Box::pin(deliveries),
            settler: handle.clone(),
            control: handle,
            dead_letter: DeadLetterRoute::None,
            group: "g".into(),
        })
    }

    async fn bind_producer(&self, _spec: &ProducerSpec) -> Result<Arc<dyn Producer>> {
        Ok(Arc::new(Forgetful(self.0.clone())))
    }

    fn health(&self) -> Health {
        Health::up()
    }

    async fn close(&self) {}
}

/// Confirms what it gets; but the first records, as many as the script says, it drops with their confirms.
#[derive(Debug)]
struct Forgetful(Arc<Script>);

#[async_trait]
impl Producer for Forgetful {
    fn send(&self, _record: Box<OutboundRecord>, confirm: Confirm) -> std::result::Result<(), Full> {
        let mut forgets = self.0.forgets.lock().unwrap();
        match forgets.checked_sub(1) {
            Some(left) => *forgets = left,
            None => confirm.complete(Ok(Position::default())),
        }
        Ok(())
    }

    async fn ready(&self) {}

    fn health(&self) -> Health {
        Health::up()
    }

    async fn close(&self) {}
}

struct Handle {
    script: Arc<Script>,
    stop: watch::Sender<bool>,
}

impl Settler for Handle {
    fn settle(&self, receipt: Receipt, settlement: Settlement) {
        let entry = (receipt.source, receipt.generation, receipt.position, settlement);
        self.script.settled.lock().unwrap().push(entry);
    }
}

#[async_trait]
impl ConsumerControl for Handle {
    fn pause(&self, _source: u32) {}

    fn resume(&self, _source: u32) {}

    fn health(&self) -> Health {
        Health::up()
    }

    fn stop(&self) {
        self.stop.send_replace(true);
    }

    async fn close(&self) {}
}
