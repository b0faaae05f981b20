//! The catalogue of keys, for tests that try every one of them. No part of the crate's interface.

use std::sync::Arc;

use bindery_core::{BinderFactory, PropertyDef};

use super::schema::Schema;

/// Every level of keys with its table. `<name>` stands for a name that the configuration chooses.
pub fn tables(factories: &[Arc<dyn BinderFactory>]) -> Vec<(String, &'static [PropertyDef])> {
    Schema::new(factories).tables().collect()
}
