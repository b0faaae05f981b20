//! The events of the shop.
