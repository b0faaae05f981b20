//! The wish to end: SIGTERM, as a flag that loops read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use signal_hook::consts::SIGTERM;
use signal_hook::flag;

/// Whether the program was told to end.
#[derive(Clone, Debug)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// From now on SIGTERM only sets the flag.
    ///
    /// # Errors
    /// When the signal can't be handled.
    pub fn on_sigterm() -> Result<Self> {
        let told = Arc::new(AtomicBool::new(false));
        flag::register(SIGTERM, Arc::clone(&told))?;
        Ok(Self(told))
    }

    /// Whether SIGTERM came.
    pub fn told(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
