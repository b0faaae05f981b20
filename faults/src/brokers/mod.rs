//! The real brokers under the bench: where they are, how they are crashed and started again, and what an operator
//! does to them. Everything here uses the bare clients or the brokers' own tools.

mod kafka;
mod management;
mod questions;
mod rabbit;

use std::env;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

pub use kafka::Kafka;
pub use rabbit::{Queue, Rabbit};

/// What `cargo xtask faults` says through the environment.
fn variable(name: &str) -> Result<String> {
    env::var(name).with_context(|| format!("`{name}` is not set; run the bench through `cargo xtask faults`"))
}

/// Crashes and starts one broker through the program that manages the set.
#[derive(Clone, Debug)]
struct Power {
    program: PathBuf,
    broker: &'static str,
}

impl Power {
    fn from_environment(broker: &'static str) -> Result<Self> {
        Ok(Self {
            program: variable("XTASK")?.into(),
            broker,
        })
    }

    async fn switch(&self, action: &str) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.args(["brokers", action, self.broker]);
        output(command).await.map(drop)
    }
}

/// Runs a program to its end; what it said on failure becomes the error.
async fn output(mut command: Command) -> Result<String> {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("cannot run `{name}`"))?;
    if !output.status.success() {
        bail!(
            "`{name}` ended with {}: {}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
