//! The cost of a message over the number of partitions, bindings or messages.

use super::canvas::{Anchor, Canvas, LEFT, RIGHT};
use super::scale::Scale;
use crate::report::numbers::{digits, thousands};
use crate::report::{ScenarioReport, Target};
use crate::stats::{Program, Trend};

/// How high the plot is.
const HEIGHT: f64 = 200.0;

pub(super) fn draw(canvas: &mut Canvas, scenario: &ScenarioReport, trend: &Trend) {
    let measure = scenario.measure();
    canvas.subheading(&format!(
        "{}, over the size: the median as a ring, each round as a dot, the limit as a dashed line",
        measure.title()
    ));
    canvas.bottom += 6.0;
    let smallest = trend.costs[0].1.median;
    let limit = limit(scenario).map(|factor| factor * smallest);
    let most = trend
        .costs
        .iter()
        .map(|cost| cost.1.max)
        .fold(limit.unwrap_or(0.0), f64::max);
    let (top, bottom) = (canvas.bottom, canvas.bottom + HEIGHT);
    let up = Scale::linear(most, bottom, top);
    for &tick in up.ticks() {
        let y = up.at(tick);
        canvas.line("grid", (LEFT, y), (RIGHT, y));
        canvas.text("quiet", LEFT - 10.0, y + 4.0, Anchor::End, &digits(tick));
    }
    if let Some(limit) = limit {
        canvas.line("limit", (LEFT, up.at(limit)), (RIGHT, up.at(limit)));
        canvas.text("quiet", RIGHT + 10.0, up.at(limit) + 4.0, Anchor::Start, "limit");
    }
    let sizes: Vec<f64> = trend.costs.iter().map(|cost| cost.0.max(1) as f64).collect();
    let (least, most) = (sizes[0], sizes[sizes.len() - 1]);
    let across = Scale::logarithmic(2.0, least, most, LEFT + 15.0, RIGHT - 15.0);
    let places: Vec<(f64, f64)> = trend
        .costs
        .iter()
        .map(|(size, cost)| (across.at(*size as f64), up.at(cost.median)))
        .collect();
    for pair in places.windows(2) {
        canvas.line("link", pair[0], pair[1]);
    }
    for ((size, cost), (x, y)) in trend.costs.iter().zip(places) {
        let runs = scenario
            .runs()
            .filter(|run| run.program == Program::Bindery && run.size == Some(*size));
        let told = format!("{}: {}", thousands(*size), digits(cost.median));
        canvas.mark("ring", x, y, 5.5, &told);
        for figure in runs.filter_map(|run| measure.of(run)) {
            let told = format!("{}: {}", thousands(*size), digits(figure));
            canvas.mark("dot", x, up.at(figure), 2.5, &told);
        }
        canvas.text("quiet", x, bottom + 16.0, Anchor::Middle, &thousands(*size));
    }
    canvas.line("base", (LEFT, bottom), (RIGHT, bottom));
    canvas.bottom = bottom + 34.0;
}

fn limit(scenario: &ScenarioReport) -> Option<f64> {
    scenario.targets.iter().find_map(|target| match target {
        Target::Flat { within, .. } => Some(1.0 + within),
        _ => None,
    })
}
