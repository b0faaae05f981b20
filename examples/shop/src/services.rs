//! The three services, each an application of its own, in one process.

use std::sync::Arc;
use std::time::Duration;

use bindery::memory::{MemoryBinderFactory, MemoryBroker};
use bindery::{Application, Running};
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
    /// When a configuration has problems.
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
        let configure = |application: Application, service: &str| {
            let application = application
                .config_directory(options.config.join(service))
                .property("shop.prefix", &options.prefix)
                .binder(Arc::new(MemoryBinderFactory::new(broker.clone())));
            match &options.profile {
                Some(profile) => application.profile(profile),
                None => application,
            }
        };
        let order = configure(order_service::application(book.clone()), "order")
            .start()
            .await?;
        let inventory = configure(inventory_service::application(warehouse.clone()), "inventory")
            .start()
            .await?;
        let payment = configure(payment_service::application(ledger.clone(), provider), "payment")
            .start()
            .await?;
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
