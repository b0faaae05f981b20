//! How long handlers take: a histogram with fixed buckets. A lane counts for itself and reports now and then, because
//! a shared counter for each message costs more than many a handler.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets in microseconds, and as Prometheus writes them in seconds.
const BUCKETS: [(u64, &str); 12] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (1_000_000, "1"),
    (5_000_000, "5"),
    (30_000_000, "30"),
];
/// One more than there are bounds: what took longer than all of them.
const COUNTS: usize = BUCKETS.len() + 1;
const NAME: &str = "bindery_handler_seconds";

/// The times that a lane has not reported yet.
#[derive(Debug, Default)]
pub(crate) struct HandlerTimes {
    counts: [u32; COUNTS],
    total: Duration,
    any: bool,
}

impl HandlerTimes {
    /// One handler took this long.
    pub(crate) fn add(&mut self, taken: Duration) {
        // Nearly every time is in the first bucket.
        let bucket = BUCKETS
            .iter()
            .position(|(micros, _)| taken <= Duration::from_micros(*micros));
        self.counts[bucket.unwrap_or(BUCKETS.len())] += 1;
        self.total += taken;
        self.any = true;
    }
}

/// The times of all handlers of one input.
#[derive(Debug, Default)]
pub(crate) struct HandlerTimeHistogram {
    counts: [AtomicU64; COUNTS],
    nanos: AtomicU64,
}

impl HandlerTimeHistogram {
    /// Takes in what a lane counted, which begins anew.
    pub(crate) fn take(&self, times: &mut HandlerTimes) {
        if !times.any {
            return;
        }
        let times = std::mem::take(times);
        for (total, count) in self.counts.iter().zip(times.counts) {
            if count > 0 {
                total.fetch_add(u64::from(count), Ordering::Relaxed);
            }
        }
        let nanos = u64::try_from(times.total.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// The lines of one input, whose labels are written already: `a="b",c="d"`.
    fn render(&self, labels: &str, into: &mut String) -> std::fmt::Result {
        let mut below = 0;
        let bounds = BUCKETS.iter().map(|(_, text)| *text).chain(["+Inf"]);
        for (count, bound) in self.counts.iter().zip(bounds) {
            below += count.load(Ordering::Relaxed);
            writeln!(into, "{NAME}_bucket{{{labels},le=\"{bound}\"}} {below}")?;
        }
        let seconds = Duration::from_nanos(self.nanos.load(Ordering::Relaxed)).as_secs_f64();
        writeln!(into, "{NAME}_sum{{{labels}}} {seconds}")?;
        writeln!(into, "{NAME}_count{{{labels}}} {below}")
    }
}

/// The text of several inputs.
pub(crate) fn render<'a>(inputs: impl Iterator<Item = (&'a str, &'a HandlerTimeHistogram)>) -> String {
    let mut text = format!("# TYPE {NAME} histogram\n");
    let before = text.len();
    for (labels, histogram) in inputs {
        // Writing to a `String` doesn't fail.
        histogram.render(labels, &mut text).ok();
    }
    if text.len() == before {
        return String::new();
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_counts_what_is_at_most_its_bound() {
        let histogram = HandlerTimeHistogram::default();
        let mut times = HandlerTimes::default();
        for micros in [3, 500, 501, 40_000, 60_000_000] {
            times.add(Duration::from_micros(micros));
        }
        histogram.take(&mut times);
        histogram.take(&mut times);
        let text = render([("binding=\"in\"", &histogram)].into_iter());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "# TYPE bindery_handler_seconds histogram");
        assert_eq!(
            lines[1],
            "bindery_handler_seconds_bucket{binding=\"in\",le=\"0.0005\"} 2"
        );
        assert_eq!(
            lines[2],
            "bindery_handler_seconds_bucket{binding=\"in\",le=\"0.001\"} 3"
        );
        assert_eq!(
            lines[7],
            "bindery_handler_seconds_bucket{binding=\"in\",le=\"0.05\"} 4"
        );
        assert_eq!(
            lines[13],
            "bindery_handler_seconds_bucket{binding=\"in\",le=\"+Inf\"} 5"
        );
        assert_eq!(lines[14], "bindery_handler_seconds_sum{binding=\"in\"} 60.041004");
        assert_eq!(lines[15], "bindery_handler_seconds_count{binding=\"in\"} 5");
    }

    #[test]
    fn without_inputs_there_is_nothing_to_tell() {
        assert_eq!(render(std::iter::empty()), "");
    }
}
