//! The cases: what is done to the service, and what must hold afterwards.

mod alarm;
mod always_failing;
mod broker;
mod clean;
mod clock;
mod common;
mod config;
mod crash_points;
mod dead_letter;
mod disk;
mod hostile;
mod kill;
mod members;
mod memory;
mod memory_bound;
mod network;
mod output_down;
mod rabbit;
mod slow;
mod topology;

use anyhow::Result;
use futures_util::future::LocalBoxFuture;

use crate::context::{Broker, Context};
use crate::report::CaseReport;

/// Where cases run that need a broker of their own.
const BROKERS: &[Broker] = &[Broker::Kafka, Broker::Rabbit];

/// Cases on the memory binder, in the bench's own process.
const MEMORY: &[Broker] = &[Broker::Memory];

/// Cases of RabbitMQ alone.
const RABBIT: &[Broker] = &[Broker::Rabbit];

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
    /// Whether it counts what happens at a given rate of messages, which a busy machine would change.
    pub fn counts_at_a_rate(&self) -> bool {
        self.name.starts_with("T2-") || self.name == "T2"
    }

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
        "T4",
        "a process joins and leaves again and again",
        BROKERS,
        members::storm
    ),
    case!("T5", "the broker dies and comes back", BROKERS, broker::crash),
    case!("T6", "connections are reset", BROKERS, network::resets),
    case!(
        "T7",
        "bytes vanish, one way and both ways",
        BROKERS,
        network::blackholes
    ),
    case!(
        "T15",
        "the broker blocks publishers",
        &[Broker::Rabbit],
        alarm::memory
    ),
    case!(
        "T16",
        "partitions are added, a topic or queue is deleted",
        BROKERS,
        topology::changes
    ),
    case!(
        "T17",
        "processes are told to stop under load",
        BROKERS,
        clean::stop_under_load
    ),
    case!(
        "T20",
        "the process ends at each step",
        BROKERS,
        crash_points::matrix
    ),
    case!(
        "T22",
        "numbers of partitions and instances are wrong",
        BROKERS,
        topology::wrong_numbers
    ),
    case!(
        "rebalance-eager",
        "members come and go, all partitions move",
        members::REBALANCING,
        members::eager
    ),
    case!(
        "rebalance-cooperative",
        "members come and go, some partitions move",
        members::REBALANCING,
        members::cooperative
    ),
    case!(
        "rebalance-static",
        "members with names come and go",
        members::REBALANCING,
        members::static_membership
    ),
    case!(
        "output-down",
        "inputs on Kafka, the outputs' RabbitMQ is away",
        &[Broker::Kafka],
        output_down::rabbit_away
    ),
    case!(
        "output-down-kafka",
        "inputs on RabbitMQ, the outputs' Kafka is away",
        &[Broker::Kafka],
        output_down::kafka_away
    ),
    case!(
        "memory-bound",
        "256 partitions or 50 queues, a slow handler",
        BROKERS,
        memory_bound::many_sources
    ),
    case!(
        "T8",
        "the handler's disk is full for a while",
        BROKERS,
        disk::full
    ),
    case!(
        "T9",
        "every hundredth message is hostile",
        BROKERS,
        hostile::poison
    ),
    case!(
        "T10",
        "messages that are too large, in and out",
        BROKERS,
        hostile::oversized
    ),
    case!(
        "T11-slow",
        "a handler takes three times the poll interval",
        BROKERS,
        slow::slow
    ),
    case!("T11-hanging", "a handler never returns", BROKERS, slow::hanging),
    case!("T12", "the time of day jumps by an hour", BROKERS, clock::jump),
    case!(
        "dead-letter-missing",
        "the dead letter's topic or queue is gone",
        BROKERS,
        dead_letter::missing
    ),
    case!(
        "dead-letter-refused",
        "the dead letter's queue is full",
        RABBIT,
        dead_letter::refused
    ),
    case!(
        "dead-letter-blocked",
        "the dead letter is taken and not confirmed",
        RABBIT,
        dead_letter::blocked
    ),
    case!(
        "dead-letter-too-large",
        "the dead letter is larger than its target takes",
        BROKERS,
        dead_letter::too_large
    ),
    case!(
        "always-failing-dead-letter",
        "messages that always fail, with a dead letter",
        BROKERS,
        always_failing::dead_letter
    ),
    case!(
        "always-failing-held",
        "messages that always fail, without one",
        BROKERS,
        always_failing::held
    ),
    case!(
        "T18",
        "configuration that nobody meant",
        BROKERS,
        config::nonsense
    ),
    case!(
        "channel-closed",
        "the broker closes the channel of one queue's consumers",
        RABBIT,
        rabbit::channel_closed
    ),
    case!(
        "consumer-cancelled",
        "the broker cancels one queue's consumers",
        RABBIT,
        rabbit::consumer_cancelled
    ),
    case!(
        "delivery-limit",
        "a message whose process dies each time it has it",
        RABBIT,
        rabbit::delivery_limit
    ),
    case!(
        "consumer-timeout",
        "a handler keeps a message for too long",
        RABBIT,
        rabbit::consumer_timeout
    ),
    case!(
        "unroutable",
        "some of 8,000 publications at once reach no queue",
        RABBIT,
        rabbit::unroutable
    ),
    case!(
        "T1",
        "clean start and stop, five times",
        MEMORY,
        memory::start_and_stop
    ),
    case!(
        "T5",
        "the broker is away for a while",
        MEMORY,
        memory::broker_away
    ),
    case!("T9", "messages that can't be read", MEMORY, memory::hostile),
    case!(
        "T17",
        "services stop and start under load",
        MEMORY,
        memory::stop_under_load
    ),
    case!(
        "dead-letter-refused",
        "the dead letter refuses",
        MEMORY,
        memory::dead_letter_refused
    ),
    case!(
        "always-failing-dead-letter",
        "messages that always fail, with a dead letter",
        MEMORY,
        memory::always_failing
    ),
    case!(
        "output-down",
        "the output confirms nothing for a while",
        MEMORY,
        memory::output_silent
    ),
];
