//! Which key a message has, where a scenario is about few keys.

use bench_common::Order;
use clap::Args;

/// Few keys, which messages have in turn.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Keys {
    /// How many keys there are; 0 leaves the keys as many as they are. The customer of an order is its key then.
    #[arg(long, default_value_t = 0)]
    pub keys: u64,
    /// Each message of this number has a key more, which no other has; 0 for none.
    #[arg(long, default_value_t = 0)]
    pub rare: u64,
}

impl Keys {
    /// The key of a message, if keys are few.
    pub(super) fn of(self, id: u64) -> Option<String> {
        let number = match id.checked_rem(self.rare) {
            Some(place) if place + 1 == self.rare => self.keys,
            _ => id.checked_rem(self.keys)?,
        };
        Some(Order::numbered_key(usize::try_from(number).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_take_turns_and_one_more_is_rare() {
        let keys = Keys { keys: 2, rare: 5 };
        let of: Vec<String> = (0..6).filter_map(|id| keys.of(id)).collect();
        assert_eq!(
            of,
            ["key-000", "key-001", "key-000", "key-001", "key-002", "key-001"]
        );
    }

    #[test]
    fn without_few_keys_there_is_nothing_to_say() {
        assert_eq!(Keys::default().of(7), None);
        let none_rare = Keys { keys: 20, rare: 0 };
        assert_eq!(none_rare.of(39), Some("key-019".to_owned()));
    }
}
