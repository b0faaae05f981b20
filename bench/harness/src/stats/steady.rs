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
            Line::First { .. } | Line::Measured { .. } | Line::Latency { .. } | Line::End { .. } => None,
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A line each 50 ms: silence, then `rate` messages a second.
    fn lines(silent: u64, until: u64, rate: u64) -> Vec<Progress> {
        (1..=until / 50)
            .map(|line| line * 50)
            .map(|millis| Progress {
                micros: millis * 1_000,
                handled: millis.saturating_sub(silent) * rate / 1_000,
            })
            .collect()
    }

    #[test]
    fn the_warm_up_begins_with_the_first_message() {
        let steady = steady(&lines(2_000, 10_000, 1_000), WARM_UP, 5 * SECOND).unwrap();
        assert_eq!(steady.first_micros, 2_050_000);
        assert_eq!(steady.from_micros, 3_550_000);
        assert_eq!(steady.until_micros, 8_550_000);
        assert_eq!(
            (steady.rate, steady.seconds, steady.handled),
            (1_000.0, 5.0, 5_000)
        );
    }

    #[test]
    fn what_happens_before_and_after_does_not_count() {
        let mut slow = lines(0, 10_000, 1_000);
        for line in &mut slow {
            line.handled = if line.micros < 1_500_000 { 1 } else { line.handled };
        }
        let end = slow.last().copied().unwrap();
        slow.extend((1..100).map(|line| Progress {
            micros: end.micros + line * 50_000,
            ..end
        }));
        assert_eq!(steady(&slow, WARM_UP, 5 * SECOND).unwrap().rate, 1_000.0);
    }

    #[test]
    fn too_short_a_time_is_told_with_how_much_there_was() {
        let error = steady(&lines(0, 3_950, 1_000), WARM_UP, 5 * SECOND).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the steady state lasted 2.4 s, and 5.0 s are asked for, 1.5 s after the first message"
        );
        let error = steady(&lines(0, 1_000, 1_000), WARM_UP, 5 * SECOND).unwrap_err();
        assert!(error.to_string().contains("lasted 0.0 s"), "{error}");
    }

    #[test]
    fn nothing_handled_is_told() {
        let error = steady(&lines(9_000, 9_000, 1), WARM_UP, SECOND).unwrap_err();
        assert_eq!(error.to_string(), "nothing was handled in 180 lines of progress");
        assert!(steady(&[], WARM_UP, SECOND).is_err());
    }

    #[test]
    fn the_longest_pause_is_told() {
        let mut lines = lines(0, 10_000, 1_000);
        for line in &mut lines {
            if (4_000_000..4_700_000).contains(&line.micros) {
                line.handled = 4_000;
            }
        }
        assert_eq!(steady(&lines, WARM_UP, 5 * SECOND).unwrap().longest_pause, 0.65);
    }

    #[test]
    fn a_count_that_goes_back_is_told() {
        let mut lines = lines(0, 10_000, 1_000);
        lines[60].handled = 0;
        assert!(steady(&lines, WARM_UP, 5 * SECOND).is_err());
    }

    proptest! {
        #[test]
        fn an_even_rate_is_found_whatever_the_silence(
            silent in 0_u64..3_000, rate in 10_u64..2_000_000, extra in 0_u64..2_000,
        ) {
            let lines = lines(silent, silent + 7_000 + extra, rate * 20);
            let steady = steady(&lines, WARM_UP, 5 * SECOND).expect("it is long enough");
            prop_assert!((steady.rate / (rate * 20) as f64 - 1.0).abs() < 0.001, "{:?}", steady);
            prop_assert!(steady.seconds >= 5.0);
        }
    }
}
