//! One case's world on the memory binder: broker, generator, services and verifier are one process, so that a fault is
//! what the broker can be told to do, and no process dies.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bindery::memory::{MemoryBinderFactory, MemoryBroker};
use bindery::{Message, Running};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::Deserialize;
use tokio::time::{Instant, sleep};

use crate::check::{Rules, check};
use crate::context::Context;
use crate::ledger::{Moment, Outcome, Record, Run, Tail, Writer};
use crate::load::{Load, Sequences, padded};
use crate::report::CaseReport;
use crate::scene::Quiet;
use crate::service::{self, Desk};
use crate::work::{Done, Work};

/// What the services read.
pub const INPUT: &str = "in";
/// What they publish to.
pub const OUTPUT: &str = "out";
/// Where dead letters go.
pub const DEAD_LETTERS: &str = "error.in.bench";

const POLL: Duration = Duration::from_millis(20);
const READY: Duration = Duration::from_secs(10);

/// The world of one case.
#[derive(Debug)]
pub struct MemoryScene {
    /// The broker, which the case spoils.
    pub broker: MemoryBroker,
    /// What the case holds the service to.
    pub rules: Rules,
    case: &'static str,
    folder: PathBuf,
    began: Instant,
    arguments: Vec<String>,
    running: BTreeMap<String, Running>,
    sequences: Sequences,
    nemesis: Writer,
    tail: Tail,
    quiet: Quiet,
}

impl MemoryScene {
    /// A broker of its own, and an empty folder for the ledgers.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn open(context: &Context, case: &'static str) -> Result<Self> {
        let folder = context.folder.join(format!("memory-{case}"));
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        let binding = "--stream.bindings.transfer-in-0";
        let options = "--stream.memory.bindings.transfer-in-0.consumer";
        Ok(Self {
            broker: MemoryBroker::new(),
            rules: Rules::default(),
            case,
            began: Instant::now(),
            arguments: vec![
                format!("{binding}.destination={INPUT}"),
                format!("{binding}.group=bench"),
                format!("{binding}.consumer.ordering=key"),
                format!("{binding}.consumer.back-off-initial-interval=20"),
                format!("{options}.enable-dlq=true"),
                format!("--stream.bindings.transfer-out-0.destination={OUTPUT}"),
                "--stream.memory.binder.min-partition-count=6".to_owned(),
            ],
            running: BTreeMap::new(),
            sequences: Sequences::default(),
            nemesis: Writer::open(&folder.join("nemesis.jsonl"))?,
            tail: Tail::new(&folder),
            quiet: Quiet::default(),
            folder,
        })
    }

    /// Adds an argument for services that are started from now on.
    pub fn argument(&mut self, key: &str, value: impl std::fmt::Display) {
        self.arguments.push(format!("--{key}={value}"));
    }

    /// Starts one service and waits until it is ready.
    ///
    /// # Errors
    /// When it doesn't start.
    pub async fn start(&mut self, name: &str) -> Result<()> {
        let desk = Desk::new(name, &self.folder.join(format!("{name}.jsonl")))?;
        let running = service::application(desk)
            .config_directory("no-files")
            .arguments(self.arguments.clone())
            .binder(Arc::new(MemoryBinderFactory::new(self.broker.clone())))
            .quiet()
            .start()
            .await?;
        running.wait_ready(READY).await?;
        self.running.insert(name.to_owned(), running);
        Ok(())
    }

    /// Stops one service properly; returns how long it took.
    ///
    /// # Errors
    /// When there is none of that name, or it doesn't end properly.
    pub async fn stop(&mut self, name: &str) -> Result<Duration> {
        let running = self
            .running
            .remove(name)
            .with_context(|| format!("no service `{name}` runs"))?;
        let from = Instant::now();
        running.shutdown().await?;
        Ok(from.elapsed())
    }

    /// Publishes in the background; what the broker took is acknowledged.
    ///
    /// # Errors
    /// When the ledger can't be opened.
    pub fn load(
        &self,
        load: Load,
        mut shape: impl FnMut(&mut Work) + Send + 'static,
    ) -> Result<tokio::task::JoinHandle<Result<()>>> {
        let ledger = Writer::open(&self.folder.join("load.jsonl"))?;
        let (broker, sequences) = (self.broker.clone(), self.sequences.clone());
        Ok(tokio::spawn(async move {
            let mut random = StdRng::seed_from_u64(load.seed);
            let from = Instant::now();
            for place in 0..load.count {
                let due = from + Duration::from_secs(place) / load.per_second.max(1);
                tokio::time::sleep_until(due).await;
                let mut work = Work {
                    id: load.first_id + place,
                    key: random.random_range(0..load.keys.max(1)),
                    ..Work::default()
                };
                shape(&mut work);
                work.seq = sequences.next(work.key);
                publish(&broker, &ledger, work, load.bytes)?;
            }
            Ok(())
        }))
    }

    /// Writes down a fault.
    ///
    /// # Errors
    /// When the ledger can't be written.
    pub fn faulted(&self, fault: &str, from: Moment) -> Result<()> {
        Ok(self.nemesis.append(&Record::Fault {
            fault: fault.to_owned(),
            target: "the broker".to_owned(),
            from,
            to: Moment::now(),
        })?)
    }

    /// Every reason that the health of a service's bindings gives.
    pub fn reasons(&self, name: &str) -> String {
        let bindings = self
            .running
            .get(name)
            .map(|running| running.bindings().all())
            .unwrap_or_default();
        let reasons = bindings.iter().filter_map(|binding| binding.health().reason);
        reasons.collect::<Vec<_>>().join("; ")
    }

    /// Waits until the health of a service gives a reason.
    ///
    /// # Errors
    /// When it gives none within `deadline`.
    pub async fn await_reason(&self, name: &str, deadline: Duration) -> Result<String> {
        let until = Instant::now() + deadline;
        loop {
            let reasons = self.reasons(name);
            if !reasons.is_empty() {
                return Ok(reasons);
            }
            if Instant::now() >= until {
                bail!("health of `{name}` gave no reason within {deadline:?}");
            }
            sleep(POLL).await;
        }
    }

    /// How many messages were published to the dead letter.
    pub fn dead_letters(&self) -> usize {
        self.broker.messages(DEAD_LETTERS).len()
    }

    /// Waits until every acknowledged message had its effect or lies in the dead letter, or nothing has ended for
    /// `patience`.
    ///
    /// # Errors
    /// When a ledger can't be read.
    pub async fn settle(&mut self, patience: Duration) -> Result<()> {
        let mut progress = Instant::now();
        loop {
            let records = self.tail.take()?;
            if self.quiet.take(records) {
                progress = Instant::now();
            }
            let dead: HashSet<u64> = self.dead_ids().into_iter().flatten().collect();
            let open = self.quiet.acknowledged.difference(&self.quiet.ended);
            let waiting = open.filter(|id| !dead.contains(id) && !self.rules.expect_held.contains(id));
            if waiting.count() == 0 || progress.elapsed() >= patience {
                return Ok(());
            }
            sleep(POLL).await;
        }
    }

    fn dead_ids(&self) -> Vec<Option<u64>> {
        let letters = self.broker.messages(DEAD_LETTERS);
        letters.iter().map(|letter| id_of(letter.bytes())).collect()
    }

    /// Stops what runs, writes down what the broker holds, checks the ledgers, and makes the report.
    ///
    /// # Errors
    /// When a service doesn't stop, or a ledger can't be written or read.
    pub async fn conclude(mut self) -> Result<CaseReport> {
        for (_, running) in std::mem::take(&mut self.running) {
            running.shutdown().await?;
        }
        self.write_down()?;
        let run = Run::read(&self.folder)?;
        let findings = check(&run, &self.rules);
        Ok(CaseReport::new(
            self.case,
            "memory",
            &run,
            findings,
            self.began.elapsed(),
        ))
    }

    fn write_down(&self) -> Result<()> {
        let ledger = Writer::open(&self.folder.join("verifier.jsonl"))?;
        for (position, output) in self.broker.messages(OUTPUT).iter().enumerate() {
            let done: Done =
                serde_json::from_slice(output.bytes()).context("not an output of the service")?;
            ledger.append(&Record::Output {
                cause: done.cause,
                key: done.key,
                seq: done.seq,
                source: OUTPUT.to_owned(),
                position: position as u64,
                at: Moment::now(),
            })?;
        }
        for letter in self.broker.messages(DEAD_LETTERS) {
            let text = |name: &str| letter.headers.text(name).map(str::to_owned);
            ledger.append(&Record::DeadLetter {
                id: id_of(letter.bytes()),
                mark: text(crate::verify::MARK),
                reason: text("x-exception-message").unwrap_or_default(),
                bytes: letter.bytes().len(),
                at: Moment::now(),
            })?;
        }
        Ok(())
    }
}

fn publish(broker: &MemoryBroker, ledger: &Writer, work: Work, bytes: usize) -> Result<()> {
    let (id, key) = (work.id, work.key);
    ledger.append(&Record::Intent {
        id,
        key,
        seq: work.seq,
        at: Moment::now(),
    })?;
    let (_, payload) = padded(work, bytes);
    let message = Message::new(payload)
        .key(key.to_string())
        .header(bindery::CONTENT_TYPE, "application/json");
    let taken = broker.publish(INPUT, message);
    Ok(ledger.append(&Record::Answer {
        id,
        outcome: if taken.is_ok() { Outcome::Ok } else { Outcome::Fail },
        at: Moment::now(),
    })?)
}

fn id_of(payload: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Known {
        id: u64,
    }
    serde_json::from_slice::<Known>(payload)
        .ok()
        .map(|known| known.id)
}
