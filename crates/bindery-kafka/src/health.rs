//! How the clients of one binder are connected: one health for all of them, one log line for each change.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    clients: BTreeMap<u64, Health>,
    overall: Health,
}

impl Connectivity {
    pub(crate) fn new(binder: Arc<str>) -> Arc<Self> {
        Arc::new(Self {
            binder,
            next_id: AtomicU64::new(0),
            state: Mutex::new(State {
                clients: BTreeMap::new(),
                overall: Health::unknown(),
            }),
        })
    }

    /// A place for one more client; it counts until it is dropped.
    pub(crate) fn client(self: &Arc<Self>) -> ClientHealth {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.lock().clients.insert(id, Health::unknown());
        ClientHealth {
            id,
            connectivity: self.clone(),
        }
    }

    /// The worst health of any client.
    pub(crate) fn overall(&self) -> Health {
        self.lock().overall.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refresh(&self, state: &mut State) {
        let worst = state
            .clients
            .values()
            .filter(|health| health.status != Status::Unknown)
            .max_by_key(|health| health.status)
            .cloned();
        let Some(worst) = worst else { return };
        let changed = worst.status != state.overall.status;
        state.overall = state.overall.followed_by(worst);
        if !changed {
            return;
        }
        let binder = &*self.binder;
        match (&state.overall.status, state.overall.reason.as_deref()) {
            (Status::Up, _) => tracing::info!(binder.name = binder, "connected to Kafka"),
            (_, reason) => tracing::warn!(
                binder.name = binder,
                "{}",
                reason.unwrap_or("Kafka is not available")
            ),
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
        self.set(Health::up());
    }

    /// The client doesn't work, for the given reason.
    pub(crate) fn down(&self, reason: String) {
        self.set(Health::down(reason));
    }

    /// The health that was set last.
    pub(crate) fn get(&self) -> Health {
        self.connectivity
            .lock()
            .clients
            .get(&self.id)
            .cloned()
            .unwrap_or_else(Health::unknown)
    }

    fn set(&self, next: Health) {
        let mut state = self.connectivity.lock();
        let Some(current) = state.clients.get_mut(&self.id) else {
            return;
        };
        if current.status == next.status && (next.status == Status::Up || current.reason == next.reason) {
            return;
        }
        *current = current.followed_by(next);
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
