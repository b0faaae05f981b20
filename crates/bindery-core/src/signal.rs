//! A signal that something ends, once and for good.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_util::sync::CancellationToken;

/// Says that something ends. Asking is one atomic read, because it is asked for each message; waiting is that of a
/// [`CancellationToken`]. Clones are the same signal.
#[derive(Clone, Default)]
pub struct Signal(Arc<Inner>);

#[derive(Default)]
struct Inner {
    cancelled: AtomicBool,
    token: CancellationToken,
}

impl Signal {
    /// A signal that is not cancelled yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels. Whoever asks from here on is told, and whoever waits goes on.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        self.0.token.cancel();
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    /// Waits until it is cancelled. Cancel safe.
    pub async fn cancelled(&self) {
        self.0.token.cancelled().await;
    }
}

impl fmt::Debug for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signal").field(&self.is_cancelled()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_are_the_same_signal() {
        let signal = Signal::new();
        let clone = signal.clone();
        assert!(!clone.is_cancelled());
        signal.cancel();
        assert!(clone.is_cancelled());
    }
}
