//! The steady rate of a program, from its `progress` lines.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bench_common::Line;

/// How long a program runs after its first message before it is measured.
pub const WARM_UP: Duration = Duration::from_millis(1_500);

/// One `progress` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Microseconds since the program began.
    pub micros: u64,
    /// Messages handled so far.
    pub handled: u64,
}

impl Progress {
    /// What a line says, when it is a `progress` line.
    pub fn of(line: &Line) -> Option<Self> {
        match *line {
            Line::Progress { micros, handled } => Some(Self { micros, handled }),
            Line::Latency { .. } | Line::End { .. } => None,
        }
    }
}

/// What was measured between the warm-up and the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steady {
    /// Messages per second.
    pub rate: f64,
    /// How long it was measured.
    pub seconds: f64,
    /// Messages handled in that time.
    pub handled: u64,
    /// When the first message was handled, in microseconds since the program began, as exactly as the lines tell.
    pub first_micros: u64,
    /// When the measure began, in microseconds since the program began.
    pub from_micros: u64,
    /// When it ended.
    pub until_micros: u64,
    /// The longest time without a message, in seconds.
    pub longest_pause: f64,
}

/// The steady rate, from lines up to the moment in which the program was told to end.
///
/// The measure begins with the first line that is `warm_up` after the first message, and ends with the first line that is
/// `asked` after that.
///
/// # Errors
/// When nothing was handled, or for less than the time that was asked for; the error says how much there was.
pub fn steady(lines: &[Progress], warm_up: Duration, asked: Duration) -> Result<Steady> {
    let first = lines
        .iter()
        .find(|line| line.handled > 0)
        .with_context(|| format!("nothing was handled in {} lines of progress", lines.len()))?;
    let begin = after(first.micros, warm_up);
    let from = lines.iter().position(|line| line.micros >= begin);
    let measured = from.map_or(&[][..], |from| &lines[from..]);
    let last = measured.last().map_or(0, |last| last.micros);
    let end = measured.first().map(|from| after(from.micros, asked));
    let until = measured
        .iter()
        .position(|line| end.is_some_and(|end| line.micros >= end));
    let (Some(from), Some(until)) = (measured.first(), until) else {
        let had = measured.first().map_or(0, |from| last - from.micros);
        anyhow::bail!(
            "the steady state lasted {:.1} s, and {:.1} s are asked for, {:.1} s after the first message",
            had as f64 / 1e6,
            asked.as_secs_f64(),
            warm_up.as_secs_f64(),
        );
    };
    let window = &measured[..=until];
    let until = measured[until];
    ensure!(
        window.is_sorted_by(|one, next| one.micros < next.micros && one.handled <= next.handled),
        "the lines of progress go back"
    );
    ensure!(
        until.micros > from.micros,
        "a steady state of no time has no rate"
    );
    let seconds = (until.micros - from.micros) as f64 / 1e6;
    let handled = until.handled - from.handled;
    Ok(Steady {
        rate: handled as f64 / seconds,
        seconds,
        handled,
        first_micros: first.micros,
        from_micros: from.micros,
        until_micros: until.micros,
        longest_pause: longest_pause(window),
    })
}

fn after(micros: u64, duration: Duration) -> u64 {
    micros.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

fn longest_pause(window: &[Progress]) -> f64 {
    let micros = window
        .chunk_by(|one, next| one.handled == next.handled)
        .map(|same| same.last().map_or(0, |last| last.micros) - same.first().map_or(0, |first| first.micros))
        .max();
    micros.unwrap_or(0) as f64 / 1e6
}
