//! How far into a source handlers have been started: what stands before that is finished when the source ends, and what
//! stands behind it goes back.
//!
//! A broker that keeps one position for each partition delivers everything behind the first gap again. Were a message
//! that waits behind a slow one of its key given back, all finished work of other keys behind it would be repeated.

use std::sync::atomic::{AtomicU64, Ordering};

/// Set once the source ends: from then on nothing new is started.
const FROZEN: u64 = 1;

/// The position after the last one started, and whether that is final.
#[derive(Debug, Default)]
pub(crate) struct Frontier(AtomicU64);

impl Frontier {
    /// Asks whether the message at `position` may be started, and remembers it. `ending` tells that the source ends,
    /// and once that was told, the answer is no for everything beyond what was started before.
    pub(crate) fn may_start(&self, position: u64, ending: bool) -> bool {
        let next = position.saturating_add(1) << 1;
        if ending {
            return next <= self.0.fetch_or(FROZEN, Ordering::SeqCst) & !FROZEN;
        }
        let advanced = self
            .0
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |reached| {
                (reached & FROZEN == 0 && next > reached).then_some(next)
            });
        match advanced {
            Ok(_) => true,
            Err(reached) => next <= reached & !FROZEN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn before_the_end_everything_may_be_started() {
        let frontier = Frontier::default();
        for position in [0, 7, 3, 8] {
            assert!(frontier.may_start(position, false));
        }
    }

    #[test]
    fn at_the_end_only_what_stands_before_started_work_may_be() {
        let frontier = Frontier::default();
        assert!(frontier.may_start(5, false));
        assert!(frontier.may_start(4, true));
        assert!(!frontier.may_start(6, true));
        // A lane that hasn't heard of the end yet.
        assert!(!frontier.may_start(6, false));
        assert!(frontier.may_start(3, false));
    }

    #[test]
    fn nothing_is_started_in_a_source_that_ends_before_its_first_message() {
        let frontier = Frontier::default();
        assert!(!frontier.may_start(0, true));
        assert!(!frontier.may_start(0, false));
    }
}
