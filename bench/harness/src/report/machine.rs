//! The machine that the figures are from.

use std::fs;
use std::thread::available_parallelism;

use serde::{Deserialize, Serialize};

/// What a figure depends on besides the code. The name of the machine is not part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The kernel.
    pub kernel: String,
    /// The processor's model.
    pub processor: String,
    /// How many processors there are for this process.
    pub processors: usize,
    /// The memory in MiB.
    pub memory_mib: u64,
}

impl Machine {
    /// This machine; what the system does not say is `unknown` or zero.
    pub fn this() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let memory = field(&read("/proc/meminfo"), "MemTotal");
        Self {
            kernel: format!(
                "{} {}",
                std::env::consts::OS,
                read("/proc/sys/kernel/osrelease").trim()
            ),
            processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown".to_owned()),
            processors: available_parallelism().map_or(0, usize::from),
            memory_mib: memory
                .and_then(|total| total.split(' ').next()?.parse::<u64>().ok())
                .map_or(0, |kib| kib / 1_024),
        }
    }
}

fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
