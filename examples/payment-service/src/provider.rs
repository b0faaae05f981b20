//! A payment provider that now and then fails, always at the same orders: what retries and dead letters are shown with.

/// Of a thousand orders, so many fail at the first attempt or the first two.
const FLAKY_PER_MILLE: u64 = 15;

/// Of a thousand orders, so many fail at every attempt.
const POISON_PER_MILLE: u64 = 1;

/// Why the provider can't say whether an order is paid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// It may answer next time.
    #[error("the payment provider did not answer in time for order `{0}`")]
    NoAnswer(i64),
    /// It never will.
    #[error("the payment provider can't read the payment of order `{0}`")]
    Unreadable(i64),
}

/// The connection to the payment provider.
#[derive(Clone, Debug, Default)]
pub struct Provider {
    seed: u64,
}

impl Provider {
    /// A provider that fails at other orders for each seed.
    pub fn with_seed(seed: u64) -> Self {
        Self { seed }
    }

    /// Asks the provider to carry out the payment of an order. `attempt` counts from 1.
    ///
    /// # Errors
    /// At the first attempts or always, for a few orders.
    pub fn authorize(&self, order_id: i64, attempt: u32) -> Result<(), ProviderError> {
        let number = scramble(order_id.cast_unsigned() ^ scramble(self.seed));
        let failing_attempts = 1 + u32::from(number & (1 << 63) != 0);
        match number % 1_000 {
            rank if rank < POISON_PER_MILLE => Err(ProviderError::Unreadable(order_id)),
            rank if rank < POISON_PER_MILLE + FLAKY_PER_MILLE && attempt <= failing_attempts => {
                Err(ProviderError::NoAnswer(order_id))
            }
            _ => Ok(()),
        }
    }
}

/// Spreads numbers evenly (the finalizer of `splitmix64`).
fn scramble(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failing(provider: &Provider, attempt: u32) -> Vec<i64> {
        (0..100_000)
            .filter(|order_id| provider.authorize(*order_id, attempt).is_err())
            .collect()
    }

    #[test]
    fn a_small_share_fails_and_a_smaller_one_fails_for_good() {
        let provider = Provider::default();
        let counts = [1, 2, 3, 4].map(|attempt| failing(&provider, attempt).len());
        assert!((1_400..1_800).contains(&counts[0]), "{counts:?}");
        assert!((700..1_000).contains(&counts[1]), "{counts:?}");
        assert!(
            (60..140).contains(&counts[2]) && counts[2] == counts[3],
            "{counts:?}"
        );
    }

    #[test]
    fn the_seed_decides_which() {
        assert_eq!(
            failing(&Provider::with_seed(1), 1),
            failing(&Provider::with_seed(1), 1)
        );
        assert_ne!(
            failing(&Provider::with_seed(1), 1),
            failing(&Provider::with_seed(2), 1)
        );
    }
}
