//! Health of binders and bindings, with its reason and since when.

use std::time::SystemTime;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It works.
    Up,
    /// Nothing is known yet.
    Unknown,
    /// It works, but somebody should look.
    Degraded,
    /// It doesn't work.
    Down,
}

/// A status with its reason and the time it began.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// How it is.
    pub status: Status,
    /// Why, in one sentence for the person on call; no secrets.
    pub reason: Option<String>,
    /// When this status began.
    pub since: SystemTime,
}

impl Health {
    /// Up, from now on.
    pub fn up() -> Self {
        Self {
            status: Status::Up,
            reason: None,
            since: SystemTime::now(),
        }
    }

    /// Unknown, from now on.
    pub fn unknown() -> Self {
        Self {
            status: Status::Unknown,
            reason: None,
            since: SystemTime::now(),
        }
    }

    /// Degraded for the given reason, from now on.
    pub fn degraded(reason: impl Into<String>) -> Self {
        Self {
            status: Status::Degraded,
            reason: Some(reason.into()),
            since: SystemTime::now(),
        }
    }

    /// Down for the given reason, from now on.
    pub fn down(reason: impl Into<String>) -> Self {
        Self {
            status: Status::Down,
            reason: Some(reason.into()),
            since: SystemTime::now(),
        }
    }

    /// This health after `next`: the time is kept while the status stays the same.
    #[must_use]
    pub fn followed_by(&self, mut next: Self) -> Self {
        if next.status == self.status {
            next.since = self.since;
        }
        next
    }
}
