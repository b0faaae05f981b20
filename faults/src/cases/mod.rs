//! The cases: what is done to the service, and what must hold afterwards.

mod clean;
mod kill;

use anyhow::Result;
use futures_util::future::LocalBoxFuture;

use crate::context::{Broker, Context};
use crate::report::CaseReport;

/// Where cases run that need a broker of their own.
const BROKERS: &[Broker] = &[Broker::Kafka, Broker::Rabbit];

/// One case.
#[derive(Clone, Copy)]
pub struct Case {
    /// What `--case` takes.
    pub name: &'static str,
    /// What happens, in a few words.
    pub title: &'static str,
    /// The brokers it applies to.
    pub brokers: &'static [Broker],
    run: fn(&Context) -> LocalBoxFuture<'_, Result<CaseReport>>,
}

impl std::fmt::Debug for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Case").field(&self.name).finish()
    }
}

impl Case {
    /// Runs it.
    ///
    /// # Errors
    /// When the bench itself fails; what the service does wrong is in the report.
    pub async fn run(&self, context: &Context) -> Result<CaseReport> {
        (self.run)(context).await
    }
}

/// A line of the table below: `async fn(&Context) -> Result<CaseReport>` as a case.
macro_rules! case {
    ($name:literal, $title:literal, $brokers:expr, $function:path) => {
        Case {
            name: $name,
            title: $title,
            brokers: $brokers,
            run: |context| Box::pin($function(context)),
        }
    };
}

/// Every case, in the order in which they run.
pub const ALL: &[Case] = &[
    case!(
        "T1",
        "clean start and stop, five times",
        BROKERS,
        clean::start_and_stop
    ),
    case!("T2", "processes are killed under load", BROKERS, kill::storm),
    case!(
        "T2-static",
        "the same, with static members",
        &[Broker::Kafka],
        kill::storm_of_static_members
    ),
    case!(
        "T3",
        "a process is frozen for two sessions",
        BROKERS,
        kill::freeze
    ),
    case!(
        "T17",
        "processes are told to stop under load",
        BROKERS,
        clean::stop_under_load
    ),
];
