//! Payment: charges customers for reserved orders.

mod ledger;
mod provider;

pub use ledger::{Ledger, credit_line};
pub use provider::{Provider, ProviderError};
