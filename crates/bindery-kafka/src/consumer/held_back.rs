//! Partitions from which nothing more is taken, because too much came after their first unsettled message: told by
//! health, and by one line in the log when it begins and one when it ends.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bindery_core::Health;

/// The partitions of one consumer that are held back, and since when.
#[derive(Debug, Default)]
pub(crate) struct HeldBack(Mutex<BTreeMap<i32, SystemTime>>);

impl HeldBack {
    /// Notes whether a partition is held back at `most` offsets.
    pub(crate) fn note(&self, topic: &str, partition: i32, is_held_back: bool, most: usize) {
        let mut partitions = self.lock();
        if partitions.contains_key(&partition) == is_held_back {
            return;
        }
        if is_held_back {
            partitions.insert(partition, SystemTime::now());
            drop(partitions);
            tracing::warn!(topic, partition, "{}", reason(topic, partition, most));
        } else if let Some(since) = partitions.remove(&partition) {
            drop(partitions);
            let took = since.elapsed().unwrap_or_default();
            tracing::info!(
                topic,
                partition,
                lasted.ms = took.as_millis() as u64,
                "`{topic}-{partition}` is taken from again after {took:.1?}"
            );
        }
    }

    /// Forgets a partition that was taken away.
    pub(crate) fn forget(&self, partition: i32) {
        self.lock().remove(&partition);
    }

    /// The health of the consumer, as far as partitions are held back.
    pub(crate) fn health(&self, topic: &str, most: usize) -> Option<Health> {
        let partitions = self.lock();
        let (first, _) = partitions.first_key_value()?;
        let mut reason = reason(topic, *first, most);
        if partitions.len() > 1 {
            reason = format!("{reason} (and {} more partitions)", partitions.len() - 1);
        }
        Some(Health {
            since: partitions.values().min().copied()?,
            ..Health::degraded(reason)
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i32, SystemTime>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn reason(topic: &str, partition: i32, most: usize) -> String {
    format!(
        "`{topic}-{partition}` is held back: {most} offsets came after a message that isn't settled, and all of them would come again"
    )
}

#[cfg(test)]
mod tests {
    use bindery_core::Status;

    use super::*;

    #[test]
    fn what_is_held_back_is_told_until_it_is_taken_from_again_or_taken_away() {
        let held_back = HeldBack::default();
        assert_eq!(held_back.health("t", 10), None);
        held_back.note("t", 1, true, 10);
        held_back.note("t", 2, true, 10);
        let health = held_back.health("t", 10).unwrap_or_else(Health::up);
        assert_eq!(health.status, Status::Degraded);
        let reason = health.reason.unwrap_or_default();
        assert!(
            reason.starts_with("`t-1` is held back: 10 offsets")
                && reason.ends_with("(and 1 more partitions)"),
            "{reason}"
        );
        held_back.note("t", 1, false, 10);
        held_back.forget(2);
        assert_eq!(held_back.health("t", 10), None);
    }
}
