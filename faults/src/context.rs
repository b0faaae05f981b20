//! What all cases of one run of the bench have in common.

use std::path::PathBuf;

use clap::ValueEnum;
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::brokers::{Kafka, Rabbit};

/// The brokers a case can run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum Broker {
    /// A real Kafka.
    Kafka,
    /// A real RabbitMQ.
    Rabbit,
    /// The memory binder: broker, service and verifier are one process.
    Memory,
}

impl Broker {
    /// The name in arguments, reports and configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Rabbit => "rabbit",
            Self::Memory => "memory",
        }
    }
}

/// How much is done in a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scale {
    /// 10,000 messages and a few faults, about 20 s a case.
    Short,
    /// 120,000 messages and as many faults as the case names.
    Full,
}

impl Scale {
    /// The name in arguments and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Short => "short",
            Self::Full => "full",
        }
    }
}

/// One run of the bench on one broker.
#[derive(Clone, Debug)]
pub struct Context {
    /// The broker of this track.
    pub broker: Broker,
    /// How much is done.
    pub scale: Scale,
    /// From it everything random follows.
    pub seed: u64,
    /// The one real Kafka.
    pub kafka: Kafka,
    /// The one real RabbitMQ.
    pub rabbit: Rabbit,
    /// Where ledgers and logs go: a folder for each case.
    pub folder: PathBuf,
}

impl Context {
    /// `short` or `full`, by the scale.
    pub fn scaled<T>(&self, short: T, full: T) -> T {
        match self.scale {
            Scale::Short => short,
            Scale::Full => full,
        }
    }

    /// The random numbers of one case; the same for the same seed, broker and case.
    pub fn random(&self, case: &str) -> StdRng {
        let name = format!("{}/{case}", self.broker.name());
        let mixed = name.bytes().fold(self.seed, |sum, byte| {
            sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte)
        });
        StdRng::seed_from_u64(mixed)
    }
}
