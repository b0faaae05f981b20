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

    /// The health of a whole: that of its worst part. What is unknown counts only when nothing else is known.
    ///
    /// Among equals the last part gives the reason; trouble is as old as the oldest of them, and everything is up
    /// since the last of them came up.
    pub fn of_parts(parts: impl IntoIterator<Item = Self>) -> Option<Self> {
        let (mut whole, mut unknown): (Option<Self>, Option<Self>) = (None, None);
        for part in parts {
            if part.status == Status::Unknown {
                unknown.get_or_insert(part);
                continue;
            }
            whole = Some(match whole {
                Some(known) if known.status > part.status => known,
                Some(known) if known.status == part.status => Self {
                    since: match part.status {
                        Status::Up => known.since.max(part.since),
                        _ => known.since.min(part.since),
                    },
                    ..part
                },
                _ => part,
            });
        }
        whole.or(unknown)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(mut health: Health, seconds: u64) -> Health {
        health.since = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        health
    }

    #[test]
    fn a_whole_is_as_well_as_its_worst_part() {
        let parts = [
            at(Health::up(), 1),
            at(Health::down("gone"), 2),
            Health::unknown(),
        ];
        assert_eq!(Health::of_parts(parts), Some(at(Health::down("gone"), 2)));
        let unknown = at(Health::unknown(), 3);
        assert_eq!(Health::of_parts([unknown.clone()]), Some(unknown));
        assert_eq!(Health::of_parts([]), None);
    }

    #[test]
    fn trouble_is_as_old_as_the_oldest_and_a_recovery_as_new_as_the_newest() {
        let parts = [at(Health::down("a"), 5), at(Health::down("b"), 7)];
        assert_eq!(Health::of_parts(parts), Some(at(Health::down("b"), 5)));
        let parts = [at(Health::up(), 5), at(Health::up(), 7)];
        assert_eq!(Health::of_parts(parts), Some(at(Health::up(), 7)));
    }
}
