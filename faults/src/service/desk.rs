//! What a service process keeps beside its messages: its ledger, its store, its gate.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bindery::Origin;

use crate::ledger::{Moment, Record, Writer};
use crate::work::Work;

/// How often a waiting handler looks whether the gate is open.
const GATE: Duration = Duration::from_millis(10);

/// The surroundings of the handlers, from the environment that the bench gave the process.
#[derive(Debug)]
pub struct Desk {
    instance: String,
    ledger: Writer,
    store: Option<PathBuf>,
    gate: Option<PathBuf>,
}

impl Desk {
    /// Reads `BENCH_INSTANCE`, `BENCH_LEDGER`, `BENCH_STORE` and `BENCH_GATE`.
    ///
    /// # Errors
    /// When one of the first two is missing, or the ledger can't be opened.
    pub fn from_environment() -> io::Result<Self> {
        let path = |name: &str| std::env::var_os(name).map(PathBuf::from);
        Ok(Self {
            instance: required("BENCH_INSTANCE")?,
            ledger: Self::ledger_from_environment()?,
            store: path("BENCH_STORE"),
            gate: path("BENCH_GATE"),
        })
    }

    /// A desk for a service in the bench's own process.
    ///
    /// # Errors
    /// When the ledger can't be opened.
    pub fn new(instance: &str, ledger: &Path) -> io::Result<Self> {
        Ok(Self {
            instance: instance.to_owned(),
            ledger: Writer::open(ledger)?,
            store: None,
            gate: None,
        })
    }

    /// Opens the ledger that `BENCH_LEDGER` names.
    ///
    /// # Errors
    /// When it is missing, or can't be opened.
    pub fn ledger_from_environment() -> io::Result<Writer> {
        Writer::open(required("BENCH_LEDGER")?.as_ref())
    }

    /// Writes down that a handler began.
    ///
    /// # Errors
    /// When the ledger can't be written.
    pub fn start(&self, work: &Work, attempt: u32, origin: &Origin) -> io::Result<()> {
        self.ledger.append(&Record::Start {
            id: work.id,
            key: work.key,
            seq: work.seq,
            instance: self.instance.clone(),
            attempt,
            source: source(origin),
            at: Moment::now(),
        })
    }

    /// Writes down that a handler had its effect.
    ///
    /// # Errors
    /// When the ledger can't be written.
    pub fn end(&self, work: &Work, origin: &Origin) -> io::Result<()> {
        self.ledger.append(&Record::End {
            id: work.id,
            key: work.key,
            seq: work.seq,
            instance: self.instance.clone(),
            source: source(origin),
            at: Moment::now(),
        })
    }

    /// Puts the message into the service's own store. It is opened anew each time, as the bench may have replaced it.
    ///
    /// # Errors
    /// When there is a store and it can't be written, as when its disk is full.
    pub fn store(&self, work: &Work) -> io::Result<()> {
        let Some(path) = &self.store else { return Ok(()) };
        let mut file = OpenOptions::new().append(true).create(true).open(path)?;
        // One write, so that lines of several processes do not mix.
        file.write_all(format!("{}\n", work.id).as_bytes())
    }

    /// Returns when the gate is open: its file exists, or there is none.
    pub async fn wait_for_gate(&self) {
        let Some(gate) = &self.gate else { return };
        while !gate.exists() {
            tokio::time::sleep(GATE).await;
        }
    }
}

/// `destination` or `destination/partition`.
fn source(origin: &Origin) -> Option<String> {
    let destination = &origin.destination;
    Some(match origin.partition {
        Some(partition) => format!("{destination}/{partition}"),
        None => destination.to_string(),
    })
}

fn required(name: &str) -> io::Result<String> {
    std::env::var(name).map_err(|_| io::Error::other(format!("the environment variable `{name}` is missing")))
}
