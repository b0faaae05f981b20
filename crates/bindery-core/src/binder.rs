//! Binders: one trait stands in front of every broker.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    BinderSpec, Capabilities, Consumer, ConsumerSpec, Health, Producer, ProducerSpec, PropertyCatalog, Result,
};

/// A connection to one broker. It binds consumers and producers to destinations, which it provisions first.
///
/// All calls are cold. A binder connects when it first binds and reconnects by itself for as long as it lives.
#[async_trait]
pub trait Binder: Send + Sync + fmt::Debug {
    /// What this binder can do.
    fn capabilities(&self) -> Capabilities;

    /// Provisions the destination and the group, and starts to consume.
    ///
    /// # Errors
    /// Temporary when the broker can't be reached: the runtime binds again with back-off. Permanent when the
    /// configuration and the broker don't agree; nothing that exists is altered or declared anew.
    ///
    /// # Cancel safety
    /// A cancelled call may have provisioned the destination; it consumes nothing.
    async fn bind_consumer(&self, spec: &ConsumerSpec) -> Result<Consumer>;

    /// Provisions the destination and gets ready to publish.
    ///
    /// # Errors
    /// As for [`Binder::bind_consumer`].
    async fn bind_producer(&self, spec: &ProducerSpec) -> Result<Arc<dyn Producer>>;

    /// How the connection is. Quick: it reports what is known and asks nobody.
    fn health(&self) -> Health;

    /// Closes what is left of the connection. Consumers and producers are closed before.
    async fn close(&self);
}

/// Makes binders of one kind.
pub trait BinderFactory: Send + Sync + fmt::Debug {
    /// The kind, as configuration names it: `kafka`, `rabbit`, `memory`.
    fn kind(&self) -> &'static str;

    /// The properties that this kind knows.
    fn properties(&self) -> PropertyCatalog;

    /// Makes a binder; no connection is made yet.
    ///
    /// # Errors
    /// When the properties don't go together; the error names the property.
    fn create(&self, spec: &BinderSpec) -> Result<Arc<dyn Binder>>;

    /// Checks an input before anything is connected: what this kind can't honour is an error.
    ///
    /// # Errors
    /// When the spec asks for what the binder can't do; the error names the property.
    fn check_consumer(&self, _spec: &ConsumerSpec) -> Result<()> {
        Ok(())
    }

    /// Checks an output before anything is connected.
    ///
    /// # Errors
    /// As for [`BinderFactory::check_consumer`].
    fn check_producer(&self, _spec: &ProducerSpec) -> Result<()> {
        Ok(())
    }

    /// The name of an input's dead letter destination, for the table at startup, before anything is bound.
    fn dead_letter_destination(&self, _spec: &ConsumerSpec) -> Option<String> {
        None
    }
}
