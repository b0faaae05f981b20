//! The lines that a program prints and the harness reads. One line, one fact, words and numbers between blanks.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, Error, Result, bail};

/// What a program says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// `first <micros>`: the first message was handled at that time, in microseconds since 1970.
    First {
        /// When, in microseconds since 1970.
        at: u64,
    },
    /// `progress <micros> <handled>`: so many messages were handled when so much time had passed since the start.
    Progress {
        /// Microseconds since the program began.
        micros: u64,
        /// Messages handled so far.
        handled: u64,
    },
    /// `measured <handled> <micros> <cpu micros>`: what the program measured itself, where lines of progress are too
    /// coarse: so many messages took so much time and so much of the processors, from the first of them to the last.
    Measured {
        /// Messages handled.
        handled: u64,
        /// Microseconds that passed.
        micros: u64,
        /// Microseconds of processor time.
        cpu_micros: u64,
    },
    /// `latency <p50> <p99> <p999> <max>`, in microseconds, for a program that was asked for it.
    Latency {
        /// Half of the messages took at most this.
        p50: u64,
        /// 99 of 100.
        p99: u64,
        /// 999 of 1,000.
        p999: u64,
        /// The slowest.
        max: u64,
    },
    /// `end <handled> <out of order>`: the program has settled everything and ends.
    End {
        /// Messages handled.
        handled: u64,
        /// How many of them did not follow the one before in their partition or queue.
        disorder: u64,
    },
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::First { at } => write!(f, "first {at}"),
            Self::Progress { micros, handled } => write!(f, "progress {micros} {handled}"),
            Self::Measured {
                handled,
                micros,
                cpu_micros,
            } => write!(f, "measured {handled} {micros} {cpu_micros}"),
            Self::Latency { p50, p99, p999, max } => write!(f, "latency {p50} {p99} {p999} {max}"),
            Self::End { handled, disorder } => write!(f, "end {handled} {disorder}"),
        }
    }
}

impl FromStr for Line {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut words = text.split_ascii_whitespace();
        let word = words.next().unwrap_or_default();
        let numbers = words
            .map(str::parse)
            .collect::<Result<Vec<u64>, _>>()
            .with_context(|| format!("`{text}` has a word that is no number"))?;
        match (word, numbers.as_slice()) {
            ("first", &[at]) => Ok(Self::First { at }),
            ("progress", &[micros, handled]) => Ok(Self::Progress { micros, handled }),
            ("measured", &[handled, micros, cpu_micros]) => Ok(Self::Measured {
                handled,
                micros,
                cpu_micros,
            }),
            ("latency", &[p50, p99, p999, max]) => Ok(Self::Latency { p50, p99, p999, max }),
            ("end", &[handled, disorder]) => Ok(Self::End { handled, disorder }),
            _ => bail!("`{text}` is no line of a bench program"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let lines = [
            Line::First { at: 9 },
            Line::Progress {
                micros: 50_000,
                handled: 12,
            },
            Line::Measured {
                handled: 1,
                micros: 2,
                cpu_micros: 3,
            },
            Line::Latency {
                p50: 1,
                p99: 2,
                p999: 3,
                max: 4,
            },
            Line::End {
                handled: 5,
                disorder: 0,
            },
        ];
        for line in lines {
            assert_eq!(line.to_string().parse::<Line>().ok(), Some(line));
        }
    }

    #[test]
    fn anything_else_is_told() {
        assert!("progress 1".parse::<Line>().is_err());
        assert!("INFO ready".parse::<Line>().is_err());
        assert!("end 1 many".parse::<Line>().is_err());
    }
}
