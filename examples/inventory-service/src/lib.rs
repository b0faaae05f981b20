//! Inventory: reserves stock for placed orders, and gives it back when an order isn't paid.

mod warehouse;

pub use warehouse::Warehouse;
