//! An output binding: it makes records of values and gives them to its producer, once that is bound.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bindery_core::{
    BindingName, Confirm, Error, ErrorKind, Full, OutboundRecord, Output, OutputContext, Position, Producer,
    RawMessage, Result,
};
use tokio::sync::Notify;

use super::record;
use crate::binding::BindingStatus;
use crate::config::OutputSpec;
use crate::metrics::OutputMetrics;

/// One output of the application.
pub(crate) struct OutputBinding {
    pub(crate) name: BindingName,
    pub(crate) spec: OutputSpec,
    pub(crate) context: OutputContext,
    pub(crate) status: Arc<BindingStatus>,
    pub(crate) metrics: OutputMetrics,
    producer: RwLock<Option<Arc<dyn Producer>>>,
    bound: Notify,
}

impl OutputBinding {
    pub(crate) fn new(
        spec: OutputSpec,
        context: OutputContext,
        status: Arc<BindingStatus>,
        metrics: OutputMetrics,
    ) -> Arc<Self> {
        Arc::new(Self {
            name: spec.name.clone(),
            spec,
            context,
            status,
            metrics,
            producer: RwLock::new(None),
            bound: Notify::new(),
        })
    }

    /// Sets the producer; `None` while there is none.
    pub(crate) fn set_producer(&self, producer: Option<Arc<dyn Producer>>) -> Option<Arc<dyn Producer>> {
        let mut current = self.producer.write().unwrap_or_else(PoisonError::into_inner);
        let previous = std::mem::replace(&mut *current, producer);
        drop(current);
        self.bound.notify_waiters();
        previous
    }

    /// The producer, if it is bound.
    pub(crate) fn producer(&self) -> Option<Arc<dyn Producer>> {
        self.producer
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Makes a record of a value.
    ///
    /// # Errors
    /// A permanent error when an expression fails.
    pub(crate) fn record(&self, output: Output, input: Option<&RawMessage>) -> Result<OutboundRecord> {
        let partitions = self.producer().and_then(|producer| producer.partition_count());
        record::record(&self.spec, output, input, partitions)
            .map_err(|error| error.with("binding", &self.name))
    }

    /// Hands a record to the producer, in the order of the caller's calls.
    ///
    /// # Errors
    /// The record comes back when there is no room, or no producer yet: await [`OutputBinding::ready`].
    pub(crate) fn offer(&self, record: OutboundRecord, confirm: Confirm) -> Result<(), Box<Full>> {
        let current = self.producer.read().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some(producer) => producer.send(record, confirm),
            None => Err(Box::new(Full { record, confirm })),
        }
    }

    /// Waits until there may be room. Cancel safe.
    pub(crate) async fn ready(&self) {
        match self.producer() {
            Some(producer) => producer.ready().await,
            None => self.bound().await,
        }
    }

    /// Waits until the producer is bound. Cancel safe.
    pub(crate) async fn bound(&self) {
        loop {
            let mut bound = std::pin::pin!(self.bound.notified());
            // Registered before looking, so that a producer set in between is not missed.
            bound.as_mut().enable();
            if self.producer().is_some() {
                return;
            }
            bound.await;
        }
    }

    /// Publishes one record and waits for its confirmation.
    ///
    /// # Errors
    /// When there is no producer or no room within the confirm timeout, or the broker refuses the record.
    ///
    /// # Cancel safety
    /// A dropped call may have published the record.
    pub(crate) async fn publish(&self, record: OutboundRecord) -> Result<Position> {
        let (confirm, answer) = Confirm::channel();
        let limit = self.spec.producer.confirm_timeout;
        tokio::time::timeout(limit, self.hand_over(record, confirm))
            .await
            .map_err(|_| self.no_room(limit))?;
        let result = answer.await;
        self.metrics.published(result.is_ok());
        result.map_err(|error| error.with("binding", &self.name))
    }

    async fn hand_over(&self, record: OutboundRecord, confirm: Confirm) {
        let mut offer = Full { record, confirm };
        while let Err(full) = self.offer(offer.record, offer.confirm) {
            offer = *full;
            self.ready().await;
        }
    }

    fn no_room(&self, limit: Duration) -> Error {
        let reason = self
            .status
            .health()
            .reason
            .unwrap_or_else(|| "its producer has no room".to_owned());
        Error::temporary(
            ErrorKind::Timeout,
            format!("nothing could be published within {limit:?}: {reason}"),
        )
        .with("binding", &self.name)
    }
}
