//! Everything that a process logs while a test runs, searched for secrets.
//!
//! The log of a test binary is one for all its tests, so what is found may come from a test that runs beside the
//! watching one: secrets that are looked for have to be the test's own.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};

use tracing::{Level, Metadata};
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

/// Watches the log of this process, all levels and libraries, until it is dropped.
///
/// The first watch sets the process's subscriber; none may be set before.
pub struct LogWatch(Arc<Watched>);

struct Watched {
    /// Each secret in the forms in which a log may show it.
    forms: Vec<String>,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    leaks: Vec<String>,
    lines: Vec<String>,
    events: usize,
}

static WATCHES: Mutex<Vec<Weak<Watched>>> = Mutex::new(Vec::new());

impl LogWatch {
    /// Begins to watch for secrets. Each has to be long enough not to appear by chance.
    ///
    /// # Panics
    /// When a secret has less than eight characters.
    pub fn begin(secrets: &[&str]) -> Self {
        static SUBSCRIBER: Once = Once::new();
        SUBSCRIBER.call_once(|| {
            let layer = tracing_subscriber::fmt::layer()
                .with_ansi(false)
                .without_time()
                .with_writer(Sink)
                .with_filter(dynamic_filter_fn(|_, _| {
                    watches().iter().any(|watch| watch.strong_count() > 0)
                }));
            // It takes what libraries write through `log` as well.
            tracing_subscriber::registry().with(layer).init();
        });
        let watched = Arc::new(Watched {
            forms: secrets.iter().flat_map(|secret| forms(secret)).collect(),
            found: Mutex::default(),
        });
        let mut watches = watches();
        watches.retain(|watch| watch.strong_count() > 0);
        watches.push(Arc::downgrade(&watched));
        Self(watched)
    }

    /// Lines of level `INFO` and above that contain a text, in order.
    pub fn lines(&self, containing: &str) -> Vec<String> {
        let found = self.0.found();
        let lines = found.lines.iter().filter(|line| line.contains(containing));
        lines.cloned().collect()
    }

    /// Asserts that none of the secrets is in a text, or in anything that was logged.
    ///
    /// # Panics
    /// When one is, or when nothing was logged at all: then nothing was watched.
    pub fn assert_no_secret_in(&self, what: &str, text: &str) {
        for form in &self.0.forms {
            assert!(!text.contains(form.as_str()), "{what} shows a secret: {text}");
        }
        let found = self.0.found();
        assert!(found.events > 0, "nothing was logged");
        assert!(
            found.leaks.is_empty(),
            "the log shows a secret: {}",
            found.leaks.join("\n")
        );
    }
}

impl fmt::Debug for LogWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogWatch").finish_non_exhaustive()
    }
}

/// As it is, and as the numbers and the digits of its bytes.
fn forms(secret: &str) -> [String; 3] {
    assert!(
        secret.len() >= 8,
        "a secret of a test has at least eight characters"
    );
    let numbers: Vec<_> = secret.bytes().map(|byte| byte.to_string()).collect();
    let digits: Vec<_> = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    [secret.to_owned(), numbers.join(", "), digits.concat()]
}

impl Watched {
    fn found(&self) -> MutexGuard<'_, Found> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, level: Level, text: &str) {
        let mut found = self.found();
        found.events += 1;
        if self.forms.iter().any(|form| text.contains(form.as_str())) {
            found.leaks.push(text.to_owned());
        }
        if level <= Level::INFO {
            found.lines.push(text.trim_end().to_owned());
        }
    }
}

fn watches() -> MutexGuard<'static, Vec<Weak<Watched>>> {
    WATCHES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives each event to those who watch.
struct Sink;

struct Event(Level);

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Event;

    fn make_writer(&'a self) -> Event {
        Event(Level::INFO)
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Event {
        Event(*metadata.level())
    }
}

impl io::Write for Event {
    /// The formatter writes an event at once.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        for watch in watches().iter().filter_map(Weak::upgrade) {
            watch.take(self.0, &text);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_form() {
        let watch = LogWatch::begin(&["s3cret-canary"]);
        tracing::trace!(frame = ?"s3cret-canary".as_bytes(), "written");
        let shown = std::panic::catch_unwind(|| watch.assert_no_secret_in("nothing", ""));
        assert!(shown.is_err());
    }

    #[test]
    fn important_lines_are_kept() {
        let watch = LogWatch::begin(&["another-canary"]);
        tracing::warn!("the broker of this test is away");
        tracing::debug!("the broker of this test is away, in detail");
        assert_eq!(watch.lines("the broker of this test").len(), 1);
        watch.assert_no_secret_in("a text", "fine");
    }
}
