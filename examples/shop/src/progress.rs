//! The live progress line: drawn in place on a terminal, a plain line every second elsewhere.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use order_service::Counts;
use shop_events::grouped;

const BAR_WIDTH: usize = 20;

/// How things stand.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot {
    /// The orders of the order service.
    pub counts: Counts,
    /// Attempts at a payment that were not the first.
    pub retried: u64,
    /// Orders that are to be placed.
    pub total: u64,
    /// Orders that end in a second, lately.
    pub rate: f64,
}

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            placed,
            confirmed,
            rejected,
            dead_lettered,
            ..
        } = self.counts;
        write!(
            f,
            "placed {}   confirmed {}   rejected {}   retried {}   dead-lettered {}   in flight {}   {}/s   ",
            grouped(placed),
            grouped(confirmed),
            grouped(rejected),
            grouped(self.retried),
            grouped(dead_lettered),
            grouped(self.counts.open()),
            grouped(self.rate.round() as u64),
        )?;
        let share = if self.total == 0 {
            1.0
        } else {
            self.counts.ended() as f64 / self.total as f64
        };
        write!(f, "{} {:.0} %", bar(share), 100.0 * share)
    }
}

/// A bar of fixed width, filled to an eighth of a column.
fn bar(share: f64) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (share.clamp(0.0, 1.0) * (BAR_WIDTH * 8) as f64) as usize;
    let mut columns = "█".repeat(eighths / 8);
    if eighths / 8 < BAR_WIDTH {
        columns.push(EIGHTHS[eighths % 8]);
    }
    format!("▕{columns:<BAR_WIDTH$}▏")
}

/// Shows snapshots on standard output.
#[derive(Debug)]
pub struct Progress {
    terminal: bool,
    start: Instant,
    drawn: Instant,
    measured: (Instant, u64),
    rate: f64,
}

impl Progress {
    /// A display that suits standard output.
    pub fn new() -> Self {
        let start = Instant::now();
        let terminal = io::stdout().is_terminal();
        Self {
            terminal,
            start,
            drawn: start,
            measured: (start, 0),
            rate: 0.0,
        }
    }

    /// Shows how things stand, if it is time to.
    pub fn show(&mut self, counts: Counts, retried: u64, total: u64) {
        let due = if self.terminal {
            Duration::from_millis(100)
        } else {
            Duration::from_secs(1)
        };
        if self.drawn.elapsed() < due {
            return;
        }
        let (since, ended) = self.measured;
        if since.elapsed() >= Duration::from_millis(500) {
            self.rate = counts.ended().saturating_sub(ended) as f64 / since.elapsed().as_secs_f64();
            self.measured = (Instant::now(), counts.ended());
        }
        self.draw(&Snapshot {
            counts,
            retried,
            total,
            rate: self.rate,
        });
    }

    /// Shows how things stand at the end, with the rate of the whole run, and leaves the line.
    pub fn finish(&mut self, counts: Counts, retried: u64, total: u64) {
        let rate = counts.ended() as f64 / self.start.elapsed().as_secs_f64();
        self.draw(&Snapshot {
            counts,
            retried,
            total,
            rate,
        });
        if self.terminal {
            println!();
        }
    }

    fn draw(&mut self, snapshot: &Snapshot) {
        self.drawn = Instant::now();
        if self.terminal {
            // Back to the first column, and what is left of a longer line is erased.
            print!("\r{snapshot}\x1b[K");
            // A line that can't be shown now is shown with the next one.
            let _ = io::stdout().flush();
        } else {
            println!("{snapshot}");
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_one_line() {
        let counts = Counts {
            placed: 9_214,
            confirmed: 7_901,
            rejected: 802,
            dead_lettered: 9,
            contradictions: 0,
        };
        let snapshot = Snapshot {
            counts,
            retried: 133,
            total: 15_000,
            rate: 18_429.6,
        };
        assert_eq!(
            snapshot.to_string(),
            "placed 9,214   confirmed 7,901   rejected 802   retried 133   dead-lettered 9   in flight 502   \
             18,430/s   ▕███████████▌        ▏ 58 %"
        );
    }

    #[test]
    fn the_bar_keeps_its_width() {
        for share in [-1.0, 0.0, 0.01, 0.5, 0.999, 1.0, 2.0] {
            assert_eq!(bar(share).chars().count(), BAR_WIDTH + 2, "{share}");
        }
    }
}
