//! A relay between a binder and its broker: it passes everything on until it is told to cut the line.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bindery_core::BinderSpec;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::Outage;

/// What the broker's answers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    /// Bytes that are passed on as they are.
    Plain,
    /// Frames of Kafka. They say where the broker is, and clients connect there; so the broker's port is replaced by
    /// the relay's wherever it follows the broker's host. That host must be the relay's own, `127.0.0.1`.
    Kafka,
}

/// A relay at a port of its own. It runs on the runtime on which it was started, until it is dropped.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    line: watch::Sender<Line>,
}

/// Whether connections may pass. Each cut ends those that are there, even when it is over before they look.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    is_cut: bool,
    cuts: u64,
}

impl Relay {
    /// Starts a relay to the broker at `target`, such as `127.0.0.1:5672`.
    ///
    /// # Panics
    /// When no port can be bound.
    pub fn start(target: &str, answers: Answers) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let (line, watched) = watch::channel(Line::default());
        let swap = match answers {
            Answers::Plain => None,
            Answers::Kafka => Some(Arc::new(Swap::new(target, address.port()))),
        };
        tokio::spawn(accept(listener, target.to_owned(), swap, watched));
        Self { address, line }
    }

    /// Where the relay is: what the binder connects to in place of the broker.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// This relay as a fixture's outage, for a binder that connects to [`Relay::address`].
    pub fn outage(self, binder: BinderSpec) -> Outage {
        let line = Arc::new(self);
        let cut = line.clone();
        Outage {
            binder,
            cut: Box::new(move || cut.cut()),
            restore: Box::new(move || line.restore()),
        }
    }

    fn cut(&self) {
        self.line.send_modify(|line| {
            line.is_cut = true;
            line.cuts += 1;
        });
    }

    fn restore(&self) {
        self.line.send_modify(|line| line.is_cut = false);
    }
}

async fn accept(
    listener: TcpListener,
    target: String,
    swap: Option<Arc<Swap>>,
    mut line: watch::Receiver<Line>,
) {
    loop {
        let client = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((client, _)) => client,
                Err(_) => continue,
            },
            // The relay was dropped.
            gone = line.wait_for(|_| false) => return drop(gone),
        };
        let now = *line.borrow();
        if now.is_cut {
            reset(&client);
        } else {
            tokio::spawn(pass(client, target.clone(), swap.clone(), line.clone(), now.cuts));
        }
    }
}

/// Passes one connection on until either side ends it, or the line is cut.
async fn pass(
    client: TcpStream,
    target: String,
    swap: Option<Arc<Swap>>,
    mut line: watch::Receiver<Line>,
    cuts: u64,
) {
    let Ok(broker) = TcpStream::connect(&target).await else {
        return;
    };
    for stream in [&client, &broker] {
        // Whatever ends this connection, both sides see a reset: nobody says good-bye.
        reset(stream);
        // Small frames that wait for others would make every round trip slow.
        let _ = stream.set_nodelay(true);
    }
    let (mut from_client, to_client) = client.into_split();
    let (from_broker, mut to_broker) = broker.into_split();
    let asking = async { tokio::io::copy(&mut from_client, &mut to_broker).await.is_ok() };
    let answering = answer(from_broker, to_client, swap.as_deref());
    tokio::select! {
        _ = asking => {}
        () = answering => {}
        _ = line.wait_for(|line| line.cuts != cuts) => {}
    }
}

async fn answer(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, swap: Option<&Swap>) {
    let Some(swap) = swap else {
        // The end of either side is the end of the connection.
        let _ = tokio::io::copy(&mut from, &mut to).await;
        return;
    };
    let mut head = [0; 4];
    while from.read_exact(&mut head).await.is_ok() {
        let size = usize::try_from(u32::from_be_bytes(head)).unwrap_or_default();
        let mut frame = vec![0; size];
        if from.read_exact(&mut frame).await.is_err() {
            return;
        }
        swap.within(&mut frame);
        if to.write_all(&head).await.is_err() || to.write_all(&frame).await.is_err() {
            return;
        }
    }
}

/// Lets a socket end with a reset.
fn reset(stream: &TcpStream) {
    // A socket that refuses this ends in the usual way, which cuts the line as well.
    let _ = stream.set_zero_linger();
}

/// Replaces one address by another of the same length.
struct Swap {
    find: Vec<u8>,
    replace: Vec<u8>,
}

impl Swap {
    fn new(target: &str, port: u16) -> Self {
        let (host, known) = target.rsplit_once(':').expect("a broker's address has a port");
        let known: u16 = known.parse().expect("a port is a number");
        assert_eq!(
            host, "127.0.0.1",
            "the broker must be where the relay is, and say so with the same name"
        );
        let place = |port: u16| [host.as_bytes(), &u32::from(port).to_be_bytes()].concat();
        Self {
            find: place(known),
            replace: place(port),
        }
    }

    fn within(&self, frame: &mut [u8]) {
        let mut start = 0;
        while let Some(found) = frame[start..]
            .windows(self.find.len())
            .position(|window| window == self.find)
        {
            let at = start + found;
            start = at + self.find.len();
            frame[at..start].copy_from_slice(&self.replace);
        }
    }
}

impl fmt::Debug for Swap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Swap")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_the_broker_becomes_the_relays() {
        let swap = Swap::new("127.0.0.1:9092", 41_000);
        let mut frame = b"..127.0.0.1\0\0\x23\x84..127.0.0.1\0\0\x23\x84 127.0.0.1:9092".to_vec();
        swap.within(&mut frame);
        assert_eq!(
            frame,
            b"..127.0.0.1\0\0\xa0\x28..127.0.0.1\0\0\xa0\x28 127.0.0.1:9092"
        );
    }

    #[tokio::test]
    async fn a_cut_ends_what_passes_and_keeps_the_rest_out_until_it_is_restored() {
        let echo = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = echo.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = echo.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        let relay = Relay::start(&target, Answers::Plain);
        let echoed = async || {
            let mut stream = TcpStream::connect(relay.address()).await?;
            stream.write_all(b"a").await?;
            stream.read_u8().await?;
            std::io::Result::Ok(stream)
        };
        let mut stream = echoed().await.unwrap();
        relay.cut();
        assert!(stream.read_u8().await.is_err(), "the connection is reset");
        assert!(echoed().await.is_err(), "nobody is let in");
        relay.restore();
        assert!(echoed().await.is_ok());
    }
}
