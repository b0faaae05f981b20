//! How the clients of one binder are connected: one health for all of them, one log line for each change.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bindery_core::{Health, Status};

/// The health of all clients of one binder.
#[derive(Debug)]
pub(crate) struct Connectivity {
    binder: Arc<str>,
    next_id: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    clients: BTreeMap<u64, Client>,
    overall: Health,
    /// Since when the connection is in trouble.
    trouble: Option<Instant>,
}

#[derive(Debug)]
struct Client {
    health: Health,
    /// Whether its trouble is its own, and says nothing of the connection.
    is_stuck: bool,
    trouble: Option<Instant>,
}

impl Connectivity {
    pub(crate) fn new(binder: Arc<str>) -> Arc<Self> {
        Arc::new(Self {
            binder,
            next_id: AtomicU64::new(0),
            state: Mutex::new(State {
                clients: BTreeMap::new(),
                overall: Health::unknown(),
                trouble: None,
            }),
        })
    }

    /// A place for one more client; it counts until it is dropped.
    pub(crate) fn client(self: &Arc<Self>) -> ClientHealth {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let client = Client {
            health: Health::unknown(),
            is_stuck: false,
            trouble: None,
        };
        self.lock().clients.insert(id, client);
        ClientHealth {
            id,
            connectivity: self.clone(),
        }
    }

    /// The worst health of any client, as far as it is about the connection.
    pub(crate) fn overall(&self) -> Health {
        self.lock().overall.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refresh(&self, state: &mut State) {
        let connected = state.clients.values().filter(|client| !client.is_stuck);
        let Some(whole) = Health::of_parts(connected.map(|client| client.health.clone())) else {
            return;
        };
        if whole.status == Status::Unknown {
            return;
        }
        let before = state.overall.status;
        state.overall = state.overall.followed_by(whole);
        if before == state.overall.status {
            return;
        }
        let binder = &*self.binder;
        if state.overall.status == Status::Up {
            match state.trouble.take().map(|since| since.elapsed()) {
                None => tracing::info!(binder.name = binder, "connected to Kafka"),
                Some(took) => tracing::info!(
                    binder.name = binder,
                    lasted.ms = took.as_millis() as u64,
                    "connected to Kafka again after {took:.1?}"
                ),
            }
        } else {
            state.trouble.get_or_insert_with(Instant::now);
            let reason = state.overall.reason.as_deref();
            tracing::warn!(
                binder.name = binder,
                "{}",
                reason.unwrap_or("Kafka is not available")
            );
        }
    }
}

/// The health of one client.
#[derive(Debug)]
pub(crate) struct ClientHealth {
    id: u64,
    connectivity: Arc<Connectivity>,
}

impl ClientHealth {
    /// The client works.
    pub(crate) fn up(&self) {
        self.set(Health::up(), false);
    }

    /// The client doesn't work, because of its connection.
    pub(crate) fn down(&self, reason: String) {
        self.set(Health::down(reason), false);
    }

    /// The client doesn't work, for a reason of its own.
    pub(crate) fn stuck(&self, reason: String) {
        self.set(Health::down(reason), true);
    }

    /// The health that was set last.
    pub(crate) fn get(&self) -> Health {
        let state = self.connectivity.lock();
        let client = state.clients.get(&self.id);
        client.map_or_else(Health::unknown, |client| client.health.clone())
    }

    fn set(&self, next: Health, is_stuck: bool) {
        let mut state = self.connectivity.lock();
        let Some(client) = state.clients.get_mut(&self.id) else {
            return;
        };
        let known = &client.health;
        if known.status == next.status && (next.status == Status::Up || known.reason == next.reason) {
            return;
        }
        let binder = &*self.connectivity.binder;
        if is_stuck && !client.is_stuck {
            client.trouble = Some(Instant::now());
            tracing::warn!(
                binder.name = binder,
                "{}",
                next.reason.as_deref().unwrap_or_default()
            );
        }
        if next.status == Status::Up
            && let Some(took) = client.trouble.take().map(|since| since.elapsed())
        {
            let what = known.reason.as_deref().unwrap_or_default();
            tracing::info!(
                binder.name = binder,
                lasted.ms = took.as_millis() as u64,
                "it works again after {took:.1?}: {what}"
            );
        }
        client.health = known.followed_by(next);
        client.is_stuck = is_stuck;
        self.connectivity.refresh(&mut state);
    }
}

impl Drop for ClientHealth {
    fn drop(&mut self) {
        let mut state = self.connectivity.lock();
        state.clients.remove(&self.id);
        self.connectivity.refresh(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_client_decides_and_recovers() {
        let connectivity = Connectivity::new("kafka".into());
        let (first, second) = (connectivity.client(), connectivity.client());
        assert_eq!(connectivity.overall().status, Status::Unknown);
        first.up();
        second.down("no broker".to_owned());
        let overall = connectivity.overall();
        assert_eq!(
            (overall.status, overall.reason.as_deref()),
            (Status::Down, Some("no broker"))
        );
        second.up();
        assert_eq!(connectivity.overall().status, Status::Up);
    }

    #[test]
    fn a_client_that_is_stuck_does_not_make_the_connection_bad() {
        let connectivity = Connectivity::new("kafka".into());
        let (first, second) = (connectivity.client(), connectivity.client());
        first.up();
        second.stuck("no such topic".to_owned());
        assert_eq!(second.get().status, Status::Down);
        assert_eq!(connectivity.overall().status, Status::Up);
        second.down("no broker".to_owned());
        assert_eq!(connectivity.overall().status, Status::Down);
    }

    #[test]
    fn a_client_that_is_gone_does_not_count() {
        let connectivity = Connectivity::new("kafka".into());
        let (first, second) = (connectivity.client(), connectivity.client());
        first.up();
        second.down("no broker".to_owned());
        drop(second);
        assert_eq!(connectivity.overall().status, Status::Up);
    }

    #[test]
    fn a_status_that_stays_keeps_its_time() {
        let connectivity = Connectivity::new("kafka".into());
        let client = connectivity.client();
        client.down("a".to_owned());
        let since = client.get().since;
        client.down("b".to_owned());
        assert_eq!(
            (client.get().since, client.get().reason.as_deref()),
            (since, Some("b"))
        );
    }
}
