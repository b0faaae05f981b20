//! The service whose cost is counted, in a process of its own: it finds its messages waiting, handles them, settles them
//! and ends. One thread runs it, so that nothing is spent on handing work from thread to thread; a broker's client has
//! its own threads beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bench_common::Order;
use bindery::prelude::*;
use bindery::{Application, Running};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region};
use tokio::sync::Notify;

use crate::{Binder, Case};

/// The size of a message.
const BYTES: usize = 512;
/// How many are published at once while the input is filled.
const AT_ONCE: usize = 500;
/// How long anything may take, with valgrind on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// What one process allocated.
#[derive(Clone, Copy, Debug)]
pub struct Allocated {
    /// How often memory was asked for: allocations and reallocations.
    pub times: u64,
    /// How many bytes, growth of reallocations included.
    pub bytes: u64,
}

/// How many messages were handled, and the wish to know when it is all of them.
#[derive(Clone, Debug)]
struct Count(Arc<State>);

#[derive(Debug)]
struct State {
    handled: AtomicU64,
    expected: u64,
    all: Notify,
}

impl Count {
    fn of(expected: u64) -> Self {
        Self(Arc::new(State {
            handled: AtomicU64::new(0),
            expected,
            all: Notify::new(),
        }))
    }

    fn handled(&self) -> u64 {
        self.0.handled.load(Ordering::Relaxed)
    }

    fn one(&self) {
        if self.0.handled.fetch_add(1, Ordering::Relaxed) + 1 == self.0.expected {
            self.0.all.notify_one();
        }
    }
}

#[stream_listener]
async fn consume(_order: Order, count: bindery::State<Count>) {
    count.one();
}

#[stream_listener]
async fn pass_through(order: Order, count: bindery::State<Count>) -> Order {
    count.one();
    order
}

/// One service.
#[derive(Clone, Debug)]
pub struct Subject {
    /// What carries its messages.
    pub binder: Binder,
    /// What it does with them.
    pub case: Case,
    /// What the names of its topics or queues begin with.
    pub name: String,
    /// How many messages there are.
    pub count: u64,
}

impl Subject {
    /// Publishes the messages and handles none. On a broker they wait for [`Subject::run`]; in memory this is what `run`
    /// does besides handling them.
    ///
    /// # Errors
    /// When the broker can't be reached or refuses a message.
    pub fn fill(&self) -> Result<()> {
        block_on(async {
            let application = match self.binder {
                Binder::Memory => self.listening(&Count::of(self.count)),
                Binder::Kafka | Binder::Rabbit => self.application(),
            };
            let running = application.profile("fill").start().await?;
            self.publish(&running).await?;
            Ok(running.shutdown().await?)
        })
    }

    /// Handles the messages, each once, settles them and ends. In memory they are published first. Allocations are
    /// counted from when the listener is bound until everything is closed.
    ///
    /// # Errors
    /// When a message doesn't come, or more come than there should be.
    pub fn run(&self) -> Result<Allocated> {
        block_on(async {
            let count = Count::of(self.count);
            let mut application = self.listening(&count);
            if self.binder == Binder::Memory {
                application = application.profile("fill");
            }
            let running = application.start().await?;
            if self.binder == Binder::Memory {
                self.publish(&running).await?;
            }
            begin();
            let region = Region::new(&INSTRUMENTED_SYSTEM);
            self.handle(running, &count).await?;
            let change = region.change();
            ensure!(
                change.allocations > 0,
                "nothing was counted: the program has another allocator"
            );
            Ok(Allocated {
                times: (change.allocations + change.reallocations) as u64,
                bytes: change.bytes_allocated as u64,
            })
        })
    }

    async fn handle(&self, running: Running, count: &Count) -> Result<()> {
        let input = running
            .bindings()
            .all()
            .into_iter()
            .find(|binding| binding.name().ends_with("-in-0"))
            .context("the service has no input")?;
        input.start().await?;
        tokio::time::timeout(PATIENCE, count.0.all.notified())
            .await
            .with_context(|| format!("only {} messages came", count.handled()))?;
        running.shutdown().await?;
        ensure!(
            count.handled() == self.count,
            "{} messages were handled in place of {}",
            count.handled(),
            self.count
        );
        Ok(())
    }

    async fn publish(&self, running: &Running) -> Result<()> {
        let bridge = running.stream_bridge();
        for first in (0..self.count).step_by(AT_ONCE) {
            let orders = first..self.count.min(first + AT_ONCE as u64);
            let sent = orders.map(|id| bridge.send("fill-out-0", Order::sample(id, 0, id, 0, BYTES)));
            futures_util::future::try_join_all(sent).await?;
        }
        Ok(())
    }

    fn listening(&self, count: &Count) -> Application {
        let application = self.application().state(count.clone());
        match self.case {
            Case::Consume => application.profile("consume").listeners(listeners![consume]),
            Case::PassThrough => application
                .profile("pass_through")
                .listeners(listeners![pass_through]),
        }
    }

    fn application(&self) -> Application {
        Application::new()
            .quiet()
            .yaml("application.yaml", include_str!("../config/application.yaml"))
            .property("cost.run", &self.name)
            .profile(self.binder.name())
    }
}

/// Where counting begins: valgrind forgets what it has counted when it comes here.
#[inline(never)]
fn begin() {
    std::hint::black_box(());
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime can't start")?
        .block_on(work)
}
