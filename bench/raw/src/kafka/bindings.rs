//! Consume from many topics: a client and a thread for each, as a service without a framework would have.

use std::thread;

use anyhow::{Result, anyhow};
use bench_common::{Meter, Settings, Stop};

use super::consume;

/// Reads `<input>-0`, `<input>-1` and so on until SIGTERM.
pub(super) fn run(settings: &Settings, meter: &Meter, stop: &Stop) -> Result<()> {
    thread::scope(|scope| {
        let readers: Vec<_> = (0..settings.bindings)
            .map(|number| {
                let settings = Settings {
                    input: format!("{}-{number}", settings.input),
                    ..settings.clone()
                };
                scope.spawn(move || consume::run(&settings, meter, stop))
            })
            .collect();
        readers.into_iter().try_for_each(|reader| {
            reader
                .join()
                .map_err(|_| anyhow!("a thread that reads panicked"))?
        })
    })
}
