//! The three services, each an application of its own, in one process.

use std::sync::Arc;
use std::time::Duration;

use bindery::memory::{MemoryBinderFactory, MemoryBroker};
use bindery::{Application, BindingState, Error, ErrorKind, Running, relaxed};
use futures_util::future::try_join3;
use inventory_service::Warehouse;
use order_service::{OrderBook, Orders};
use payment_service::{Ledger, Provider};
use shop_events::data;

use crate::Books;
use crate::options::Options;

/// The running services.
#[derive(Debug)]
pub struct Shop {
    /// The order service's front door.
    pub orders: Orders,
    /// What the services keep.
    pub books: Books,
    order: Running,
    inventory: Running,
    payment: Running,
}

impl Shop {
    /// Starts the services as they are configured.
    ///
    /// # Errors
    /// When a configuration has problems. Then nothing is started.
    pub async fn start(options: &Options) -> bindery::Result<Self> {
        let passes = data::passes(options.load.orders);
        let (warehouse, ledger, book) = (
            Warehouse::stocked(passes),
            Ledger::opened(passes),
            OrderBook::default(),
        );
        let provider = Provider::with_seed(options.seed);
        let stocks = warehouse.left();

        let broker = MemoryBroker::new();
        let applications = [
            configured(
                order_service::application(book.clone()),
                "order",
                options,
                &broker,
            )?,
            configured(
                inventory_service::application(warehouse.clone()),
                "inventory",
                options,
                &broker,
            )?,
            configured(
                payment_service::application(ledger.clone(), provider),
                "payment",
                options,
                &broker,
            )?,
        ];
        for application in &applications {
            application.check()?;
        }
        let [order, inventory, payment] = applications;
        let (order, inventory, payment) = (
            order.start().await?,
            inventory.start().await?,
            payment.start().await?,
        );
        let orders = Orders::new(book.clone(), order.stream_bridge());
        let books = Books {
            orders: book,
            warehouse,
            ledger,
            stocks,
        };
        Ok(Self {
            orders,
            books,
            order,
            inventory,
            payment,
        })
    }

    /// Waits until every binding of every service runs.
    ///
    /// # Errors
    /// When the time is over: the error names a binding that doesn't run, and why.
    pub async fn wait_ready(&self, deadline: Duration) -> bindery::Result {
        let (order, inventory, payment) = (&self.order, &self.inventory, &self.payment);
        let ready = (
            order.wait_ready(deadline),
            inventory.wait_ready(deadline),
            payment.wait_ready(deadline),
        );
        try_join3(ready.0, ready.1, ready.2).await.map(drop)
    }

    /// Attempts that were made again, in all services.
    pub fn retried(&self) -> u64 {
        self.services().map(|running| running.totals().retried).sum()
    }

    /// Messages that are delivered and not settled, in all services.
    pub fn unsettled(&self) -> u64 {
        self.services().map(|running| running.totals().in_flight).sum()
    }

    /// The bindings that don't run or have messages in hand, each with its state in words.
    pub fn troubles(&self) -> Vec<String> {
        let bindings = self.services().flat_map(|running| running.bindings().all());
        bindings
            .filter(|binding| binding.in_flight() > 0 || binding.state() != BindingState::Running)
            .map(|binding| {
                let (name, state, unsettled) =
                    (binding.name(), binding.state().as_str(), binding.in_flight());
                let reason = binding
                    .health()
                    .reason
                    .map(|reason| format!(": {reason}"))
                    .unwrap_or_default();
                format!("{name} is {state}, {unsettled} messages are unsettled{reason}")
            })
            .collect()
    }

    fn services(&self) -> impl Iterator<Item = &Running> {
        [&self.order, &self.inventory, &self.payment].into_iter()
    }

    /// Stops the services.
    ///
    /// # Errors
    /// When one takes longer than its deadline.
    pub async fn shutdown(self) -> bindery::Result {
        try_join3(
            self.order.shutdown(),
            self.inventory.shutdown(),
            self.payment.shutdown(),
        )
        .await
        .map(drop)
    }
}

/// One service with its configuration, and with what the command line adds to it.
fn configured(
    application: Application,
    service: &str,
    options: &Options,
    broker: &MemoryBroker,
) -> bindery::Result<Application> {
    let directory = options.config.join(service);
    let file = directory.join("application.yaml");
    let yaml = std::fs::read_to_string(&file).map_err(|error| {
        let text = format!(
            "`{}` can't be read: run the shop where `config` is, or name it with `--config`",
            file.display()
        );
        Error::new(ErrorKind::Configuration, text).caused_by(error)
    })?;
    let application = application
        .config_directory(directory)
        .arguments(
            options
                .properties
                .iter()
                .filter(|property| concerns(property, &yaml)),
        )
        .property("shop.prefix", &options.prefix)
        .binder(Arc::new(MemoryBinderFactory::new(broker.clone())));
    Ok(match &options.profile {
        Some(profile) => application.profile(profile),
        None => application,
    })
}

/// Whether a property is for the service with this YAML: one of a single binding is for the service that names it.
fn concerns(property: &str, yaml: &str) -> bool {
    let binding = property
        .split_once(".bindings.")
        .and_then(|(_, rest)| rest.split(['.', '=']).next());
    binding.is_none_or(|binding| relaxed(yaml).contains(&relaxed(binding)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_of_a_binding_is_for_the_service_that_names_it() {
        let yaml = "bindings:\n  reserve_stock-in-0:\n    destination: orders\n";
        assert!(concerns("--stream.bindings.reserveStock-in-0.group=g", yaml));
        assert!(concerns("--spring.rabbitmq.addresses=host:5672", yaml));
        assert!(!concerns(
            "--stream.kafka.bindings.charge-in-0.consumer.enable-dlq=true",
            yaml
        ));
    }
}
