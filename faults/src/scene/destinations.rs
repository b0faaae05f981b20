//! A scene's destinations. The service makes them when it first starts, as any service does.

use std::sync::Arc;

use anyhow::{Result, bail};

use crate::context::{Broker, Context};
use crate::ledger::Writer;
use crate::load::{self, Load, Sequences};
use crate::verify::{KafkaVerifier, RabbitVerifier};
use crate::work::Work;

/// How many queues a RabbitMQ scene reads. Kafka has one topic with as many partitions as the configuration says.
const QUEUES: u32 = 4;

/// The group of `config/application.yaml`.
pub const GROUP: &str = "bench";

/// The group for which the service keeps its outputs on RabbitMQ.
const READERS: &str = "verify";

/// Where messages come from and go to.
#[derive(Clone, Debug)]
pub struct Destinations {
    /// What the service reads.
    pub inputs: Vec<String>,
    /// What it publishes to.
    pub output: String,
    sequences: Sequences,
}

impl Destinations {
    /// Names that no other run has.
    pub fn new(context: &Context, case: &str) -> Self {
        let run = format!("{}-{}", case.to_lowercase(), std::process::id());
        let inputs = match context.broker {
            Broker::Rabbit => (0..QUEUES).map(|queue| format!("{run}.in{queue}")).collect(),
            Broker::Kafka | Broker::Memory => vec![format!("{run}.in")],
        };
        Self {
            inputs,
            output: format!("{run}.out"),
            sequences: Sequences::default(),
        }
    }

    /// What a service process is told of them.
    pub fn arguments(&self, broker: Broker) -> Vec<String> {
        let mut arguments = vec![
            format!("--bench.binder={}", broker.name()),
            format!("--bench.in={}", self.inputs.join(",")),
            format!("--bench.out={}", self.output),
        ];
        if broker != Broker::Rabbit {
            let key = "--stream.bindings.transfer-out-0.producer.partition-key-expression=payload.key";
            arguments.push(key.to_owned());
        }
        arguments
    }

    /// The queues of the inputs, on RabbitMQ.
    pub fn queues(&self) -> Vec<String> {
        self.inputs
            .iter()
            .map(|input| format!("{input}.{GROUP}"))
            .collect()
    }

    /// Where dead letters go: topics on Kafka, queues on RabbitMQ.
    pub fn dead_letters(&self, broker: Broker) -> Vec<String> {
        match broker {
            Broker::Rabbit => self.queues().iter().map(|queue| format!("{queue}.dlq")).collect(),
            Broker::Kafka | Broker::Memory => self
                .inputs
                .iter()
                .map(|input| format!("error.{input}.{GROUP}"))
                .collect(),
        }
    }

    pub(super) fn verifier(&self, context: &Context, ledger: Arc<Writer>) -> Result<Verifier> {
        let dead_letters = self.dead_letters(context.broker);
        Ok(match context.broker {
            Broker::Kafka => Verifier::Kafka(KafkaVerifier::new(
                &context.kafka,
                &self.output,
                &dead_letters[0],
                ledger,
            )),
            Broker::Rabbit => {
                let outputs = [format!("{}.{READERS}", self.output)];
                Verifier::Rabbit(RabbitVerifier::new(
                    &context.rabbit,
                    &outputs,
                    &dead_letters,
                    ledger,
                ))
            }
            Broker::Memory => bail!("the memory broker lives in one process"),
        })
    }

    pub(super) fn load(
        &self,
        context: &Context,
        load: Load,
        ledger: Arc<Writer>,
        shape: impl FnMut(&mut Work) + Send + 'static,
    ) -> Result<load::Handle> {
        let sequences = self.sequences.clone();
        match context.broker {
            Broker::Kafka => {
                load::start_kafka(&context.kafka, &self.inputs[0], load, sequences, ledger, shape)
            }
            Broker::Rabbit => Ok(load::start_rabbit(
                &context.rabbit,
                self.inputs.clone(),
                load,
                sequences,
                ledger,
                shape,
            )),
            Broker::Memory => bail!("the memory broker lives in one process"),
        }
    }

    /// Removes everything that the scene left at the broker. What a case removed already is no error.
    pub(super) async fn remove(&self, context: &Context) -> Result<()> {
        let dead_letters = self.dead_letters(context.broker);
        match context.broker {
            Broker::Kafka => {
                for topic in self.inputs.iter().chain(&dead_letters).chain([&self.output]) {
                    // A topic that never came to be, or is gone already.
                    let _ = context.kafka.delete_topic(topic).await;
                }
            }
            Broker::Rabbit => {
                let output = format!("{}.{READERS}", self.output);
                for queue in self.queues().iter().chain(&dead_letters).chain([&output]) {
                    context.rabbit.delete_queue(queue).await?;
                }
                for exchange in self.inputs.iter().chain([&self.output]) {
                    context.rabbit.delete_exchange(exchange).await?;
                }
            }
            Broker::Memory => {}
        }
        Ok(())
    }

    /// How many messages the group has not settled, as the broker says.
    ///
    /// # Errors
    /// When the broker doesn't answer.
    pub async fn unsettled(&self, context: &Context) -> Result<u64> {
        Ok(match context.broker {
            Broker::Kafka => context.kafka.lag(GROUP, &self.inputs[0]).await?,
            Broker::Rabbit => {
                let mut open = 0;
                for queue in self.queues() {
                    for found in context.rabbit.queues(&queue).await? {
                        if found.name == queue {
                            open += found.ready + found.unacknowledged;
                        }
                    }
                }
                open
            }
            Broker::Memory => 0,
        })
    }
}

/// The verifier of either broker.
#[derive(Debug)]
pub(super) enum Verifier {
    Kafka(KafkaVerifier),
    Rabbit(RabbitVerifier),
}

impl Verifier {
    pub(super) async fn drain(&mut self) -> Result<()> {
        match self {
            Self::Kafka(verifier) => verifier.drain().await.map(drop),
            Self::Rabbit(verifier) => verifier.drain().await.map(drop),
        }
    }
}
