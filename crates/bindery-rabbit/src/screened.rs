//! The stream under the client library: it reads through a [`Screen`].

use std::future::Future;
use std::io::{self, IoSlice, Read, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use async_rs::traits::{Executor, Reactor};
use async_rs::util::{DummyIO, RuntimeParts, Task};
use async_rs::{Runtime, Tokio};
use futures_core::Stream;
use futures_io::{AsyncRead, AsyncWrite};
use lapin::tcp::AsyncTcpStream;
use tracing::instrument::WithSubscriber;
use tracing::subscriber::NoSubscriber;

use crate::screen::Screen;

/// How much is read at once while an incomplete frame waits.
const CHUNK_BYTES: usize = 16 * 1024;

/// The connection to the broker, encrypted or not.
pub(crate) type Connected = AsyncTcpStream<<Tokio as Reactor>::TcpStream>;

/// The runtime that the client library runs on: tokio, but for what its streams are and what its tasks log.
pub(crate) type ScreenedRuntime = Runtime<RuntimeParts<QuietExecutor, ScreenedReactor>>;

/// The current tokio runtime as one whose streams are screened.
pub(crate) fn runtime() -> ScreenedRuntime {
    let tokio = Tokio::current();
    Runtime::new(RuntimeParts::new(
        QuietExecutor(tokio.clone()),
        ScreenedReactor(tokio),
    ))
}

/// Runs the client library's tasks without their log: they write an error for each attempt to connect, and returned
/// messages whole. Whatever goes wrong there arrives as an error or an answer, and is told once by whom it concerns.
#[derive(Clone, Debug)]
pub(crate) struct QuietExecutor(Tokio);

impl Executor for QuietExecutor {
    type Task<T: Send + 'static> = <Tokio as Executor>::Task<T>;

    fn block_on<T, F: Future<Output = T>>(&self, future: F) -> T {
        self.0.block_on(future)
    }

    fn spawn<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        future: F,
    ) -> Task<Self::Task<T>> {
        self.0.spawn(future.with_subscriber(NoSubscriber::default()))
    }

    fn spawn_blocking<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        &self,
        call: F,
    ) -> Task<Self::Task<T>> {
        self.0.spawn_blocking(call)
    }
}

/// A stream that hands on what the client library can read.
pub(crate) struct Screened<S> {
    stream: S,
    screen: Screen,
    /// The beginning of a frame that isn't here as a whole.
    waiting: Vec<u8>,
    /// What was mended and not handed on yet, and how much of it was.
    ready: (Vec<u8>, usize),
}

impl<S> Screened<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            screen: Screen::default(),
            waiting: Vec::new(),
            ready: (Vec::new(), 0),
        }
    }

    /// Hands on what is ready.
    fn hand_on(&mut self, into: &mut [u8]) -> usize {
        let (ready, at) = &mut self.ready;
        let count = into.len().min(ready.len() - *at);
        into[..count].copy_from_slice(&ready[*at..*at + count]);
        *at += count;
        if *at == ready.len() {
            ready.clear();
            *at = 0;
        }
        count
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Screened<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        loop {
            let count = this.hand_on(into);
            if count > 0 || into.is_empty() {
                return Poll::Ready(Ok(count));
            }
            if this.waiting.is_empty() {
                let count = ready!(Pin::new(&mut this.stream).poll_read(context, into))?;
                let mended = this.screen.mend(&mut into[..count]);
                this.waiting.extend_from_slice(&into[mended..count]);
                if mended > 0 || count == 0 {
                    return Poll::Ready(Ok(mended));
                }
                continue;
            }
            let mut chunk = [0; CHUNK_BYTES];
            let count = ready!(Pin::new(&mut this.stream).poll_read(context, &mut chunk))?;
            this.waiting.extend_from_slice(&chunk[..count]);
            let mended = match count {
                // The end: what is left of a frame is the library's to judge.
                0 => this.waiting.len(),
                _ => this.screen.mend(&mut this.waiting),
            };
            this.ready.0.extend(this.waiting.drain(..mended));
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Screened<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(context)
    }
}

/// Tokio's reactor. The client library gets its stream from us, and only asks it for timers.
#[derive(Clone, Debug)]
pub(crate) struct ScreenedReactor(Tokio);

impl Reactor for ScreenedReactor {
    type TcpStream = Screened<Connected>;
    type Sleep = <Tokio as Reactor>::Sleep;

    fn register<H: Read + Write + Send + 'static>(
        &self,
        _: H,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Send + Unpin + 'static> {
        Err::<DummyIO, _>(io::ErrorKind::Unsupported.into())
    }

    fn sleep(&self, span: Duration) -> Self::Sleep {
        self.0.sleep(span)
    }

    fn interval(&self, span: Duration) -> impl Stream<Item = Instant> + Send + 'static {
        self.0.interval(span)
    }

    fn tcp_connect_addr(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::TcpStream>> + Send + 'static {
        let connecting = self.0.tcp_connect_addr(address);
        async move { Ok(Screened::new(AsyncTcpStream::Plain(connecting.await?))) }
    }
}
