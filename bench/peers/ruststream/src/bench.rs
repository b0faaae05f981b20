//! What the handlers share: the settings and the count.

use std::sync::OnceLock;

use anyhow::{Context, Result};
use bench_common::{Meter, Settings};
use ruststream::runtime::AppInfo;

static BENCH: OnceLock<Bench> = OnceLock::new();

/// One run.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) settings: Settings,
    pub(crate) meter: Meter,
    /// `BENCH_TUNED`: whether everything that the documentation names for throughput is done.
    pub(crate) tuned: bool,
}

impl Bench {
    /// Reads the variables and begins to tell the harness.
    pub(crate) fn start() -> Result<&'static Self> {
        let settings = Settings::from_environment()?;
        let meter = Meter::new(&settings)?;
        meter.tell();
        let tuned = std::env::var("BENCH_TUNED").is_ok_and(|value| value == "1");
        BENCH
            .set(Self {
                settings,
                meter,
                tuned,
            })
            .ok()
            .context("the bench was started before")?;
        Ok(bench())
    }
}

/// The run.
pub(crate) fn bench() -> &'static Bench {
    BENCH.get().expect("`main` starts it before there is a handler")
}

/// What the services call themselves.
pub(crate) fn info() -> AppInfo {
    AppInfo::new("peer-ruststream", "0.1.0")
}
