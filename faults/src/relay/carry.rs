//! One connection through the relay: two ways, each a reader and a writer with a short queue between them.

use std::io;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Control, Direction, Mode};

const CHUNK_BYTES: usize = 16 * 1024;
/// Together with the chunk's size this is how much one way holds back before its sender has to wait.
const QUEUED_CHUNKS: usize = 64;

/// A piece of what one side said.
enum Piece {
    Bytes(Vec<u8>, Instant),
    /// It has no more to say.
    End,
}

/// Carries a connection until both sides have ended, or it is reset.
pub(super) async fn connection(mut client: TcpStream, upstream: SocketAddr, control: &Control) {
    let mut resets = control.resets.subscribe();
    let mut mode = control.mode.subscribe();
    let connecting = async {
        // A connection that the network doesn't carry isn't made.
        mode.wait_for(|mode| !mode.holds(Direction::ToBroker))
            .await
            .ok()?;
        TcpStream::connect(upstream).await.ok()
    };
    let broker = tokio::select! {
        broker = connecting => broker,
        _ = resets.changed() => None,
    };
    let Some(mut broker) = broker else {
        // An error would say that the client has gone already.
        client.set_zero_linger().ok();
        return;
    };
    client.set_nodelay(true).ok();
    broker.set_nodelay(true).ok();
    let cut = Cut::new(control.mode.subscribe());
    let ended = {
        let (from_client, to_client) = client.split();
        let (from_broker, to_broker) = broker.split();
        let both = futures_util::future::try_join(
            way(from_client, to_broker, Direction::ToBroker, control, &cut),
            way(from_broker, to_client, Direction::ToClient, control, &cut),
        );
        tokio::select! {
            ended = both => ended.map(drop),
            _ = resets.changed() => Err(io::ErrorKind::ConnectionReset.into()),
        }
    };
    if ended.is_err() {
        client.set_zero_linger().ok();
        broker.set_zero_linger().ok();
    }
}

async fn way(
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    direction: Direction,
    control: &Control,
    cut: &Cut,
) -> io::Result<()> {
    let (sender, receiver) = mpsc::channel(QUEUED_CHUNKS);
    let mode = control.mode.subscribe();
    futures_util::future::try_join(read(from, sender), write(to, receiver, direction, mode, cut)).await?;
    Ok(())
}

async fn read(mut from: ReadHalf<'_>, queue: mpsc::Sender<Piece>) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        let count = from.read(&mut buffer).await?;
        let piece = if count == 0 {
            Piece::End
        } else {
            Piece::Bytes(buffer[..count].to_vec(), Instant::now())
        };
        // The queue closes only when the writer failed, which ends the connection.
        if queue.send(piece).await.is_err() || count == 0 {
            return Ok(());
        }
    }
}

async fn write(
    mut to: WriteHalf<'_>,
    mut queue: mpsc::Receiver<Piece>,
    direction: Direction,
    mut mode: watch::Receiver<Mode>,
    cut: &Cut,
) -> io::Result<()> {
    while let Some(piece) = queue.recv().await {
        let now = *mode.borrow();
        if let (Mode::Delay(delay), Piece::Bytes(_, at)) = (now, &piece) {
            tokio::time::sleep_until(*at + delay).await;
        }
        // The sender outlives its connections, so waiting for it does not fail.
        mode.wait_for(|mode| !mode.holds(direction)).await.ok();
        match piece {
            Piece::Bytes(bytes, _) => {
                let now = *mode.borrow();
                write_bytes(&mut to, &bytes, now, cut).await?;
            }
            Piece::End => return to.shutdown().await,
        }
    }
    Ok(())
}

async fn write_bytes(to: &mut WriteHalf<'_>, bytes: &[u8], mode: Mode, cut: &Cut) -> io::Result<()> {
    match mode {
        Mode::Throttle { bytes_per_second } => {
            let rate = bytes_per_second.max(1);
            let tenth = usize::try_from(rate / 10).unwrap_or(usize::MAX).max(1);
            for slice in bytes.chunks(tenth) {
                to.write_all(slice).await?;
                tokio::time::sleep(Duration::from_micros(1_000_000 * slice.len() as u64 / rate)).await;
            }
            Ok(())
        }
        Mode::CutAfter(_) => {
            let (allowed, is_last) = cut.take(bytes.len());
            to.write_all(&bytes[..allowed]).await?;
            if is_last {
                // What was written shall arrive before the reset does.
                to.flush().await?;
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            Ok(())
        }
        Mode::Pass | Mode::Delay(_) | Mode::Blackhole(_) | Mode::Refuse => to.write_all(bytes).await,
    }
}

/// Counts the bytes of one connection since the mode was set.
struct Cut(Mutex<(watch::Receiver<Mode>, u64)>);

impl Cut {
    fn new(mut mode: watch::Receiver<Mode>) -> Self {
        let left = Self::limit(*mode.borrow_and_update());
        Self(Mutex::new((mode, left)))
    }

    fn limit(mode: Mode) -> u64 {
        match mode {
            Mode::CutAfter(bytes) => bytes,
            _ => u64::MAX,
        }
    }

    /// How many of `count` bytes may still pass, and whether the connection is to be reset after them.
    fn take(&self, count: usize) -> (usize, bool) {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (mode, left) = &mut *state;
        if mode.has_changed().unwrap_or(false) {
            *left = Self::limit(*mode.borrow_and_update());
        }
        let allowed = usize::try_from(*left).unwrap_or(usize::MAX).min(count);
        *left -= allowed as u64;
        (allowed, *left == 0)
    }
}
