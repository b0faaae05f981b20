//! What the pipes publish.

use bench_common::Order;
use ruststream::Outgoing;
use serde::Serialize;

/// An order with its sum. Its own type, because a message has to say that it may leave.
#[derive(Clone, Debug, Serialize, Outgoing)]
#[serde(transparent)]
pub(crate) struct Priced(pub(crate) Order);
