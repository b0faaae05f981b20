//! The plan of a consumer for each connection: an anonymous queue gets a new name when the connection is a new one.

use std::sync::{Arc, Mutex, PoisonError};

use bindery_core::ConsumerSpec;

use crate::options::ConsumerOptions;
use crate::topology::{ConsumerPlan, plan_consumer};

/// Makes the plan of one consumer.
#[derive(Debug)]
pub(crate) struct Plans {
    spec: ConsumerSpec,
    options: ConsumerOptions,
    current: Mutex<(u64, Arc<ConsumerPlan>)>,
}

impl Plans {
    /// The plans of an input; `generation` is that of the connection it is first bound with.
    pub(crate) fn new(spec: ConsumerSpec, options: ConsumerOptions, generation: u64) -> Self {
        let plan = Arc::new(plan_consumer(&spec, &options, &anonymous_id()));
        Self {
            spec,
            options,
            current: Mutex::new((generation, plan)),
        }
    }

    /// The plan that all lanes use on one connection.
    ///
    /// The exclusive queue of a lost connection may be locked for a while yet, so its name isn't used again.
    pub(crate) fn of_connection(&self, generation: u64) -> Arc<ConsumerPlan> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 != generation {
            current.0 = generation;
            if self.spec.group.is_none() {
                current.1 = Arc::new(plan_consumer(&self.spec, &self.options, &anonymous_id()));
            }
        }
        current.1.clone()
    }
}

const BASE64_URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A random UUID as 22 characters of URL-safe base64, as Spring names anonymous groups.
fn anonymous_id() -> String {
    let mut bits = uuid::Builder::from_random_bytes(rand::random())
        .into_uuid()
        .as_u128();
    // 128 bits are 21 characters of 6 bits and one of 2, which stands at the high end of the last character.
    let mut text = [0_u8; 22];
    text[21] = BASE64_URL[((bits & 0b11) << 4) as usize];
    bits >>= 2;
    for character in text[..21].iter_mut().rev() {
        *character = BASE64_URL[(bits & 0b11_1111) as usize];
        bits >>= 6;
    }
    text.iter().map(|byte| char::from(*byte)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn anonymous_ids_are_22_url_safe_characters_and_differ() {
        let ids: BTreeSet<_> = (0..100).map(|_| anonymous_id()).collect();
        assert_eq!(ids.len(), 100);
        for id in ids {
            assert!(
                id.len() == 22 && id.bytes().all(|byte| BASE64_URL.contains(&byte)),
                "{id}"
            );
        }
    }
}
