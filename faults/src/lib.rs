//! The fault bench: a load generator, service processes, a nemesis and an independent verifier around a real broker.
//!
//! Everybody writes a ledger of what it saw ([`ledger`]); the verdict is arithmetic over the ledgers ([`check`]). The
//! generator and the verifier use the bare clients, so that nothing of the product judges the product.

pub mod brokers;
pub mod cases;
pub mod check;
pub mod context;
pub mod health;
pub mod hostile;
pub mod ledger;
pub mod load;
pub mod memory;
pub mod proc;
pub mod process;
pub mod relay;
pub mod report;
pub mod scene;
pub mod service;
pub mod verify;
pub mod work;
