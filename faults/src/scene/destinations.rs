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

/// A topic that doesn't exist, and so holds nothing.
const NOTHING: &str = "nothing";

/// The group for which the service keeps its outputs on RabbitMQ.
const READERS: &str = "verify";

/// Where messages come from and go to.
#[derive(Clone, Debug)]
pub struct Destinations {
    /// What the service reads.
    pub inputs: Vec<String>,
    /// What it publishes to.
    pub output: String,
    broker: Broker,
    output_broker: Broker,
    sequences: Sequences,
}

impl Destinations {
    /// Names that no other run has.
    pub fn new(context: &Context, case: &str, output_broker: Broker) -> Self {
        let run = format!("{}-{}", case.to_lowercase(), std::process::id());
        let inputs = match context.broker {
            Broker::Rabbit => (0..QUEUES).map(|queue| format!("{run}.in{queue}")).collect(),
            Broker::Kafka | Broker::Memory => vec![format!("{run}.in")],
        };
        Self {
            inputs,
            output: format!("{run}.out"),
            broker: context.broker,
            output_broker,
            sequences: Sequences::default(),
        }
    }

    /// What a service process is told of them.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            format!("--bench.binder={}", self.broker.name()),
            format!("--bench.output-binder={}", self.output_broker.name()),
            format!("--bench.in={}", self.inputs.join(",")),
            format!("--bench.out={}", self.output),
        ];
        if self.output_broker != Broker::Rabbit {
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
    pub fn dead_letters(&self) -> Vec<String> {
        match self.broker {
            Broker::Rabbit => self.queues().iter().map(|queue| format!("{queue}.dlq")).collect(),
            Broker::Kafka | Broker::Memory => self
                .inputs
                .iter()
                .map(|input| format!("error.{input}.{GROUP}"))
                .collect(),
        }
    }

    /// The topic or queue that holds the outputs.
    fn outputs(&self) -> String {
        match self.output_broker {
            Broker::Rabbit => format!("{}.{READERS}", self.output),
            Broker::Kafka | Broker::Memory => self.output.clone(),
        }
    }

    /// One verifier for outputs and dead letters, or one for each when they are at different brokers.
    pub(super) fn verifiers(&self, context: &Context, ledger: &Arc<Writer>) -> Result<Vec<Verifier>> {
        let (outputs, dead_letters) = (self.outputs(), self.dead_letters());
        let of = |broker: Broker, outputs: &[String], dead_letters: &[String]| {
            Ok(match broker {
                Broker::Kafka => Verifier::Kafka(KafkaVerifier::new(
                    &context.kafka,
                    outputs.first().map_or(NOTHING, String::as_str),
                    dead_letters.first().map_or(NOTHING, String::as_str),
                    ledger.clone(),
                )),
                Broker::Rabbit => Verifier::Rabbit(RabbitVerifier::new(
                    &context.rabbit,
                    outputs,
                    dead_letters,
                    ledger.clone(),
                )),
                Broker::Memory => bail!("the memory broker lives in one process"),
            })
        };
        if self.broker == self.output_broker {
            return Ok(vec![of(self.broker, &[outputs], &dead_letters)?]);
        }
        Ok(vec![
            of(self.output_broker, &[outputs], &[])?,
            of(self.broker, &[], &dead_letters)?,
        ])
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

    /// Removes everything that the scene left at the brokers. What a case removed already is no error.
    pub(super) async fn remove(&self, context: &Context) -> Result<()> {
        let mut inputs = self.dead_letters();
        match self.broker {
            Broker::Rabbit => inputs.extend(self.queues()),
            Broker::Kafka | Broker::Memory => inputs.extend(self.inputs.iter().cloned()),
        }
        remove(context, self.broker, &inputs, &self.inputs).await?;
        remove(
            context,
            self.output_broker,
            &[self.outputs()],
            std::slice::from_ref(&self.output),
        )
        .await
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

/// Removes topics, or queues and exchanges.
async fn remove(context: &Context, broker: Broker, places: &[String], exchanges: &[String]) -> Result<()> {
    match broker {
        Broker::Kafka => {
            for topic in places {
                // A topic that never came to be, or is gone already.
                let _ = context.kafka.delete_topic(topic).await;
            }
        }
        Broker::Rabbit => {
            for queue in places {
                context.rabbit.delete_queue(queue).await?;
            }
            for exchange in exchanges {
                context.rabbit.delete_exchange(exchange).await?;
            }
        }
        Broker::Memory => {}
    }
    Ok(())
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
