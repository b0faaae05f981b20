//! The memory binder: the reference implementation of the binder contract, and the embedded default.
//!
//! A [`MemoryBroker`] is a value that lives in the process: topics with partitions, consumer groups whose members
//! share partitions, redelivery of what was released or never settled, dead letters. Nothing is written to disk.
//!
//! # What is kept, and for how long
//! * A message stays until every group of its topic has settled it; beyond that the newest ones stay up to the
//!   retention (`retention-messages`, default 10,000 a partition, and `retention-bytes`, default 16 MiB a partition),
//!   so that a new group can start with them. A topic without a group keeps what the retention allows and drops the
//!   oldest: a producer to whom nobody listens doesn't fill the memory.
//! * Where a group falls behind by `max-backlog` messages of a partition (default 1,000,000), producers are told that
//!   there is no room until the group catches up. Nothing that a group still needs is dropped.
//! * A group with a name lives as long as the broker, an anonymous one as long as its consumer.
//!
//! # Tests
//! A test makes a broker, hands it to [`MemoryBinderFactory::new`], and looks into it with
//! [`MemoryBroker::publish`], [`MemoryBroker::messages`], [`MemoryBroker::await_messages`] and
//! [`MemoryBroker::await_settled`]. [`MemoryBroker::faults`] makes publications, dead letters and binds fail.

mod binder;
mod broker;
mod consumer;
mod cursor;
mod dead_letter;
mod faults;
mod group;
mod inspect;
mod link;
mod log;
mod member;
mod options;
mod partition;
mod producer;
mod sync;
mod topic;

pub use binder::MemoryBinderFactory;
pub use broker::MemoryBroker;
pub use faults::Faults;
