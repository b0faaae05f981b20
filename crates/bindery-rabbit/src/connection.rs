//! Supervised connections: one owner for each, which connects again with back-off for as long as the binder lives.
//!
//! The client library's own recovery is not used: it gives up after minutes, replays what it shouldn't, and hides the
//! gap from the consumers.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bindery_core::{Error, ErrorKind, Health};
use futures_util::StreamExt;
use lapin::tcp::AsyncTcpStream;
use lapin::{Channel, Connection, ConnectionProperties, Event};
use rand::Rng;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::{Refusal, is_unreadable, within};
use crate::health::HealthBoard;
use crate::screened::{self, Screened};
use crate::settings::{Address, Settings};
use crate::tls;

/// How long the broker may take for one call.
pub(crate) const RPC_LIMIT: Duration = Duration::from_secs(10);
/// How long the first connection may take before the binding is reported as waiting.
const FIRST_LIMIT: Duration = Duration::from_millis(4500);
/// How long a failure speaks for others that try at the same time.
const FRESH_FAILURE: Duration = Duration::from_secs(1);
const LEAST_BACKOFF: Duration = Duration::from_millis(200);
/// As Spring's recovery interval: a broker that was away for long is used again soon after it is back.
const GREATEST_BACKOFF: Duration = Duration::from_secs(5);
/// How long to wait after what only a person can mend.
const MENDED_BY_A_PERSON: Duration = Duration::from_secs(30);

/// One established connection.
pub(crate) struct Live {
    /// Counts the connections of the link.
    pub(crate) generation: u64,
    /// Cancelled when the connection is known to be lost.
    pub(crate) lost: CancellationToken,
    blocked: AtomicBool,
    unreadable: AtomicBool,
    connection: Connection,
}

impl Live {
    /// Opens a channel.
    pub(crate) async fn channel(&self) -> Result<Channel, Refusal> {
        let opened = within(RPC_LIMIT, "opening a channel", self.connection.create_channel()).await;
        if opened.is_err() && !self.is_connected() {
            self.lost.cancel();
        }
        opened
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connection.status().connected() && !self.lost.is_cancelled()
    }

    /// Whether the broker has stopped reading from this connection (a memory or disk alarm).
    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked.load(Ordering::Acquire)
    }

    /// Notes that the connection ended because something the broker sent can't be read.
    pub(crate) fn mark_unreadable(&self) {
        self.unreadable.store(true, Ordering::Release);
    }

    /// Whether the connection ended because something the broker sent can't be read.
    pub(crate) fn was_unreadable(&self) -> bool {
        self.unreadable.load(Ordering::Acquire)
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// A connection for one purpose, made when first needed and again whenever it was lost.
#[derive(Debug)]
pub(crate) struct Link {
    settings: Arc<Settings>,
    purpose: &'static str,
    health: Arc<HealthBoard>,
    closed: CancellationToken,
    state: tokio::sync::Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    live: Option<Arc<Live>>,
    generation: u64,
    next_address: usize,
    failures: u32,
    failed: Option<(Refusal, Instant)>,
    retry_at: Option<Instant>,
}

impl Link {
    pub(crate) fn new(settings: Arc<Settings>, purpose: &'static str) -> Arc<Self> {
        let label = format!("connection `{}` ({purpose})", settings.name);
        Arc::new(Self {
            settings,
            purpose,
            health: Arc::new(HealthBoard::new(label, 1)),
            closed: CancellationToken::new(),
            state: tokio::sync::Mutex::default(),
        })
    }

    pub(crate) fn health(&self) -> Health {
        self.health.whole()
    }

    /// Another connection with the same settings.
    pub(crate) fn apart(&self, purpose: &'static str) -> Arc<Self> {
        Self::new(self.settings.clone(), purpose)
    }

    /// The connection for a first bind: it fails within seconds, with what is wrong.
    pub(crate) async fn first(&self) -> Result<Arc<Live>, Refusal> {
        let mut state = self.state.lock().await;
        if let Some(live) = state.usable() {
            return Ok(live);
        }
        if let Some((refusal, at)) = &state.failed
            && at.elapsed() < FRESH_FAILURE
        {
            return Err(refusal.clone());
        }
        let share = u32::try_from(self.settings.addresses.len())
            .unwrap_or(u32::MAX)
            .max(1);
        self.connect(&mut state, FIRST_LIMIT / share).await
    }

    /// The connection for what was bound before: waits, however long it takes. `None` once the binder is closed.
    pub(crate) async fn steady(&self) -> Option<Arc<Live>> {
        loop {
            let retry_at = {
                let mut state = self.state.lock().await;
                if self.closed.is_cancelled() {
                    return None;
                }
                if let Some(live) = state.usable() {
                    return Some(live);
                }
                match state.retry_at {
                    Some(at) if at > Instant::now() => at,
                    _ => match self.connect(&mut state, self.settings.connect_timeout).await {
                        Ok(live) => return Some(live),
                        Err(_) => continue,
                    },
                }
            };
            tokio::select! {
                () = tokio::time::sleep_until(retry_at) => {}
                () = self.closed.cancelled() => return None,
            }
        }
    }

    /// Closes the connection for good.
    pub(crate) async fn close(&self) {
        self.closed.cancel();
        let live = self.state.lock().await.live.take();
        if let Some(live) = live {
            live.lost.cancel();
            let closing = live.connection.close(200, "OK".into());
            // A connection that can't be closed in time is dropped, which ends it as well.
            let _ = within(Duration::from_secs(3), "closing the connection", closing).await;
        }
    }

    /// Tries every address once, each for at most `limit`.
    async fn connect(&self, state: &mut State, limit: Duration) -> Result<Arc<Live>, Refusal> {
        let addresses = &self.settings.addresses;
        let mut refusals: Vec<Refusal> = Vec::new();
        for _ in 0..addresses.len() {
            let address = &addresses[state.next_address % addresses.len()];
            state.next_address = (state.next_address + 1) % addresses.len();
            match self.attempt(address, limit).await {
                Ok(connection) => return Ok(self.established(state, connection)),
                Err(refusal) => refusals.push(refusal.while_doing(&format!("RabbitMQ at `{address}`"))),
            }
        }
        Err(self.failed(state, merge(refusals)))
    }

    fn established(&self, state: &mut State, connection: Connection) -> Arc<Live> {
        state.generation += 1;
        state.failures = 0;
        state.failed = None;
        state.retry_at = None;
        // The next connection after this one begins with the address that worked.
        state.next_address =
            (state.next_address + self.settings.addresses.len() - 1) % self.settings.addresses.len();
        let live = Arc::new(Live {
            generation: state.generation,
            lost: CancellationToken::new(),
            blocked: AtomicBool::new(false),
            unreadable: AtomicBool::new(false),
            connection,
        });
        state.live = Some(live.clone());
        self.health.up(0);
        self.watch(&live);
        live
    }

    fn failed(&self, state: &mut State, refusal: Refusal) -> Refusal {
        let wait = backoff_after(&refusal, state.failures);
        state.failures = state.failures.saturating_add(1);
        state.retry_at = Some(Instant::now() + wait);
        state.failed = Some((refusal.clone(), Instant::now()));
        self.health.down(0, &refusal, Some(wait));
        refusal
    }

    async fn attempt(&self, address: &Address, limit: Duration) -> Result<Connection, Refusal> {
        let settings = &self.settings;
        let too_late = |_| {
            let message = format!("no answer within {:.1} s", limit.as_secs_f32());
            Refusal::temporary(ErrorKind::Unavailable, message)
        };
        let until = Instant::now() + limit;
        let stream = tokio::time::timeout_at(until, tls::connect(address, &settings.certificates)).await;
        let stream = Mutex::new(Some(Screened::new(stream.map_err(too_late)??)));
        let name = format!("{}{}#{}", settings.name_prefix, settings.name, self.purpose);
        let properties = ConnectionProperties::default()
            .with_connection_name(name.into())
            .with_client_property("product".into(), "bindery".into())
            .with_client_property("version".into(), env!("CARGO_PKG_VERSION").into());
        let connecting = Connection::connector(
            settings.uri(address),
            screened::runtime(),
            // This part runs on the library's own thread, once.
            async move |_, _| {
                keep_quiet();
                let stream = stream.lock().unwrap_or_else(PoisonError::into_inner).take();
                let stream = stream.ok_or(std::io::ErrorKind::NotConnected);
                Ok(AsyncTcpStream::Plain(stream.map_err(std::io::Error::from)?))
            },
            properties,
        );
        let connected = tokio::time::timeout_at(until, connecting).await;
        connected
            .map_err(too_late)?
            .map_err(|error| settings.certificates.supplement(address, error.into()))
    }

    /// Follows the events of a connection until it ends.
    fn watch(&self, live: &Arc<Live>) {
        let mut events = Box::pin(live.connection.events_listener());
        let health = self.health.clone();
        let lost = live.lost.clone();
        let live = Arc::downgrade(live);
        tokio::spawn(async move {
            loop {
                let event = tokio::select! {
                    event = events.next() => event,
                    () = lost.cancelled() => None,
                };
                let (Some(event), Some(live)) = (event, live.upgrade()) else {
                    return;
                };
                match event {
                    Event::ConnectionBlocked(reason) => {
                        live.blocked.store(true, Ordering::Release);
                        health.degraded(0, &format!("the broker blocks publishers: {reason}"));
                    }
                    Event::ConnectionUnblocked => {
                        live.blocked.store(false, Ordering::Release);
                        health.up(0);
                    }
                    // A channel's error is an event as well; that is its owner's business.
                    Event::Error(error) if !live.connection.status().connected() => {
                        if is_unreadable(&error) {
                            live.mark_unreadable();
                        }
                        let refusal = Refusal::from(error).while_doing("connection lost");
                        health.down(0, &refusal, None);
                        live.lost.cancel();
                        return;
                    }
                    _ => {}
                }
            }
        });
    }
}

/// Ends the log of the current thread, which must be the client library's own: at level `TRACE` it writes every frame,
/// and the first one that it sends holds the password. Whatever goes wrong there arrives as an error.
fn keep_quiet() {
    std::mem::forget(tracing::dispatcher::set_default(&tracing::Dispatch::none()));
}

impl State {
    fn usable(&mut self) -> Option<Arc<Live>> {
        let live = self.live.take()?;
        if !live.is_connected() {
            live.lost.cancel();
            return None;
        }
        self.live = Some(live.clone());
        Some(live)
    }
}

/// The refusals of all addresses as one: a refused password at one of them decides how slowly to retry.
fn merge(mut refusals: Vec<Refusal>) -> Refusal {
    let message = refusals
        .iter()
        .map(|refusal| refusal.message.as_str())
        .collect::<Vec<_>>()
        .join("; ");
    refusals.sort_by_key(|refusal| !refusal.needs_a_person());
    match refusals.into_iter().next() {
        Some(first) => Refusal { message, ..first },
        None => Refusal::permanent(
            ErrorKind::Configuration,
            "`spring.rabbitmq.addresses` names no address",
        ),
    }
}

/// How long to wait after `failures` failures in a row: full jitter between 200 ms and a bound that doubles up to 5 s.
pub(crate) fn backoff(failures: u32) -> Duration {
    let bound = LEAST_BACKOFF
        .saturating_mul(
            1_u32
                .checked_shl(failures.min(16).saturating_add(1))
                .unwrap_or(u32::MAX),
        )
        .min(GREATEST_BACKOFF);
    rand::rng().random_range(LEAST_BACKOFF..=bound)
}

/// How long to wait before the next try after a refusal.
pub(crate) fn backoff_after(refusal: &Refusal, failures: u32) -> Duration {
    if refusal.needs_a_person() {
        MENDED_BY_A_PERSON
    } else {
        backoff(failures)
    }
}

/// The error of something that is closed.
pub(crate) fn closed(what: &str) -> Error {
    Error::new(ErrorKind::Closed, format!("{what} is closed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_stays_between_its_bounds() {
        for failures in 0..40 {
            let wait = backoff(failures);
            assert!(
                (LEAST_BACKOFF..=GREATEST_BACKOFF).contains(&wait),
                "{failures}: {wait:?}"
            );
        }
    }

    #[test]
    fn what_a_person_must_mend_is_tried_seldom() {
        let refused = Refusal::temporary(ErrorKind::Unauthorized, "wrong password");
        assert_eq!(backoff_after(&refused, 0), MENDED_BY_A_PERSON);
        let away = Refusal::temporary(ErrorKind::Unavailable, "refused");
        assert!(backoff_after(&away, 40) <= GREATEST_BACKOFF);
    }

    #[test]
    fn one_refused_password_among_addresses_decides() {
        let merged = merge(vec![
            Refusal::temporary(ErrorKind::Unavailable, "RabbitMQ at `a:1`: refused"),
            Refusal::temporary(ErrorKind::Unauthorized, "RabbitMQ at `b:2`: wrong password"),
        ]);
        assert_eq!(merged.kind, ErrorKind::Unauthorized);
        assert_eq!(
            merged.message,
            "RabbitMQ at `a:1`: refused; RabbitMQ at `b:2`: wrong password"
        );
    }
}
