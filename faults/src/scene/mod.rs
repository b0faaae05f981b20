//! One case's world: its destinations, its service processes, its ledgers.

mod destinations;
mod instances;
mod quiet;
mod sampling;
mod wait;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rand::Rng;
use rand::rngs::StdRng;
use tokio::time::Instant;

use destinations::Verifier;
pub use destinations::{Destinations, GROUP};
pub use quiet::Quiet;
pub use wait::is_effect_after;

use crate::check::Rules;
use crate::context::{Broker, Context};
use crate::ledger::{Moment, Record, Tail, Writer};
use crate::load::{Handle, Load};
use crate::process::{Instance, Launch};
use crate::report::CaseReport;
use crate::work::Work;
use sampling::Sampling;

/// The world of one case.
#[derive(Debug)]
pub struct Scene {
    /// The run of the bench that the case belongs to.
    pub context: Context,
    /// The case's random numbers.
    pub random: StdRng,
    /// Where messages come from and go to.
    pub destinations: Destinations,
    /// What service processes are started with; a case adds to it before it starts them.
    pub launch: Launch,
    /// What the case holds the service to.
    pub rules: Rules,
    case: &'static str,
    folder: PathBuf,
    began: Instant,
    instances: BTreeMap<String, Instance>,
    nemesis: Writer,
    verifiers: Vec<Verifier>,
    tail: Tail,
    quiet: Quiet,
    sampling: Sampling,
}

impl Scene {
    /// Makes the destinations and an empty folder for the ledgers. No service runs yet.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn open(context: &Context, case: &'static str) -> Result<Self> {
        Self::open_mixed(context, case, context.broker)
    }

    /// The same, with outputs on another broker.
    ///
    /// # Errors
    /// When the folder can't be written.
    pub fn open_mixed(context: &Context, case: &'static str, output: Broker) -> Result<Self> {
        let folder = context.folder.join(format!("{}-{case}", context.broker.name()));
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot create `{}`", folder.display()))?;
        let destinations = Destinations::new(context, case, output);
        let seen = Arc::new(Writer::open(&folder.join("verifier.jsonl"))?);
        let verifiers = destinations.verifiers(context, &seen)?;
        Ok(Self {
            random: context.random(case),
            launch: Launch {
                arguments: destinations.arguments(),
                environment: Vec::new(),
            },
            rules: Rules::default(),
            nemesis: Writer::open(&folder.join("nemesis.jsonl"))?,
            tail: Tail::new(&folder),
            quiet: Quiet::default(),
            sampling: Sampling::start(&folder)?,
            context: context.clone(),
            destinations,
            case,
            folder,
            began: Instant::now(),
            instances: BTreeMap::new(),
            verifiers,
        })
    }

    /// The folder of the case's ledgers and logs.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// How long the case has been going on.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Adds an argument for service processes that are started from now on.
    pub fn argument(&mut self, key: &str, value: impl std::fmt::Display) {
        self.launch.arguments.push(format!("--{key}={value}"));
    }

    /// Starts to publish; the messages are shaped by `shape`.
    ///
    /// # Errors
    /// When the generator can't connect.
    pub fn load(&self, load: Load, shape: impl FnMut(&mut Work) + Send + 'static) -> Result<Handle> {
        let seed = self.context.seed;
        let ledger = Arc::new(Writer::open(&self.folder.join("load.jsonl"))?);
        self.destinations
            .load(&self.context, Load { seed, ..load }, ledger, shape)
    }

    /// Does something bad and writes down when it was done.
    ///
    /// # Errors
    /// When the deed fails.
    pub async fn fault<T>(
        &self,
        fault: &str,
        target: &str,
        deed: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let from = Moment::now();
        let outcome = deed.await.with_context(|| format!("cannot {fault} `{target}`"))?;
        self.faulted(fault, target, from, Moment::now())?;
        Ok(outcome)
    }

    /// Writes down a fault.
    ///
    /// # Errors
    /// When the ledger can't be written.
    pub fn faulted(&self, fault: &str, target: &str, from: Moment, to: Moment) -> Result<()> {
        Ok(self.nemesis.append(&Record::Fault {
            fault: fault.to_owned(),
            target: target.to_owned(),
            from,
            to,
        })?)
    }

    /// Waits between `least` and `most`, as the seed says.
    pub async fn pause(&mut self, least: Duration, most: Duration) {
        let span = self.random.random_range(least..=most);
        tokio::time::sleep(span).await;
    }

    /// Stops what still runs, checks the ledgers, and makes the report. The case adds what it asks for besides.
    ///
    /// # Errors
    /// When a ledger can't be read.
    pub async fn conclude(mut self) -> Result<CaseReport> {
        self.stop_all().await?;
        self.drain().await?;
        self.sampling.stop().await;
        let run = crate::ledger::Run::read(&self.folder)?;
        let findings = crate::check::check(&run, &self.rules);
        self.destinations.remove(&self.context).await?;
        Ok(CaseReport::new(
            self.case,
            self.context.broker.name(),
            &run,
            findings,
            self.began.elapsed(),
        ))
    }
}
