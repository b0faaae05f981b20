//! A gate before an encrypted listener: it counts who comes, and whether each begins to encrypt at once.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::{TcpListener, TcpStream};

/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;

/// A gate at a port of its own. It runs on the runtime on which it was started, until it is dropped.
#[derive(Debug)]
pub struct Gate {
    address: SocketAddr,
    counts: Arc<Counts>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicUsize,
    unencrypted: AtomicUsize,
}

impl Gate {
    /// Starts a gate at an address of the loopback, such as `127.0.0.2`, before the listener at `target`.
    ///
    /// # Panics
    /// When no port can be bound there.
    pub async fn start(host: &str, target: &str) -> Self {
        let listener = TcpListener::bind((host, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let counts = Arc::new(Counts::default());
        let task = tokio::spawn(accept(listener, target.to_owned(), counts.clone()));
        Self {
            address,
            counts,
            task,
        }
    }

    /// What clients connect to.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// How many connections came so far.
    pub fn connections(&self) -> usize {
        self.counts.connections.load(Ordering::Relaxed)
    }

    /// How many of them began with anything but a TLS handshake.
    pub fn unencrypted(&self) -> usize {
        self.counts.unencrypted.load(Ordering::Relaxed)
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, target: String, counts: Arc<Counts>) {
    while let Ok((client, _)) = listener.accept().await {
        counts.connections.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(pass(client, target.clone(), counts.clone()));
    }
}

async fn pass(mut client: TcpStream, target: String, counts: Arc<Counts>) {
    let mut first = [0];
    if matches!(client.peek(&mut first).await, Ok(1)) && first != [HANDSHAKE] {
        counts.unencrypted.fetch_add(1, Ordering::Relaxed);
    }
    if let Ok(mut server) = TcpStream::connect(target).await {
        // A connection that breaks is what the clients behind the gate are tested with.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
}
