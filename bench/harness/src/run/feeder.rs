//! What surrounds a run: another program feeds it before, and looks after it at what was settled and what came out.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::GROUP;
use super::plan::{Plan, Work};

/// Calls the feeding program.
#[derive(Debug)]
pub(super) struct Feeder {
    program: PathBuf,
}

/// What is there for one run.
#[derive(Debug, Default)]
pub(super) struct Fed {
    /// The topic, or the destination whose queue was filled.
    pub(super) input: String,
    /// The topic or exchange to write to.
    pub(super) output: String,
    /// The consumer group of a topic, new for each run.
    group: Option<String>,
    /// How many messages are there.
    pub(super) count: u64,
}

impl Fed {
    pub(super) fn group(&self) -> &str {
        self.group.as_deref().unwrap_or(GROUP)
    }

    /// The queue that a program without destinations and groups reads.
    pub(super) fn queue(&self) -> String {
        format!("{}.{}", self.input, self.group())
    }
}

impl Feeder {
    pub(super) fn new(program: PathBuf) -> Self {
        Self { program }
    }

    /// Fills what the run reads, and makes what it writes to.
    pub(super) fn prepare(&self, plan: &Plan, run: &str, quick: bool) -> Result<Fed> {
        let count = if quick { plan.count / 4 } else { plan.count };
        let mut fed = Fed {
            count,
            ..Fed::default()
        };
        let (number, bytes) = (count.to_string(), plan.bytes.to_string());
        match plan.work {
            Work::Topic | Work::TopicToTopic => {
                // One topic for all runs: filling it takes longer than reading it.
                fed.input = format!("bench-{bytes}");
                fed.group = Some(run.to_owned());
                self.call(&[
                    "kafka-fill",
                    "--topic",
                    &fed.input,
                    "--count",
                    &number,
                    "--bytes",
                    &bytes,
                ])?;
            }
            Work::Queue(_) | Work::QueueToExchange => {
                let kind = if let Work::Queue(kind) = plan.work {
                    kind
                } else {
                    "classic"
                };
                fed.input = format!("bench-{bytes}-{kind}");
                let queue = fed.queue();
                self.call(&[
                    "rabbit-fill",
                    "--queue",
                    &queue,
                    "--type",
                    kind,
                    "--count",
                    &number,
                    "--bytes",
                    &bytes,
                ])?;
            }
            Work::ToTopic | Work::ToExchange | Work::Nothing => {}
        }
        match plan.work {
            Work::TopicToTopic | Work::ToTopic => {
                fed.output = format!("{run}-out");
                self.call(&["kafka-create", "--topic", &fed.output])?;
            }
            Work::QueueToExchange | Work::ToExchange => {
                fed.output = format!("{run}-out");
                self.call(&["rabbit-drain", "--exchange", &fed.output, "--declare"])?;
            }
            _ => {}
        }
        Ok(fed)
    }

    /// How many messages the run has settled, where it read any.
    pub(super) fn settled(&self, plan: &Plan, fed: &Fed) -> Result<Option<u64>> {
        Ok(match plan.work {
            Work::Topic | Work::TopicToTopic => {
                let said = self.call(&["kafka-committed", "--group", fed.group(), "--topic", &fed.input])?;
                Some(number(&said, "committed")?)
            }
            Work::Queue(_) | Work::QueueToExchange => {
                let said = self.call(&["rabbit-left", "--queue", &fed.queue()])?;
                let left = number(&said, "left")?;
                ensure!(left <= fed.count, "{left} messages are left of {}", fed.count);
                Some(fed.count - left)
            }
            _ => None,
        })
    }

    /// Checks that every handled message came out once, in order.
    pub(super) fn drained(&self, plan: &Plan, fed: &Fed, handled: u64) -> Result<()> {
        let said = match plan.work {
            Work::TopicToTopic | Work::ToTopic => self.call(&["kafka-drain", "--topic", &fed.output])?,
            Work::QueueToExchange | Work::ToExchange => {
                self.call(&["rabbit-drain", "--exchange", &fed.output])?
            }
            _ => return Ok(()),
        };
        let (drained, distinct) = (number(&said, "drained")?, number(&said, "distinct")?);
        ensure!(
            drained == handled && distinct == handled,
            "{handled} messages were handled; {drained} came out, {distinct} of them different"
        );
        // Callers beside each other have no order among them.
        let ordered = matches!(plan.work, Work::TopicToTopic | Work::QueueToExchange);
        let disorder = number(&said, "disorder")?;
        ensure!(
            !ordered || disorder == 0,
            "{disorder} of {drained} messages came out of order"
        );
        Ok(())
    }

    /// Deletes what this run alone has used.
    pub(super) fn clean(&self, plan: &Plan, fed: &Fed) -> Result<()> {
        match plan.work {
            Work::TopicToTopic | Work::ToTopic => self.call(&["kafka-drop", "--topic", &fed.output])?,
            Work::QueueToExchange | Work::ToExchange => {
                self.call(&["rabbit-drop", "--exchange", &fed.output])?
            }
            _ => return Ok(()),
        };
        Ok(())
    }

    /// Calls the program; the last line that it prints is what it says.
    fn call(&self, arguments: &[&str]) -> Result<Value> {
        let what = arguments.join(" ");
        let output = Command::new(&self.program)
            .args(arguments)
            .stderr(Stdio::inherit())
            .output()
            .with_context(|| format!("cannot run `{}`", self.program.display()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!(
                "`bench-feed {what}` ended with {}: {}",
                output.status,
                said.trim()
            );
        }
        match said.lines().last() {
            Some(line) => {
                serde_json::from_str(line).with_context(|| format!("`bench-feed {what}` said `{line}`"))
            }
            None => Ok(Value::Null),
        }
    }
}

fn number(said: &Value, name: &str) -> Result<u64> {
    said[name]
        .as_u64()
        .with_context(|| format!("`{name}` is missing in {said}"))
}
