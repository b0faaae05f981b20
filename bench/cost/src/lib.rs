//! What one message costs in allocations and instructions, on each binder. Neither depends on how busy a machine is, so
//! a test guards both (`tests/it`), and `bench-cost report` prints them.
//!
//! The program runs a service in a process of its own: [`subject`]. [`measure`] starts it with two numbers of messages,
//! so that what start and end cost drops out, and [`limits`] says how much a message may cost.

pub mod limits;
pub mod measure;
pub mod report;
pub mod subject;

use std::fmt;

use clap::ValueEnum;

/// What carries the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Binder {
    /// The binder without a network.
    Memory,
    /// Kafka, at `KAFKA_BROKERS`.
    Kafka,
    /// RabbitMQ, at `RABBITMQ_ADDRESSES`.
    Rabbit,
}

/// What is done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Case {
    /// Read, decoded, settled.
    Consume,
    /// Read, decoded, encoded, published, confirmed, settled.
    PassThrough,
}

impl Binder {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Kafka, Self::Rabbit];

    /// The variable with the address of its broker.
    pub fn variable(self) -> Option<&'static str> {
        match self {
            Self::Memory => None,
            Self::Kafka => Some("KAFKA_BROKERS"),
            Self::Rabbit => Some("RABBITMQ_ADDRESSES"),
        }
    }

    /// As it is spelled for the program and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Kafka => "kafka",
            Self::Rabbit => "rabbit",
        }
    }
}

impl Case {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Consume, Self::PassThrough];

    /// As it is spelled for the program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Consume => "consume",
            Self::PassThrough => "pass-through",
        }
    }
}

impl fmt::Display for Binder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
