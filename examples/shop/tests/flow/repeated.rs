//! The services under the worst that brokers may do: messages come again, in any order between destinations, and a
//! payment becomes a dead letter although it was taken. The listeners are called directly, without a broker.

use std::collections::VecDeque;

use bindery::prelude::*;
use inventory_service::{Warehouse, release_dead, release_declined, reserve_stock};
use order_service::{OrderBook, confirm, give_up, reject_unavailable, reject_unpaid};
use payment_service::{Ledger, Provider, charge, refund_dead};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use shop::Books;
use shop_events::{OrderPlaced, PaymentDeclined, PaymentTaken, StockRejected, StockReserved, data};

const MAX_ATTEMPTS: u32 = 4;

/// A message on its way to one listener.
#[derive(Clone)]
enum Delivery {
    Reserve(OrderPlaced),
    Charge(StockReserved),
    Confirm(PaymentTaken),
    RejectUnavailable(StockRejected),
    RejectUnpaid(PaymentDeclined),
    ReleaseDeclined(PaymentDeclined),
    GiveUp(StockReserved),
    ReleaseDead(StockReserved),
    RefundDead(StockReserved),
}

use Delivery::*;

struct Services {
    book: State<OrderBook>,
    warehouse: State<Warehouse>,
    ledger: State<Ledger>,
    provider: State<Provider>,
}

impl Services {
    /// Calls the listener, and returns what it publishes. `unlucky` payments can't publish.
    async fn deliver(&self, delivery: Delivery, unlucky: bool) -> Vec<Delivery> {
        match delivery {
            Reserve(order) => {
                let (reserved, rejected) = reserve_stock(order, self.warehouse.clone()).await;
                reserved
                    .map(Charge)
                    .into_iter()
                    .chain(rejected.map(RejectUnavailable))
                    .collect()
            }
            Charge(reserved) => self.charge(reserved, unlucky).await,
            Confirm(taken) => silent(confirm(taken, self.book.clone())).await,
            RejectUnavailable(rejected) => silent(reject_unavailable(rejected, self.book.clone())).await,
            RejectUnpaid(declined) => silent(reject_unpaid(declined, self.book.clone())).await,
            ReleaseDeclined(declined) => silent(release_declined(declined, self.warehouse.clone())).await,
            GiveUp(dead) => silent(give_up(dead, self.book.clone())).await,
            ReleaseDead(dead) => silent(release_dead(dead, self.warehouse.clone())).await,
            RefundDead(dead) => silent(refund_dead(dead, self.ledger.clone())).await,
        }
    }

    async fn charge(&self, reserved: StockReserved, unlucky: bool) -> Vec<Delivery> {
        let dead_letter = vec![
            GiveUp(reserved.clone()),
            ReleaseDead(reserved.clone()),
            RefundDead(reserved.clone()),
        ];
        for attempt in 1..=MAX_ATTEMPTS {
            let charged = charge(
                reserved.clone(),
                Attempt(attempt),
                self.provider.clone(),
                self.ledger.clone(),
            )
            .await;
            match charged {
                Ok(_) if unlucky => return dead_letter,
                Ok((Some(taken), _)) => return vec![Confirm(taken)],
                Ok((_, Some(declined))) => {
                    return vec![RejectUnpaid(declined.clone()), ReleaseDeclined(declined)];
                }
                Ok((None, None)) => return Vec::new(),
                Err(_) => {}
            }
        }
        dead_letter
    }
}

async fn silent(listener: impl Future<Output = ()>) -> Vec<Delivery> {
    listener.await;
    Vec::new()
}

#[tokio::test]
async fn messages_that_come_again_and_in_any_order_change_nothing() {
    for seed in 0..3 {
        let mut random = StdRng::seed_from_u64(seed);
        let (book, warehouse, ledger) = (OrderBook::default(), Warehouse::stocked(1), Ledger::opened(1));
        let books = Books {
            orders: book.clone(),
            ledger: ledger.clone(),
            stocks: warehouse.left(),
            warehouse,
        };
        let services = Services {
            book: State::new(book),
            warehouse: State::new(books.warehouse.clone()),
            ledger: State::new(ledger),
            provider: State::new(Provider::with_seed(seed)),
        };

        let orders: Vec<_> = data::orders(3_000).collect();
        for order in &orders {
            books.orders.open(order.order_id);
        }
        let mut waiting: VecDeque<_> = orders.iter().cloned().map(Reserve).collect();
        while !waiting.is_empty() {
            let any = random.random_range(0..waiting.len());
            waiting.swap(0, any);
            let Some(delivery) = waiting.pop_front() else {
                break;
            };
            let published = services
                .deliver(delivery.clone(), random.random_ratio(1, 100))
                .await;
            waiting.extend(published);
            if random.random_ratio(1, 4) {
                waiting.push_back(delivery);
            }
        }

        let audit = books.audit(&orders);
        assert!(audit.ok(), "seed {seed}\n{audit}");
        assert!(
            audit.dead_lettered > 20 && audit.confirmed > 2_000 && audit.rejected > 100,
            "{audit}"
        );
    }
}
