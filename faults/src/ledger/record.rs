//! The records of all ledgers.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use serde::{Deserialize, Serialize};

/// Microseconds since 1970 by the machine's clock, which all processes of a run share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Moment(pub u64);

impl Moment {
    /// This instant. It asks the kernel itself: a case that lies to a process about the time does so through libc.
    pub fn now() -> Self {
        let now = clock_gettime(ClockId::Realtime);
        let micros = now.tv_sec.saturating_mul(1_000_000) + now.tv_nsec / 1_000;
        Self(u64::try_from(micros).unwrap_or_default())
    }

    /// How much later this is than `earlier`; zero when it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// This moment and `span` more.
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)),
        )
    }
}

/// What a broker said of one publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Acknowledged: from here on it may not be lost.
    Ok,
    /// Refused: it must not appear.
    Fail,
    /// Nobody knows: it may appear or not.
    Unknown,
}

/// One line of a ledger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum Record {
    /// The generator is about to publish a message.
    Intent {
        /// The message.
        id: u64,
        /// Its partition key.
        key: u32,
        /// Its place among the messages of its key.
        seq: u64,
        /// When.
        at: Moment,
    },
    /// The broker answered the generator.
    Answer {
        /// The message.
        id: u64,
        /// What it said.
        outcome: Outcome,
        /// When.
        at: Moment,
    },
    /// A handler began with a message: the first thing that it did.
    Start {
        /// The message.
        id: u64,
        /// Its partition key.
        key: u32,
        /// Its place among the messages of its key.
        seq: u64,
        /// The process, by the name that the bench gave it.
        instance: String,
        /// Which delivery to the handler this is, from 1, as the product counts.
        attempt: u32,
        /// The partition or queue it came from, where the binder says it.
        source: Option<String>,
        /// When.
        at: Moment,
    },
    /// A handler had its effect: the last thing that it did before it returned successfully.
    End {
        /// The message.
        id: u64,
        /// Its partition key.
        key: u32,
        /// Its place among the messages of its key.
        seq: u64,
        /// The process.
        instance: String,
        /// The partition or queue it came from.
        source: Option<String>,
        /// When.
        at: Moment,
    },
    /// The verifier saw an output of the service.
    Output {
        /// The message that caused it.
        cause: u64,
        /// Its partition key.
        key: u32,
        /// Its place among the messages of its key.
        seq: u64,
        /// The partition or queue it was read from.
        source: String,
        /// Its place there, as the verifier read it.
        position: u64,
        /// When.
        at: Moment,
    },
    /// The verifier saw a dead letter.
    DeadLetter {
        /// The message, where its bytes can still be read.
        id: Option<u64>,
        /// A mark that the generator gave hostile messages, which have no readable id.
        mark: Option<String>,
        /// The reason header.
        reason: String,
        /// The length of the payload in bytes.
        bytes: usize,
        /// When.
        at: Moment,
    },
    /// The nemesis did something.
    Fault {
        /// What: `kill`, `stop`, `cut`, ….
        fault: String,
        /// To whom: an instance, a broker, a relay.
        target: String,
        /// When it began.
        from: Moment,
        /// When it was over.
        to: Moment,
    },
    /// What a process looked like at one moment.
    Sample {
        /// The process.
        instance: String,
        /// When.
        at: Moment,
        /// `up`, `degraded`, `down`, `unknown`; `None` when nobody answered.
        status: Option<String>,
        /// The reasons that health gave.
        reasons: Vec<String>,
        /// Resident memory in KiB.
        resident_kib: u64,
        /// Open file descriptors.
        descriptors: u64,
        /// Threads.
        threads: u64,
    },
}
