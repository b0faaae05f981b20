//! What a case needs of a binder or its fixture, and why it doesn't apply without.

use bindery_core::Capabilities;

use crate::Fixture;

/// Something that not every binder or fixture has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// [`Capabilities::partitions`].
    Partitions,
    /// [`Capabilities::partitions`] that the broker assigns to the members of a group.
    AssignedPartitions,
    /// [`Capabilities::redelivers_released`].
    RedeliversReleased,
    /// [`Capabilities::reports_unroutable`].
    ReportsUnroutable,
    /// [`Capabilities::retains`].
    Retains,
    /// [`Capabilities::native_dead_letter`], and options for it.
    NativeDeadLetter,
    /// A dead letter that the binder publishes.
    DeadLetter,
    /// A broker that can be made to refuse dead letters.
    RefusedDeadLetter,
    /// A binder whose broker can't be reached.
    Unreachable,
    /// A line to the broker that can be cut.
    Outage,
}

impl Need {
    /// Whether it is there.
    pub fn is_met(self, capabilities: Capabilities, fixture: &Fixture) -> bool {
        match self {
            Self::Partitions => capabilities.partitions,
            Self::AssignedPartitions => capabilities.partitions && fixture.assigns_partitions,
            Self::RedeliversReleased => capabilities.redelivers_released,
            Self::ReportsUnroutable => capabilities.reports_unroutable,
            Self::Retains => capabilities.retains,
            Self::NativeDeadLetter => capabilities.native_dead_letter && fixture.native_dead_letter.is_some(),
            Self::DeadLetter => fixture.dead_letter.is_some(),
            Self::RefusedDeadLetter => fixture
                .dead_letter
                .as_ref()
                .is_some_and(|dead_letter| dead_letter.refuse.is_some()),
            Self::Unreachable => fixture.unreachable.is_some(),
            Self::Outage => fixture.outage.is_some(),
        }
    }

    /// What is missing, for people.
    pub fn missing(self) -> &'static str {
        match self {
            Self::Partitions => "the binder has no partitions",
            Self::AssignedPartitions => {
                "the broker assigns no partitions: each instance has the one of its index"
            }
            Self::RedeliversReleased => {
                "the binder redelivers a released message only when its source is assigned anew"
            }
            Self::ReportsUnroutable => "the broker doesn't report a record that reaches nobody",
            Self::Retains => "the broker doesn't keep settled messages for new groups",
            Self::NativeDeadLetter => "the broker doesn't dead-letter rejected messages itself",
            Self::DeadLetter => "the binder publishes no dead letters",
            Self::RefusedDeadLetter => "the fixture can't make its broker refuse dead letters",
            Self::Unreachable => "the fixture has no binder that can't reach its broker",
            Self::Outage => "the fixture can't cut the line to its broker",
        }
    }
}
