//! Which offset of a partition may be committed, while its messages are settled in any order.

use std::collections::VecDeque;

/// The state of one message that was handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unsettled,
    Accepted,
    Released,
}

/// The offsets of one assignment of one partition, from the first that may not be committed to the last handed out.
///
/// Offsets are sparse: transaction markers and compaction leave gaps, so only offsets that were seen count. What may
/// be committed is the offset after the longest run of accepted messages at the front; a released message stays in
/// front of it for good, because it has to be delivered again.
#[derive(Debug, Default)]
pub(crate) struct OffsetTracker {
    entries: VecDeque<(i64, State)>,
    unsettled: usize,
    next: Option<i64>,
    stored: Option<i64>,
}

impl OffsetTracker {
    /// Records that the message at `offset` was handed out. Offsets come in ascending order.
    pub(crate) fn hand_out(&mut self, offset: i64) {
        debug_assert!(self.entries.back().is_none_or(|(last, _)| *last < offset));
        self.entries.push_back((offset, State::Unsettled));
        self.unsettled += 1;
    }

    /// Settles the message at `offset` and tells whether that was the first time.
    pub(crate) fn settle(&mut self, offset: i64, accepted: bool) -> bool {
        let Some(index) = self.index_of(offset) else {
            return false;
        };
        let state = &mut self.entries[index].1;
        if *state != State::Unsettled {
            return false;
        }
        *state = if accepted {
            State::Accepted
        } else {
            State::Released
        };
        self.unsettled -= 1;
        if index == 0 {
            self.advance();
        }
        true
    }

    /// Finds an offset: at its distance from the front as long as there are no gaps, else by bisection.
    fn index_of(&self, offset: i64) -> Option<usize> {
        let (first, _) = self.entries.front()?;
        let guess = usize::try_from(offset.checked_sub(*first)?).ok()?;
        if self.entries.get(guess).is_some_and(|(found, _)| *found == offset) {
            return Some(guess);
        }
        self.entries
            .binary_search_by_key(&offset, |(found, _)| *found)
            .ok()
    }

    fn advance(&mut self) {
        while let Some((offset, State::Accepted)) = self.entries.front() {
            self.next = Some(offset + 1);
            self.entries.pop_front();
        }
    }

    /// The next offset to consume after a restart, if it moved since [`OffsetTracker::mark_stored`].
    pub(crate) fn committable(&self) -> Option<i64> {
        self.next.filter(|next| self.stored != Some(*next))
    }

    /// Records that `next` was stored for the next commit.
    pub(crate) fn mark_stored(&mut self, next: i64) {
        self.stored = Some(next);
    }

    /// How many messages are handed out and not settled.
    pub(crate) fn unsettled(&self) -> usize {
        self.unsettled
    }

    /// How many offsets are kept, from the first unsettled or released one on.
    pub(crate) fn span(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tracker(offsets: impl IntoIterator<Item = i64>) -> OffsetTracker {
        let mut tracker = OffsetTracker::default();
        offsets.into_iter().for_each(|offset| tracker.hand_out(offset));
        tracker
    }

    #[test]
    fn nothing_is_committable_before_the_first_message_is_accepted() {
        let mut tracker = tracker([5, 6, 7]);
        assert!(tracker.settle(7, true) && tracker.settle(6, true));
        assert_eq!(tracker.committable(), None);
        assert!(tracker.settle(5, true));
        assert_eq!((tracker.committable(), tracker.unsettled()), (Some(8), 0));
    }

    #[test]
    fn a_released_message_holds_the_offset_back() {
        let mut tracker = tracker([1, 2, 3]);
        tracker.settle(1, true);
        tracker.settle(2, false);
        tracker.settle(3, true);
        assert_eq!(
            (tracker.committable(), tracker.unsettled(), tracker.span()),
            (Some(2), 0, 2)
        );
    }

    #[test]
    fn gaps_between_offsets_are_no_messages() {
        let mut tracker = tracker([10, 14, 15, 900]);
        for offset in [900, 10, 15, 14] {
            assert!(tracker.settle(offset, true));
        }
        assert_eq!(tracker.committable(), Some(901));
    }

    #[test]
    fn a_message_is_settled_once_and_unknown_ones_never() {
        let mut tracker = tracker([3]);
        assert!(!tracker.settle(2, true) && !tracker.settle(4, true));
        assert!(tracker.settle(3, true));
        assert!(!tracker.settle(3, false));
    }

    #[test]
    fn a_stored_offset_is_not_stored_again() {
        let mut tracker = tracker([0]);
        tracker.settle(0, true);
        tracker.mark_stored(1);
        assert_eq!(tracker.committable(), None);
    }
}
