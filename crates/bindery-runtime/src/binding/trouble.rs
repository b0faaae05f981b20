//! What keeps a binding from going on: one entry for each cause, one line in the log when it begins and one when it ends.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bindery_core::BindingName;
use tokio::time::Instant;

/// Why messages of a binding wait.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// Messages that can't be processed are held, because they have no dead letter.
    Held,
    /// The dead letter of that name is refused, or its broker doesn't answer.
    DeadLetter(Arc<str>),
    /// The broker of the output of that name is away.
    Output(Arc<str>),
    /// So much waits behind messages that can't go on that their source takes no more.
    Backlog(Arc<str>),
    /// Handlers don't come back.
    Stalled,
}

/// The causes that there are at present.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    by_cause: BTreeMap<Cause, Trouble>,
    /// How many messages wait behind those that can't go on.
    behind: u64,
    counter: u64,
    /// When the last trouble ended.
    pub(crate) ended: Option<SystemTime>,
}

#[derive(Debug)]
struct Trouble {
    since: SystemTime,
    began: Instant,
    /// How many messages each note speaks for.
    notes: BTreeMap<u64, Noted>,
    attempts: u64,
    last_attempt: Option<Instant>,
    latest: String,
    next: Option<Duration>,
}

#[derive(Debug)]
struct Noted {
    messages: u64,
    reason: String,
}

impl Troubles {
    /// Adds a note; the first of its cause is told in the log.
    pub(crate) fn add(&mut self, binding: &BindingName, cause: &Cause, messages: u64, reason: String) -> u64 {
        self.counter += 1;
        let number = self.counter;
        let begins = !self.by_cause.contains_key(cause);
        let trouble = self
            .by_cause
            .entry(cause.clone())
            .or_insert_with(|| Trouble::new(reason.clone()));
        trouble.notes.insert(number, Noted { messages, reason });
        // A held message has a line of its own, with its position.
        if begins && *cause != Cause::Held {
            tracing::warn!(binding.name = %binding, "{}", trouble.describe(cause));
        }
        number
    }

    /// Tells a note's reason anew.
    pub(crate) fn renew(&mut self, cause: &Cause, number: u64, reason: String) {
        let trouble = self.by_cause.get_mut(cause);
        if let Some(noted) = trouble.and_then(|trouble| trouble.notes.get_mut(&number)) {
            noted.reason = reason;
        }
    }

    /// Another attempt to go on failed. Attempts that several messages make at the same time count once.
    pub(crate) fn again(&mut self, cause: &Cause, reason: String, next: Duration) {
        let Some(trouble) = self.by_cause.get_mut(cause) else {
            return;
        };
        let now = Instant::now();
        let same_round = |last: Instant| now.duration_since(last) < next.min(SAME_ROUND);
        if !trouble.last_attempt.is_some_and(same_round) {
            trouble.attempts += 1;
            trouble.last_attempt = Some(now);
        }
        trouble.latest = reason;
        trouble.next = Some(next);
    }

    /// Takes a note back; the last of its cause is told in the log.
    pub(crate) fn remove(&mut self, binding: &BindingName, cause: &Cause, number: u64) {
        let Some(trouble) = self.by_cause.get_mut(cause) else {
            return;
        };
        trouble.notes.remove(&number);
        if !trouble.notes.is_empty() {
            return;
        }
        let (took, attempts) = (trouble.began.elapsed(), trouble.attempts);
        self.by_cause.remove(cause);
        self.ended = Some(SystemTime::now());
        tracing::info!(
            binding.name = %binding, lasted.ms = took.as_millis() as u64, attempts,
            "{} after {took:.1?}", cause.over()
        );
    }

    /// Changes how many messages wait behind those that can't go on.
    pub(crate) fn wait_behind(&mut self, more: u64, fewer: u64) {
        self.behind = (self.behind + more).saturating_sub(fewer);
    }

    /// Since when there is trouble, and what it is in one line.
    pub(crate) fn describe(&self) -> Option<(SystemTime, String)> {
        let since = self.by_cause.values().map(|trouble| trouble.since).min()?;
        let all: Vec<_> = self
            .by_cause
            .iter()
            .map(|(cause, trouble)| trouble.describe(cause))
            .collect();
        let mut text = all.join("; ");
        if self.behind > 0 {
            // Writing to a string can't fail.
            let _ = write!(text, "; {} behind", waiting(self.behind));
        }
        Some((since, text))
    }
}

/// Attempts within this time of each other are one.
const SAME_ROUND: Duration = Duration::from_millis(200);

impl Trouble {
    fn new(reason: String) -> Self {
        Self {
            since: SystemTime::now(),
            began: Instant::now(),
            notes: BTreeMap::new(),
            attempts: 0,
            last_attempt: None,
            latest: reason,
            next: None,
        }
    }

    fn describe(&self, cause: &Cause) -> String {
        let messages: u64 = self.notes.values().map(|note| note.messages).sum();
        let first = self.notes.values().next().map_or("", |note| note.reason.as_str());
        let more = self.notes.len().saturating_sub(1);
        let tried = match (self.attempts, self.next) {
            (0, _) => String::new(),
            (attempts, None) => format!(", attempt {attempts}"),
            (attempts, Some(next)) => format!(", attempt {attempts}, next in {next:.1?}"),
        };
        match cause {
            Cause::DeadLetter(name) => {
                let latest = &self.latest;
                format!(
                    "{} for the dead letter `{name}`: {latest}{tried}",
                    waiting(messages)
                )
            }
            Cause::Output(name) => {
                format!(
                    "{} for the output `{name}`: {}{tried}",
                    waiting(messages),
                    self.latest
                )
            }
            Cause::Held | Cause::Backlog(_) | Cause::Stalled if more > 0 => {
                format!("{first} (and {more} more)")
            }
            Cause::Held | Cause::Backlog(_) | Cause::Stalled => first.to_owned(),
        }
    }
}

impl Cause {
    /// What is told when it ended.
    fn over(&self) -> String {
        match self {
            Self::Held => "no message is held any more".to_owned(),
            Self::DeadLetter(name) => format!("the dead letter `{name}` is accepted again"),
            Self::Output(name) => format!("the output `{name}` takes messages again"),
            Self::Backlog(source) => format!("`{source}` takes messages again"),
            Self::Stalled => "no handler is stalled any more".to_owned(),
        }
    }
}

fn waiting(messages: u64) -> String {
    match messages {
        1 => "1 message waits".to_owned(),
        many => format!("{many} messages wait"),
    }
}
