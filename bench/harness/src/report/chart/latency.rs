//! Latency: for each program and load a line from the median to the slowest, with a mark at each percentile.

use super::bars::grid;
use super::canvas::{Anchor, Canvas, LEFT, RIGHT};
use super::scale::Scale;
use crate::report::LatencyPoint;
use crate::report::numbers::micros;

/// How far rows are apart.
const STEP: f64 = 26.0;

pub(super) fn draw(canvas: &mut Canvas, points: &[LatencyPoint]) {
    canvas.bottom += 8.0;
    canvas.heading("latency");
    canvas.subheading(
        "at a part of the full rate: p50 (dot), p99 (ring), p99.9 (small dot), slowest (end of the line)",
    );
    let least = points.iter().map(|point| point.p50).min().unwrap_or(1).max(1);
    let most = points.iter().map(|point| point.max).max().unwrap_or(1).max(1);
    let scale = Scale::logarithmic(10.0, least as f64, most as f64, LEFT, RIGHT);
    let top = canvas.bottom;
    let bottom = top + STEP * points.len() as f64;
    grid(canvas, &scale, (top, bottom), micros);
    for (place, point) in points.iter().enumerate() {
        row(canvas, &scale, point, top + STEP * (place as f64 + 0.5));
    }
}

fn row(canvas: &mut Canvas, scale: &Scale, point: &LatencyPoint, y: f64) {
    let name = format!("{}, {} %", point.program, point.load_percent);
    canvas.text("", LEFT - 10.0, y + 4.0, Anchor::End, &name);
    let at = |time: u64| scale.at(time as f64);
    canvas.line("link", (at(point.p50), y), (at(point.max), y));
    for (class, radius, percentile, time) in [
        ("dot", 3.0, "p99.9", point.p999),
        ("ring", 4.5, "p99", point.p99),
        ("dot", 5.5, "p50", point.p50),
    ] {
        canvas.mark(
            class,
            at(time),
            y,
            radius,
            &format!("{name}, {percentile}: {}", micros(time as f64)),
        );
    }
    let median = micros(point.p50 as f64);
    canvas.text(
        "quiet",
        RIGHT + 10.0,
        y + 4.0,
        Anchor::Start,
        &format!("p50 {median}"),
    );
}
