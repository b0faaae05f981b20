//! The binder: two connections, one to consume and one to publish, and what is bound over them.

use std::sync::Arc;

use async_trait::async_trait;
use bindery_core::{
    Binder, BinderFactory, BinderSpec, Capabilities, Consumer, ConsumerSpec, Health, Producer, ProducerSpec,
    PropertyCatalog, Result,
};

use crate::catalog::CATALOG;
use crate::connection::Link;
use crate::error::misconfigured;
use crate::options::{ConsumerOptions, ProducerOptions};
use crate::settings::Settings;
use crate::topology::plan_consumer;
use crate::{consumer, producer};

/// Spring compresses with the fastest level.
const COMPRESSION_LEVEL: i64 = 1;

/// Makes binders of kind `rabbit`.
#[derive(Clone, Copy, Debug, Default)]
pub struct RabbitBinderFactory;

impl BinderFactory for RabbitBinderFactory {
    fn kind(&self) -> &'static str {
        "rabbit"
    }

    fn properties(&self) -> PropertyCatalog {
        CATALOG
    }

    fn create(&self, spec: &BinderSpec) -> Result<Arc<dyn Binder>> {
        let settings = Arc::new(Settings::read(spec)?);
        let level = spec
            .options
            .integer("compression-level")
            .unwrap_or(COMPRESSION_LEVEL);
        Ok(Arc::new(RabbitBinder {
            consuming: Link::new(settings.clone(), "consumers"),
            publishing: Link::new(settings, "producers"),
            compression_level: u32::try_from(level).unwrap_or(1),
        }))
    }

    fn check_consumer(&self, spec: &ConsumerSpec) -> Result<()> {
        let options = ConsumerOptions::read(&spec.options);
        check_destination(&spec.destination)?;
        if spec.partitioned && spec.group.is_none() {
            return Err(misconfigured(
                "`consumer.partitioned` needs a `group`: the queues of an anonymous group have no index",
            ));
        }
        if spec.partitioned && options.destination.exchange_type == "fanout" {
            return Err(misconfigured(
                "`consumer.partitioned` doesn't go with `exchange-type: fanout`, which ignores routing keys",
            ));
        }
        Ok(())
    }

    fn check_producer(&self, spec: &ProducerSpec) -> Result<()> {
        let options = ProducerOptions::read(&spec.options);
        check_destination(&spec.destination)?;
        if spec.partition_count.is_none() {
            return Ok(());
        }
        if options.destination.exchange_type == "fanout" {
            return Err(misconfigured(
                "a partitioned output doesn't go with `exchange-type: fanout`, which ignores routing keys",
            ));
        }
        options.check_partitioned_routing(&spec.destination, !spec.required_groups.is_empty())
    }

    fn dead_letter_destination(&self, spec: &ConsumerSpec) -> Option<String> {
        let options = ConsumerOptions::read(&spec.options);
        plan_consumer(spec, &options, "")
            .dead_letter
            .map(|place| place.queue)
    }
}

/// An exchange without a name is the broker's own, to which nothing can be bound.
fn check_destination(destination: &str) -> Result<()> {
    if destination.is_empty() {
        return Err(misconfigured(
            "`destination` is empty; give it the name of an exchange",
        ));
    }
    Ok(())
}

/// A connection to one RabbitMQ broker or cluster.
#[derive(Debug)]
struct RabbitBinder {
    consuming: Arc<Link>,
    publishing: Arc<Link>,
    compression_level: u32,
}

#[async_trait]
impl Binder for RabbitBinder {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            partitions: true,
            keys: false,
            tombstones: false,
            native_dead_letter: true,
            redelivers_released: true,
            reports_unroutable: true,
            retains: false,
        }
    }

    async fn bind_consumer(&self, spec: &ConsumerSpec) -> Result<Consumer> {
        RabbitBinderFactory.check_consumer(spec)?;
        let bound = consumer::bind(&self.consuming, &self.publishing, spec).await;
        bound.map_err(bindery_core::Error::from)
    }

    async fn bind_producer(&self, spec: &ProducerSpec) -> Result<Arc<dyn Producer>> {
        RabbitBinderFactory.check_producer(spec)?;
        let bound = producer::bind(&self.publishing, spec, self.compression_level).await;
        bound
            .map(|producer| producer as Arc<dyn Producer>)
            .map_err(bindery_core::Error::from)
    }

    fn health(&self) -> Health {
        let parts = [self.consuming.health(), self.publishing.health()];
        Health::of_parts(parts).unwrap_or_else(Health::unknown)
    }

    async fn close(&self) {
        tokio::join!(self.consuming.close(), self.publishing.close());
    }
}
