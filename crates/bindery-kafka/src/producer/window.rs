//! How much of one output may be sent and unconfirmed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// With how many unconfirmed bytes an output takes no further record.
const MAX_BYTES: usize = 64 << 20;
/// Messages are counted above the bytes, which have room for a tebibyte.
const MESSAGE: u64 = 1 << 40;
/// The largest window in messages: one bit of the count is left for those that find no room.
const MAX_MESSAGES: u32 = 1 << 23;

/// Counts what is in flight to a topic, in messages and bytes.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) topic: Arc<str>,
    max_messages: usize,
    /// Both counts in one: two threads change them for each message, and pass them to and fro.
    in_flight: AtomicU64,
    room: Notify,
    wanted: AtomicBool,
}

impl Window {
    pub(crate) fn new(topic: Arc<str>, max_messages: u32) -> Self {
        Self {
            topic,
            max_messages: max_messages.clamp(1, MAX_MESSAGES) as usize,
            in_flight: AtomicU64::new(0),
            room: Notify::new(),
            wanted: AtomicBool::new(false),
        }
    }

    /// Takes room for a record, if there is some: what a record needs beyond it is lent, so that whoever waited for
    /// [`Window::ready`] doesn't wait in vain, and a record that is larger than the window fits.
    pub(crate) fn enter(&self, bytes: usize) -> bool {
        let (before, bytes_before) = parts(self.in_flight.fetch_add(both(bytes), Ordering::AcqRel));
        let fits = before < self.max_messages && bytes_before < MAX_BYTES;
        if !fits {
            self.leave(bytes);
        }
        fits
    }

    /// Gives room back.
    pub(crate) fn leave(&self, bytes: usize) {
        self.in_flight.fetch_sub(both(bytes), Ordering::SeqCst);
        // Only senders that found the window full wait, so the common case is one read.
        if self.wanted.load(Ordering::SeqCst) && self.wanted.swap(false, Ordering::SeqCst) {
            self.room.notify_waiters();
        }
    }

    /// Waits until there may be room.
    pub(crate) async fn ready(&self) {
        self.wait_until(|| {
            let (messages, bytes) = parts(self.in_flight.load(Ordering::SeqCst));
            messages < self.max_messages && bytes < MAX_BYTES
        })
        .await;
    }

    /// Waits until nothing is in flight, or the timeout; tells which.
    pub(crate) async fn drained(&self, timeout: Duration) -> bool {
        let empty = self.wait_until(|| self.in_flight() == 0);
        tokio::time::timeout(timeout, empty).await.is_ok()
    }

    pub(crate) fn in_flight(&self) -> usize {
        parts(self.in_flight.load(Ordering::SeqCst)).0
    }

    async fn wait_until(&self, reached: impl Fn() -> bool) {
        loop {
            let mut notified = std::pin::pin!(self.room.notified());
            // Registered before the check: what is given back in between is not missed.
            notified.as_mut().enable();
            self.wanted.store(true, Ordering::SeqCst);
            if reached() {
                return;
            }
            notified.await;
        }
    }
}

fn both(bytes: usize) -> u64 {
    MESSAGE + bytes as u64
}

fn parts(in_flight: u64) -> (usize, usize) {
    ((in_flight / MESSAGE) as usize, (in_flight % MESSAGE) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(max_messages: u32) -> Window {
        Window::new("orders".into(), max_messages)
    }

    #[test]
    fn the_window_holds_so_many_messages() {
        let window = window(2);
        assert!(window.enter(1) && window.enter(1) && !window.enter(1));
        window.leave(1);
        assert!(window.enter(1));
    }

    #[test]
    fn a_record_larger_than_the_window_fits_once() {
        let window = window(10);
        assert!(window.enter(MAX_BYTES + 1));
        assert!(!window.enter(1));
        window.leave(MAX_BYTES + 1);
        assert!(window.enter(1));
    }

    #[tokio::test]
    async fn a_waiting_sender_is_woken_when_room_is_given_back() {
        let window = Arc::new(window(1));
        assert!(window.enter(1));
        let waiting = tokio::spawn({
            let window = window.clone();
            async move { window.ready().await }
        });
        tokio::task::yield_now().await;
        window.leave(1);
        tokio::time::timeout(Duration::from_secs(5), waiting)
            .await
            .unwrap()
            .unwrap();
    }

    #[tokio::test]
    async fn a_sender_that_needs_not_wait_finds_room() {
        let window = window(10);
        assert!(window.enter(MAX_BYTES - 1));
        window.ready().await;
        assert!(window.enter(100));
        assert!(!window.enter(0));
    }

    #[tokio::test]
    async fn draining_ends_when_nothing_is_in_flight() {
        let window = window(1);
        assert!(window.drained(Duration::from_millis(1)).await);
        assert!(window.enter(1));
        assert!(!window.drained(Duration::from_millis(1)).await);
    }
}
