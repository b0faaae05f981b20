//! A TCP relay that stands before a broker and spoils the connections through it, as a network does. It needs no
//! privileges, so it runs wherever the bench does.

mod carry;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What clients send.
    ToBroker,
    /// What the broker sends.
    ToClient,
    /// Everything.
    Both,
}

impl Direction {
    /// Whether what goes this way is meant by `self`.
    fn covers(self, way: Self) -> bool {
        self == Self::Both || self == way
    }
}

/// What becomes of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They pass at once.
    Pass,
    /// They arrive this much later, in order.
    Delay(Duration),
    /// They pass no faster than this, each way of each connection.
    Throttle {
        /// Bytes in a second, at least 1.
        bytes_per_second: u64,
    },
    /// They don't arrive while this lasts, and nobody is told; afterwards they do, as after a route that came back.
    Blackhole(Direction),
    /// Open connections go on; nobody listens for new ones.
    Refuse,
    /// Each connection is reset once this many more bytes went through it, both ways together.
    CutAfter(u64),
}

impl Mode {
    fn holds(self, way: Direction) -> bool {
        matches!(self, Self::Blackhole(held) if held.covers(way))
    }
}

/// A running relay. Dropping it ends its connections.
#[derive(Debug)]
pub struct Relay {
    /// Bound and never listening: it keeps the port while nobody listens.
    _reserved: TcpSocket,
    address: SocketAddr,
    control: Arc<Control>,
    accepting: JoinHandle<()>,
}

/// What the relay and its connections share.
#[derive(Debug)]
struct Control {
    /// Set anew, a mode counts as changed even when it is the same: a cut after so many bytes begins to count again.
    mode: watch::Sender<Mode>,
    resets: watch::Sender<u64>,
    open: AtomicUsize,
}

impl Relay {
    /// Listens at `listen` (port 0: any) for what is to reach `upstream`. To be called within a tokio runtime.
    ///
    /// # Errors
    /// When the address is taken.
    pub fn open(listen: SocketAddr, upstream: SocketAddr) -> io::Result<Self> {
        let reserved = socket(listen)?;
        let address = reserved.local_addr()?;
        let control = Arc::new(Control {
            mode: watch::Sender::new(Mode::Pass),
            resets: watch::Sender::new(0),
            open: AtomicUsize::new(0),
        });
        let listener = socket(address)?.listen(1024)?;
        let accepting = tokio::spawn(accept(listener, address, upstream, control.clone()));
        Ok(Self {
            _reserved: reserved,
            address,
            control,
            accepting,
        })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what becomes of the bytes of all connections, open ones and later ones.
    pub fn set(&self, mode: Mode) {
        self.control.mode.send_replace(mode);
    }

    /// Resets every open connection on both sides (RST); returns how many there were.
    pub fn reset_all(&self) -> usize {
        let open = self.connections();
        self.control.resets.send_modify(|count| *count += 1);
        open
    }

    /// How many connections are open.
    pub fn connections(&self) -> usize {
        self.control.open.load(Ordering::Acquire)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    // The socket that keeps the port and the one that listens share it.
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn accept(listener: TcpListener, address: SocketAddr, upstream: SocketAddr, control: Arc<Control>) {
    let mut listener = Some(listener);
    let mut mode = control.mode.subscribe();
    let mut connections = JoinSet::new();
    loop {
        match (*mode.borrow_and_update() == Mode::Refuse, listener.is_some()) {
            (true, true) => listener = None,
            // The port is reserved, so this fails only when the machine has no descriptors left.
            (false, false) => listener = socket(address).and_then(|socket| socket.listen(1024)).ok(),
            _ => {}
        }
        tokio::select! {
            accepted = next(listener.as_ref()) => if let Ok(client) = accepted {
                connections.spawn(Open::new(control.clone()).carry(client, upstream));
            },
            changed = mode.changed() => if changed.is_err() {
                return;
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn next(listener: Option<&TcpListener>) -> io::Result<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.map(|(client, _)| client),
        None => std::future::pending().await,
    }
}

/// One open connection, counted for as long as it lives.
struct Open(Arc<Control>);

impl Open {
    fn new(control: Arc<Control>) -> Self {
        control.open.fetch_add(1, Ordering::AcqRel);
        Self(control)
    }

    async fn carry(self, client: TcpStream, upstream: SocketAddr) {
        carry::connection(client, upstream, &self.0).await;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests;
