//! A bound output: records rendered for the wire and handed to its publisher.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bindery_core::{Confirm, Error, ErrorKind, Full, Health, OutboundRecord, Producer, ProducerSpec, Result};
use bytes::Bytes;
use lapin::types::ShortString;

use crate::connection::Link;
use crate::convert::compress;
use crate::dead_letter::routing_key;
use crate::error::Refusal;
use crate::obligation::Obligation;
use crate::options::ProducerOptions;
use crate::provision::{declare, short};
use crate::publisher::{Limits, NoSlot, Publication, Publisher, closed_producer};
use crate::render::{Rendering, publication, size_bytes};
use crate::topology::{plan_producer, producer_exchange};

/// What a message's headers may take: all properties travel in one frame, and every broker takes one of this size.
const HEADERS_MAX_BYTES: usize = 120 * 1024;

/// Connects, declares and gets ready to publish.
///
/// # Errors
/// What is wrong with the broker or with what exists there.
pub(crate) async fn bind(
    link: &Arc<Link>,
    spec: &ProducerSpec,
    compression_level: u32,
) -> Result<Arc<RabbitProducer>, Refusal> {
    let options = ProducerOptions::read(&spec.options);
    let topology = plan_producer(spec, &options);
    let exchange = short(&producer_exchange(spec, &options), "exchange")?;
    let live = link.first().await?;
    declare(&live, &topology).await?;
    let limits = Limits {
        window: usize::try_from(spec.max_in_flight.max(1)).unwrap_or(usize::MAX),
        confirm_timeout: spec.confirm_timeout,
    };
    let label = format!("producer `{}`", spec.binding);
    let default_key = options
        .routing_key
        .clone()
        .unwrap_or_else(|| spec.destination.to_string());
    Ok(Arc::new(RabbitProducer {
        exchange,
        default_key,
        partition_count: spec.partition_count,
        options,
        compression_level,
        publisher: Publisher::start(link.clone(), topology, limits, label),
    }))
}

/// Publishes the records of one output.
pub(crate) struct RabbitProducer {
    exchange: ShortString,
    default_key: String,
    partition_count: Option<u32>,
    options: ProducerOptions,
    compression_level: u32,
    publisher: Arc<Publisher>,
}

impl fmt::Debug for RabbitProducer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitProducer")
            .field("exchange", &self.exchange.as_str())
            .finish_non_exhaustive()
    }
}

impl RabbitProducer {
    fn render(&self, record: &OutboundRecord) -> Result<Publication> {
        let Some(payload) = record.payload.clone() else {
            return Err(Error::new(
                ErrorKind::Unsupported,
                "RabbitMQ has no tombstones: a record without payload can't be published",
            ));
        };
        let key = record.routing_key.as_deref().unwrap_or(&self.default_key);
        let key = match record.partition {
            Some(partition) => routing_key(&format!("{key}-{partition}"))?,
            None => routing_key(key)?,
        };
        let rendering = Rendering {
            patterns: &self.options.header_patterns,
            delivery_mode: self.options.delivery_mode,
            compressed: self.options.compress,
        };
        let properties = publication(&record.headers, record.key.as_ref(), &rendering)?;
        let headers = size_bytes(&properties);
        if headers > HEADERS_MAX_BYTES {
            return Err(Error::new(
                ErrorKind::Payload,
                format!(
                    "the headers take about {headers} bytes; at most {HEADERS_MAX_BYTES} fit into a frame"
                ),
            ));
        }
        Ok(Publication {
            exchange: self.exchange.clone(),
            routing_key: key,
            properties,
            body: self.body(payload)?,
            mandatory: self.options.mandatory,
        })
    }

    fn body(&self, payload: Bytes) -> Result<Bytes> {
        if !self.options.compress {
            return Ok(payload);
        }
        compress(&payload, self.compression_level).map_err(|error| {
            Error::new(ErrorKind::Payload, "the payload can't be compressed").caused_by(error)
        })
    }
}

impl Drop for RabbitProducer {
    fn drop(&mut self) {
        self.publisher.shut();
    }
}

#[async_trait]
impl Producer for RabbitProducer {
    fn send(&self, record: Box<OutboundRecord>, confirm: Confirm) -> Result<(), Full> {
        let slot = match self.publisher.reserve() {
            Ok(slot) => slot,
            Err(NoSlot::Full) => return Err(Full::new(record, confirm)),
            Err(NoSlot::Closed) => {
                confirm.fail(closed_producer(), record);
                return Ok(());
            }
        };
        match self.render(&record) {
            Ok(publication) => slot.fill(publication, Obligation::giving_back(record, confirm)),
            Err(error) => {
                confirm.fail(error, record);
                drop(slot);
            }
        }
        Ok(())
    }

    async fn ready(&self) {
        self.publisher.ready().await;
    }

    fn partition_count(&self) -> Option<u32> {
        self.partition_count
    }

    fn health(&self) -> Health {
        self.publisher.health()
    }

    async fn close(&self) {
        self.publisher.close().await;
    }
}
