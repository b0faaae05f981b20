//! What a scenario is: what runs, against whom, how it is measured, and what is asked of it.

use crate::report::Target;
use crate::stats::Program;

/// One scenario.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Its name: what `--scenario` takes.
    pub name: &'static str,
    /// What it measures.
    pub what: &'static str,
    /// What the programs are told to do.
    pub scenario: &'static str,
    /// What is fed and checked around it.
    pub work: Work,
    /// How it is measured.
    pub how: How,
    /// How large a payload is.
    pub bytes: u64,
    /// How many messages are fed for each run, or once for all of a topic.
    pub count: u64,
    /// How many partitions a topic has.
    pub partitions: u32,
    /// How many keys there are; 0 where a scenario is not about keys.
    pub keys: u64,
    /// Each message of this number is of one key more; 0 for none.
    pub rare: u64,
    /// Over how many bindings the input is spread, each with a destination of its own; 0 for the one with its own name.
    pub bindings: u64,
    /// What is run at several sizes.
    pub sizes: Sizes,
    /// Whether latency is measured at a part of the full rate, after the rounds.
    pub latency: bool,
    /// Whether what was fed is deleted when the scenario is done, unless others need it.
    pub large: bool,
    /// Who runs.
    pub programs: &'static [Program],
    /// What is asked of Bindery.
    pub targets: &'static [Target],
    /// How long one round takes without peers, in seconds, on a machine with two cores.
    pub seconds: u64,
}

/// What most scenarios have.
pub(super) const COMMON: Plan = Plan {
    name: "",
    what: "",
    scenario: "",
    work: Work::Nothing,
    how: How::Steady,
    bytes: 512,
    count: 0,
    partitions: 4,
    keys: 0,
    rare: 0,
    bindings: 0,
    sizes: Sizes::None,
    latency: false,
    large: false,
    programs: &[Program::Bindery],
    targets: &[],
    seconds: 0,
};

/// How a run is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// In its steady state.
    Steady,
    /// From the first message to the last of a known number, by the program itself.
    Whole,
    /// From the start of the program to its first message.
    Start,
    /// What memory is resident after some idle seconds.
    Idle,
}

/// What is fed to a scenario and what comes out of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A topic is read.
    Topic,
    /// A topic is read and another is written.
    TopicToTopic,
    /// A topic is written.
    ToTopic,
    /// A queue of this type is read.
    Queue(&'static str),
    /// A queue is read and an exchange is written.
    QueueToExchange,
    /// An exchange is written.
    ToExchange,
    /// Everything is in the program.
    Nothing,
}

/// The sizes at which a scenario runs in each round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// Only one.
    None,
    /// So many partitions.
    Partitions(&'static [u64]),
    /// So many bindings.
    Bindings(&'static [u64]),
    /// So many messages.
    Messages(&'static [u64]),
}

impl Plan {
    /// The same scenario for each of its sizes.
    pub(super) fn sized(&self) -> Vec<(Self, Option<u64>)> {
        let of = |sizes: &[u64], set: fn(&mut Self, u64)| {
            let each = sizes.iter().map(|&size| {
                let mut plan = *self;
                set(&mut plan, size);
                (plan, Some(size))
            });
            each.collect()
        };
        match self.sizes {
            Sizes::None => vec![(*self, None)],
            Sizes::Partitions(sizes) => of(sizes, |plan, size| {
                plan.partitions = u32::try_from(size).unwrap_or(u32::MAX);
            }),
            Sizes::Bindings(sizes) => of(sizes, |plan, size| plan.bindings = size),
            Sizes::Messages(sizes) => of(sizes, |plan, size| plan.count = size),
        }
    }

    /// Whether it reads a queue.
    pub(super) fn reads_a_queue(&self) -> bool {
        matches!(self.work, Work::Queue(_) | Work::QueueToExchange)
    }

    /// Whether it reads topics.
    pub(super) fn reads_a_topic(&self) -> bool {
        matches!(self.work, Work::Topic | Work::TopicToTopic)
    }

    /// The type of its queue.
    pub(super) fn queue_kind(&self) -> &'static str {
        if let Work::Queue(kind) = self.work {
            kind
        } else {
            "classic"
        }
    }

    /// The topics or destinations that it reads.
    pub(super) fn inputs(&self) -> Vec<String> {
        let base = self.input();
        match self.bindings {
            0 => vec![base],
            bindings => (0..bindings).map(|number| format!("{base}-{number}")).collect(),
        }
    }

    /// What the names of its inputs begin with: equal inputs have equal names, so that scenarios share them.
    pub(super) fn input(&self) -> String {
        let mut name = format!("bench-{}", self.bytes);
        if self.reads_a_topic() && self.partitions != COMMON.partitions {
            name += &format!("-p{}", self.partitions);
        }
        if self.keys > 0 {
            name += &format!("-k{}-{}", self.keys, self.rare);
        }
        if self.bindings > 0 {
            name += &format!("-b{}", self.bindings);
        }
        if self.how == How::Start {
            name += "-start";
        }
        if self.reads_a_queue() {
            name += &format!("-{}", self.queue_kind());
        }
        name
    }
}
