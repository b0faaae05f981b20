//! A running application, for whoever started it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bindery_core::{ApplicationHealth, Error, ErrorKind, Operations, Result};
use tokio::time::Instant;

use crate::application::Server;
use crate::assembly::{Site, Tasks};
use crate::binding::{BindingState, Bindings};
use crate::config::Model;
use crate::operations::RuntimeOperations;
use crate::outbound::StreamBridge;

/// How often recorded times are moved into their buckets and gauges are refreshed.
const UPKEEP: Duration = Duration::from_secs(5);

/// What an application consists of while it runs.
pub(crate) struct Parts {
    pub(crate) bridge: StreamBridge,
    pub(crate) site: Arc<Site>,
}

/// Totals over every input of an application since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Attempts that were made again.
    pub retried: u64,
    /// Messages that were dead-lettered.
    pub dead_lettered: u64,
    /// Messages that are delivered and not settled now.
    pub in_flight: u64,
}

/// The handle of a running application. Dropping it stops the application without waiting.
pub struct Running {
    parts: Parts,
    server: Option<Box<dyn Server>>,
    guard: StopGuard,
}

/// Ends the tasks of an application whose handle is gone.
struct StopGuard(Tasks);

impl Drop for StopGuard {
    fn drop(&mut self) {
        self.0.stop_inputs.cancel();
        self.0.stop_outputs.cancel();
    }
}

impl Running {
    pub(crate) fn new(parts: Parts) -> Self {
        let site = parts.site.clone();
        let ended = site.tasks.stop_outputs.clone();
        parts
            .site
            .tasks
            .outputs
            .spawn(ended.run_until_cancelled_owned(async move {
                loop {
                    tokio::time::sleep(UPKEEP).await;
                    site.observe();
                }
            }));
        let guard = StopGuard(parts.site.tasks.clone());
        Self {
            parts,
            server: None,
            guard,
        }
    }

    pub(crate) fn serve(&mut self, server: Option<Box<dyn Server>>) {
        self.server = server;
    }

    /// The operations of the application: health, bindings, metrics.
    pub fn operations(&self) -> Arc<dyn Operations> {
        Arc::new(RuntimeOperations::new(self.parts.site.clone()))
    }

    /// How every binder and every binding is now, with its reason and since when: what the actuator shows.
    pub fn health(&self) -> ApplicationHealth {
        self.operations().health()
    }

    /// Where the operations are served, if they are.
    pub fn management_address(&self) -> Option<std::net::SocketAddr> {
        self.server.as_ref().map(|server| server.address())
    }

    /// Publishes from anywhere in the program.
    pub fn stream_bridge(&self) -> StreamBridge {
        self.parts.bridge.clone()
    }

    /// The bindings, with their states and control over them.
    pub fn bindings(&self) -> Bindings {
        self.parts.site.bindings.clone()
    }

    /// The resolved configuration.
    pub fn model(&self) -> &Model {
        &self.parts.site.model
    }

    /// Totals over every input.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for handle in self.bindings().all() {
            let Some(metrics) = &handle.metrics else { continue };
            totals.retried += metrics.totals().retried.load(Ordering::Relaxed);
            totals.dead_lettered += metrics.totals().dead_lettered.load(Ordering::Relaxed);
            totals.in_flight += metrics.in_flight();
        }
        totals
    }

    /// Waits until every binding that starts by itself runs.
    ///
    /// # Errors
    /// A timeout that names the first binding that doesn't run, and why.
    pub async fn wait_ready(&self, deadline: Duration) -> Result<()> {
        let until = Instant::now() + deadline;
        for handle in self.bindings().all() {
            let expected = [BindingState::Running, BindingState::Paused];
            if handle.auto_startup {
                handle
                    .wait_for(&expected, until.saturating_duration_since(Instant::now()))
                    .await?;
            }
        }
        Ok(())
    }

    /// Says once, when every binding runs, how long that took.
    pub(crate) fn announce_readiness(&self, started: Instant, banner: bool) {
        let handles: Vec<_> = self
            .bindings()
            .all()
            .into_iter()
            .filter(|handle| handle.auto_startup)
            .collect();
        let address = self.management_address();
        let ended = self.parts.site.tasks.stop_outputs.clone();
        self.parts
            .site
            .tasks
            .outputs
            .spawn(ended.run_until_cancelled_owned(async move {
                for handle in handles {
                    let mut watch = handle.status.watch();
                    let ready =
                        watch.wait_for(|state| matches!(state, BindingState::Running | BindingState::Paused));
                    if ready.await.is_err() {
                        return;
                    }
                }
                let took = started.elapsed();
                tracing::info!(ready.ms = took.as_millis() as u64, "every binding runs");
                if banner {
                    let address = address
                        .map(|address| format!("   http://{address}/actuator/health"))
                        .unwrap_or_default();
                    println!("ready in {} ms{address}", took.as_millis());
                }
            }));
    }

    /// Stops in order: inputs finish what they have started and leave their groups, then producers flush and close,
    /// then connections.
    ///
    /// # Errors
    /// A timeout when that took longer than `shutdown-timeout` (20 s); what wasn't settled is delivered again.
    ///
    /// # Cancel safety
    /// A dropped call leaves the application stopping in the background.
    pub async fn shutdown(self) -> Result<()> {
        let Self { parts, server, guard } = self;
        let Site {
            model,
            tasks,
            binders,
            ..
        } = &*parts.site;
        let limit = model.shutdown_timeout;
        let ending = async {
            tasks.stop_inputs.cancel();
            tasks.inputs.close();
            tasks.inputs.wait().await;
            tasks.stop_outputs.cancel();
            tasks.outputs.close();
            tasks.outputs.wait().await;
            for (_, binder) in binders.values() {
                binder.close().await;
            }
            if let Some(server) = server {
                server.shutdown().await;
            }
        };
        let ended = tokio::time::timeout(limit + Duration::from_secs(1), ending).await;
        drop(guard);
        ended.map_err(|_| {
            let text = format!(
                "stopping took longer than `shutdown-timeout` ({limit:?}); unsettled messages come again"
            );
            Error::temporary(ErrorKind::Timeout, text)
        })
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("bindings", &self.bindings().all())
            .finish_non_exhaustive()
    }
}
