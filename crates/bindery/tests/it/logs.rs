//! What an application writes to its log, for tests that count lines.

use std::cell::RefCell;
use std::fmt;
use std::sync::{Arc, Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

type Lines = Arc<Mutex<Vec<(Level, String)>>>;

thread_local! {
    /// Where the lines of this thread's test go. One subscriber serves all tests, because whether a line is wanted is
    /// remembered for all threads.
    static LINES: RefCell<Option<Lines>> = const { RefCell::new(None) };
}

/// The lines of this thread's tasks from `info` up, while this lives.
pub(crate) struct Logs {
    lines: Lines,
}

impl Logs {
    pub(crate) fn capture() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            let subscriber = tracing_subscriber::registry().with(Collector);
            tracing::subscriber::set_global_default(subscriber).unwrap();
        });
        let lines = Lines::default();
        LINES.with_borrow_mut(|current| *current = Some(lines.clone()));
        Self { lines }
    }

    /// The lines that contain `part`.
    pub(crate) fn with(&self, part: &str) -> Vec<(Level, String)> {
        let lines = self.lines.lock().unwrap();
        lines
            .iter()
            .filter(|(_, line)| line.contains(part))
            .cloned()
            .collect()
    }

    /// The levels of the lines that contain `part`.
    pub(crate) fn levels(&self, part: &str) -> Vec<Level> {
        self.with(part).into_iter().map(|(level, _)| level).collect()
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        LINES.with_borrow_mut(|current| *current = None);
    }
}

struct Collector;

impl<S: Subscriber> Layer<S> for Collector {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let level = *event.metadata().level();
        if level <= Level::INFO {
            let mut line = Line::default();
            event.record(&mut line);
            LINES.with_borrow(|current| {
                if let Some(lines) = current {
                    lines.lock().unwrap().push((level, line.0));
                }
            });
        }
    }
}

/// The message and the fields of an event as one text.
#[derive(Default)]
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use fmt::Write;
        write!(self.0, "{}={value:?} ", field.name()).unwrap();
    }
}
