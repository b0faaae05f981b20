//! The imagined connection between a broker and its clients: up, or cut by a fault.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use bindery_core::{Error, ErrorKind, Health, Result};

use crate::sync::lock;

/// Whether clients reach the broker.
#[derive(Debug)]
pub(crate) struct Link {
    connected: AtomicBool,
    health: Mutex<Health>,
}

impl Link {
    pub(crate) fn new() -> Self {
        Self {
            connected: AtomicBool::new(true),
            health: Mutex::new(Health::up()),
        }
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::SeqCst)
    }

    pub(crate) fn set_connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::SeqCst);
        let next = if connected {
            Health::up()
        } else {
            Health::down("the memory broker is disconnected")
        };
        let mut health = lock(&self.health);
        *health = health.followed_by(next);
    }

    pub(crate) fn health(&self) -> Health {
        lock(&self.health).clone()
    }

    /// An error while the broker is disconnected.
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_connected() {
            return Ok(());
        }
        Err(Error::temporary(
            ErrorKind::Unavailable,
            "the memory broker is disconnected",
        ))
    }
}
