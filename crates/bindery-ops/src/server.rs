//! The server: a listener of its own, few connections, a limit to every wait.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use bindery_core::{Error, ErrorKind, Operations, Result};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::{Exposure, router};

/// The most connections at a time; others wait in the backlog.
const MAX_CONNECTIONS: usize = 64;
/// How long a client may take to send the head of a request, also on a connection that is kept alive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection lives.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(300);
/// How long running requests may take after [`OpsServer::shutdown`].
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait before accepting again when the system is out of sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A running server of the endpoints. Dropping it stops it at once.
pub struct OpsServer {
    address: SocketAddr,
    stop: DropGuard,
    tasks: TaskTracker,
}

impl OpsServer {
    /// Listens on `address` (`management.server.address` and `.port`) and serves what is exposed. Port 0 takes a free
    /// one, see [`OpsServer::local_addr`].
    ///
    /// # Errors
    /// A configuration error when nobody can listen there, as when the port is taken.
    pub async fn bind(
        address: SocketAddr,
        exposure: &Exposure,
        operations: Arc<dyn Operations>,
    ) -> Result<Self> {
        let refused = |error: std::io::Error| {
            let message = format!(
                "the management server can't listen on `{address}`; choose another `management.server.port` or `management.server.address`"
            );
            Error::new(ErrorKind::Configuration, message).caused_by(error)
        };
        let listener = TcpListener::bind(address).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let serving = Serving {
            router: router(exposure, operations),
            stop: stop.clone(),
            tasks: tasks.clone(),
            slots: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
        };
        tasks.spawn(serving.accept(listener));
        Ok(Self {
            address,
            stop: stop.drop_guard(),
            tasks,
        })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Stops to listen, and waits up to 5 s for running requests.
    ///
    /// # Cancel safety
    /// A dropped call stops the server at once.
    pub async fn shutdown(self) {
        drop(self.stop);
        self.tasks.close();
        // Who is still reading an answer after that has had time enough.
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, self.tasks.wait()).await;
    }
}

impl fmt::Debug for OpsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OpsServer").field(&self.address).finish()
    }
}

struct Serving {
    router: Router,
    stop: CancellationToken,
    tasks: TaskTracker,
    slots: Arc<Semaphore>,
}

impl Serving {
    async fn accept(self, listener: TcpListener) {
        let stop = self.stop.clone();
        let accepting = async {
            loop {
                let Ok(slot) = self.slots.clone().acquire_owned().await else {
                    return;
                };
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let connection = serve(self.router.clone(), stream, self.stop.clone());
                        self.tasks.spawn(async move {
                            let _ = tokio::time::timeout(CONNECTION_TIMEOUT, connection).await;
                            drop(slot);
                        });
                    }
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                }
            }
        };
        stop.run_until_cancelled(accepting).await;
    }
}

/// Serves one connection. Its errors are its client's.
async fn serve(router: Router, stream: TcpStream, stop: CancellationToken) {
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => {}
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
