//! The log of one partition: records in the order of their offsets, from which a prefix is dropped.

use std::collections::VecDeque;

use bindery_core::RawMessage;

/// How much of a log is kept that no group needs any more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Retention {
    /// Messages.
    pub(crate) messages: usize,
    /// Bytes of payloads and keys.
    pub(crate) bytes: usize,
}

/// An append-only log. Offsets are never used again.
#[derive(Debug, Default)]
pub(crate) struct Log {
    base: u64,
    records: VecDeque<RawMessage>,
    size_bytes: usize,
}

impl Log {
    /// The oldest offset that is still here.
    pub(crate) fn start(&self) -> u64 {
        self.base
    }

    /// The offset that the next record gets.
    pub(crate) fn end(&self) -> u64 {
        self.base + self.records.len() as u64
    }

    /// Appends a record and returns its offset.
    pub(crate) fn append(&mut self, mut message: RawMessage) -> u64 {
        let offset = self.end();
        message.origin.position = offset;
        self.size_bytes += message.size_bytes();
        self.records.push_back(message);
        offset
    }

    /// The record at `offset`, if it is still here.
    pub(crate) fn get(&self, offset: u64) -> Option<&RawMessage> {
        let index = offset.checked_sub(self.base)?;
        self.records.get(usize::try_from(index).ok()?)
    }

    /// The records that are still here.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &RawMessage> {
        self.records.iter()
    }

    /// Drops the oldest records below `settled` for as long as there is more than `retention` allows.
    pub(crate) fn compact(&mut self, settled: u64, retention: Retention) {
        while self.base < settled
            && (self.records.len() > retention.messages || self.size_bytes > retention.bytes)
        {
            let Some(record) = self.records.pop_front() else {
                return;
            };
            self.size_bytes -= record.size_bytes();
            self.base += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use bindery_core::{Headers, Origin};

    use super::*;

    fn message(size: usize) -> RawMessage {
        RawMessage {
            payload: Some(vec![0; size].into()),
            key: None,
            headers: Headers::new(),
            origin: Origin::default(),
        }
    }

    #[test]
    fn only_the_settled_prefix_beyond_the_retention_is_dropped() {
        let mut log = Log::default();
        for _ in 0..10 {
            log.append(message(1));
        }
        let retention = Retention {
            messages: 3,
            bytes: 100,
        };
        log.compact(5, retention);
        assert_eq!((log.start(), log.end()), (5, 10));
        log.compact(10, retention);
        assert_eq!((log.start(), log.end()), (7, 10));
        assert!(log.get(6).is_none() && log.get(7).is_some() && log.get(10).is_none());
    }

    #[test]
    fn bytes_count_too() {
        let mut log = Log::default();
        for _ in 0..4 {
            log.append(message(10));
        }
        let retention = Retention {
            messages: 100,
            bytes: 20,
        };
        log.compact(4, retention);
        assert_eq!(log.start(), 2);
    }
}
