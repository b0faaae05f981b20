//! What surrounds a run: another program feeds it before, and looks after it at what was settled and what came out.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::GROUP;
use super::plan::{How, Plan, Work};

/// Calls the feeding program.
#[derive(Debug)]
pub(super) struct Feeder {
    program: PathBuf,
    /// How many messages are in topics: filling takes longer than reading, so they serve all runs.
    topics: RefCell<HashMap<String, u64>>,
    /// Queues that were filled: what a run has left in them serves the next.
    queues: RefCell<HashMap<String, Left>>,
}

/// What is in a queue.
#[derive(Clone, Copy, Debug, Default)]
struct Left {
    count: u64,
    /// The number of the next message.
    next: u64,
}

/// What is there for one run.
#[derive(Debug, Default)]
pub(super) struct Fed {
    /// The topic, or the destination whose queue was filled; what their names begin with, where there are several.
    pub(super) input: String,
    /// The topic or exchange to write to.
    pub(super) output: String,
    /// The consumer group of a topic, new for each run.
    group: Option<String>,
    /// How many messages are there.
    pub(super) count: u64,
}

impl Fed {
    /// For a run whose input is not filled before.
    pub(super) fn new(input: String, output: String, group: Option<String>) -> Self {
        Self {
            input,
            output,
            group,
            count: 0,
        }
    }

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
        Self {
            program,
            topics: RefCell::default(),
            queues: RefCell::default(),
        }
    }

    /// Fills what the run reads, and makes what it writes to.
    pub(super) fn prepare(&self, plan: &Plan, run: &str, quick: bool) -> Result<Fed> {
        let mut fed = Fed {
            // What is measured as a whole stays whole.
            count: if quick && plan.how == How::Steady {
                plan.count / 2
            } else {
                plan.count
            },
            input: plan.input(),
            ..Fed::default()
        };
        if plan.reads_a_topic() {
            fed.group = Some(run.to_owned());
            self.fill_topics(plan, fed.count)?;
        } else if plan.reads_a_queue() {
            fed.count = self.fill_queue(plan, &fed.queue(), fed.count)?;
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

    fn fill_topics(&self, plan: &Plan, count: u64) -> Result<()> {
        let inputs = plan.inputs();
        let each = count / inputs.len().max(1) as u64;
        for (number, topic) in inputs.into_iter().enumerate() {
            if self
                .topics
                .borrow()
                .get(&topic)
                .is_some_and(|there| *there >= each)
            {
                continue;
            }
            println!("{:<24} filling topic `{topic}` up to {each} messages", plan.name);
            self.call(&[
                "kafka-fill",
                "--topic",
                &topic,
                "--count",
                &each.to_string(),
                "--partitions",
                &plan.partitions.to_string(),
                "--bytes",
                &plan.bytes.to_string(),
                "--keys",
                &plan.keys.to_string(),
                "--rare",
                &plan.rare.to_string(),
                "--first-partition",
                &(number * plan.partitions as usize).to_string(),
            ])?;
            self.topics.borrow_mut().insert(topic, each);
        }
        Ok(())
    }

    /// Fills a queue up to `count` messages, and gives how many there are: it may have more already.
    fn fill_queue(&self, plan: &Plan, queue: &str, count: u64) -> Result<u64> {
        // Forgotten until it is full again: what a failed run has left is not known.
        let left = self.queues.borrow_mut().remove(queue).unwrap_or_default();
        let more = count.saturating_sub(left.count);
        println!("{:<24} filling queue `{queue}` with {more} messages", plan.name);
        self.call(&[
            "rabbit-fill",
            "--queue",
            queue,
            "--type",
            plan.queue_kind(),
            "--count",
            &more.to_string(),
            "--from",
            &left.next.to_string(),
            "--bytes",
            &plan.bytes.to_string(),
            "--keys",
            &plan.keys.to_string(),
            "--rare",
            &plan.rare.to_string(),
        ])?;
        let full = Left {
            count: left.count + more,
            next: left.next + more,
        };
        self.queues.borrow_mut().insert(queue.to_owned(), full);
        Ok(full.count)
    }

    /// Forgets what is in the queue of a run that failed, so that it is filled anew.
    pub(super) fn forget(&self, plan: &Plan) {
        let queue = format!("{}.{GROUP}", plan.input());
        self.queues.borrow_mut().remove(&queue);
    }

    /// How many messages the run has settled, where it read any.
    pub(super) fn settled(&self, plan: &Plan, fed: &Fed) -> Result<Option<u64>> {
        if plan.reads_a_topic() {
            let inputs = plan.inputs();
            let mut call = vec!["kafka-committed", "--group", fed.group()];
            for input in &inputs {
                call.extend(["--topic", input]);
            }
            return Ok(Some(number(&self.call(&call)?, "committed")?));
        }
        if !plan.reads_a_queue() {
            return Ok(None);
        }
        let queue = fed.queue();
        let left = number(&self.call(&["rabbit-left", "--queue", &queue])?, "left")?;
        ensure!(left <= fed.count, "{left} messages are left of {}", fed.count);
        if let Some(known) = self.queues.borrow_mut().get_mut(&queue) {
            known.count = left;
        }
        Ok(Some(fed.count - left))
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

    /// Deletes what was fed to a scenario that is done, and stays if it is needed again.
    pub(super) fn drop_inputs(&self, plan: &Plan) -> Result<()> {
        let inputs = plan.inputs();
        if plan.reads_a_topic() {
            let mut call = vec!["kafka-drop"];
            for input in &inputs {
                call.extend(["--topic", input]);
                self.topics.borrow_mut().remove(input);
            }
            self.call(&call)?;
        } else if plan.reads_a_queue() {
            let queue = format!("{}.{GROUP}", plan.input());
            self.queues.borrow_mut().remove(&queue);
            self.call(&["rabbit-drop", "--queue", &queue])?;
        }
        Ok(())
    }

    /// The feeding program, to be called with these arguments.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).stderr(Stdio::inherit());
        command
    }

    /// Calls the program; the last line that it prints is what it says.
    pub(super) fn call(&self, arguments: &[&str]) -> Result<Value> {
        let output = self
            .command(arguments)
            .output()
            .with_context(|| format!("cannot run `{}`", self.program.display()))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let what = arguments.join(" ");
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

/// A number that the feeding program has told.
pub(super) fn number(said: &Value, name: &str) -> Result<u64> {
    said[name]
        .as_u64()
        .with_context(|| format!("`{name}` is missing in {said}"))
}
