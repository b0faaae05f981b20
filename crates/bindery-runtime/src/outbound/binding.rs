//! An output binding: it makes records of values and gives them to its producer, once that is bound.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bindery_core::{
    BindingName, Confirm, Error, ErrorKind, Full, Health, OutboundRecord, Output, OutputContext, Position,
    Producer, RawMessage, Result, Status,
};
use crossbeam_utils::sync::ShardedLock;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Copied, record};
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
    /// Read for each record by the lanes of all threads: a plain lock's count of readers would go to and fro between them.
    producer: ShardedLock<Option<Arc<dyn Producer>>>,
    bound: Notify,
    /// The partitions of the destination when they were last known, 0 before: they are the same between two producers.
    partitions: AtomicU32,
    /// Cancelled when the application has no use for its outputs any more.
    ended: CancellationToken,
}

impl OutputBinding {
    pub(crate) fn new(
        spec: OutputSpec,
        context: OutputContext,
        status: Arc<BindingStatus>,
        metrics: OutputMetrics,
        ended: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            name: spec.name.clone(),
            spec,
            context,
            status,
            metrics,
            producer: ShardedLock::new(None),
            bound: Notify::new(),
            partitions: AtomicU32::new(0),
            ended,
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

    /// Whether there is a producer, and its broker is not away.
    pub(crate) fn is_working(&self) -> bool {
        self.producer()
            .is_some_and(|producer| producer.health().status < Status::Down)
    }

    /// What an input that publishes here has to wait for, if anything.
    pub(crate) fn outage(&self) -> Option<Health> {
        let health = match self.producer() {
            Some(producer) => producer.health(),
            None => self.status.health(),
        };
        let why = match (health.status, health.reason) {
            (Status::Down, reason) => reason.unwrap_or_else(|| "its broker is away".to_owned()),
            _ if self.producer().is_none() => format!("it is {}", self.status.state()),
            _ => return None,
        };
        Some(Health {
            status: Status::Degraded,
            reason: Some(format!("waits for the output `{}`: {why}", self.name)),
            since: health.since,
        })
    }

    /// Makes a record of a value.
    ///
    /// # Errors
    /// A permanent error when an expression fails.
    pub(crate) fn record(
        &self,
        output: Output,
        input: Option<&RawMessage>,
        copied: &mut Copied,
    ) -> Result<Box<OutboundRecord>> {
        let partitions = match self.spec.partition_key {
            Some(_) => self.partition_count(),
            None => None,
        };
        record::record(&self.spec, output, input, copied, partitions)
            .map_err(|error| error.with("binding", &self.name))
    }

    fn partition_count(&self) -> Option<u32> {
        match self.producer().and_then(|producer| producer.partition_count()) {
            Some(count) => {
                self.partitions.store(count, Ordering::Relaxed);
                Some(count)
            }
            None => Some(self.partitions.load(Ordering::Relaxed)).filter(|count| *count > 0),
        }
    }

    /// Waits, where a record's partition depends on how many the destination has, until that is known.
    ///
    /// # Errors
    /// When there is no producer within the confirm timeout, or the application ends.
    pub(crate) async fn placeable(&self) -> Result<()> {
        if self.spec.partition_key.is_none() || self.partition_count().is_some() {
            return Ok(());
        }
        self.within_limit(self.bound()).await
    }

    /// Hands a record to the producer, in the order of the caller's calls.
    ///
    /// # Errors
    /// It comes back when there is no room, or no producer yet: await [`OutputBinding::ready`].
    pub(crate) fn offer(&self, record: Box<OutboundRecord>, confirm: Confirm) -> Result<(), Full> {
        let current = self.producer.read().unwrap_or_else(PoisonError::into_inner);
        match &*current {
            Some(producer) => producer.send(record, confirm),
            None => Err(Full::new(record, confirm)),
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
    pub(crate) async fn publish(&self, record: Box<OutboundRecord>) -> Result<Position> {
        let (confirm, answer) = Confirm::channel();
        self.within_limit(self.hand_over(record, confirm)).await?;
        let result = answer.await;
        self.metrics.published(result.is_ok());
        result.map_err(|error| error.with("binding", &self.name))
    }

    async fn within_limit(&self, doing: impl Future<Output = ()>) -> Result<()> {
        let limit = self.spec.producer.confirm_timeout;
        tokio::select! {
            biased;
            done = tokio::time::timeout(limit, doing) => done.map_err(|_| self.no_room(limit)),
            () = self.ended.cancelled() => {
                Err(Error::new(ErrorKind::Closed, "the application has ended").with("binding", &self.name))
            }
        }
    }

    async fn hand_over(&self, mut record: Box<OutboundRecord>, mut confirm: Confirm) {
        while let Err(full) = self.offer(record, confirm) {
            (record, confirm) = (full.record, full.confirm);
            self.ready().await;
        }
    }

    fn no_room(&self, limit: Duration) -> Error {
        let reason = self
            .status
            .health()
            .reason
            .unwrap_or_else(|| match self.producer() {
                Some(_) => "its producer has no room".to_owned(),
                None => format!("the binding is {}", self.status.state()),
            });
        Error::temporary(
            ErrorKind::Timeout,
            format!("nothing could be published within {limit:?}: {reason}"),
        )
        .with("binding", &self.name)
    }
}
