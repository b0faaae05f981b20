//! The one place where a delivery is settled.

use bindery_core::{Receipt, Settlement, fail_point};

use super::Shared;
use super::load::SourceLoad;
use super::work::{Receipts, Work};

/// Settles every message of `work` and takes it off its source's load.
pub(crate) fn settle(shared: &Shared, load: &SourceLoad, work: Work, settlement: Settlement) {
    let count = work.len() as u64;
    match work.receipts {
        Receipts::One(receipt) => shared.settler.settle(receipt, settlement),
        Receipts::Many(receipts) => {
            for receipt in receipts {
                shared.settler.settle(receipt, settlement);
            }
        }
    }
    fail_point!("after-settle");
    shared.metrics.settled(settlement, count);
    load.settled(count, work.bytes);
}

/// Accepts deliveries that were handled one after the other; `bytes` is what they held.
pub(crate) fn accept_all(shared: &Shared, load: &SourceLoad, receipts: &mut Vec<Receipt>, bytes: u64) {
    let count = receipts.len() as u64;
    shared.settler.accept_all(receipts);
    for _ in 0..count {
        fail_point!("after-settle");
    }
    shared.metrics.settled(Settlement::Accept, count);
    load.settled(count, bytes);
}
