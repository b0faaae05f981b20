//! The cost of a message over the number of partitions, bindings or messages.

use super::canvas::{Anchor, Canvas, LEFT, RIGHT};
use super::scale::Scale;
use crate::report::ScenarioReport;
use crate::report::numbers::{digits, thousands};
use crate::stats::{Measure, Program, Run, Trend};

/// How high the plot is.
const HEIGHT: f64 = 200.0;

pub(super) fn draw(
    canvas: &mut Canvas,
    scenario: &ScenarioReport,
    (cost, within): (Measure, f64),
    trend: &Trend,
) {
    canvas.subheading(&format!(
        "{}, over the size: the median as a ring, each round as a dot, the limit as a dashed line",
        cost.title()
    ));
    canvas.bottom += 6.0;
    let limit = trend.costs[0].1.median * (1.0 + within);
    let most = trend.costs.iter().map(|cost| cost.1.max).fold(limit, f64::max);
    let bottom = canvas.bottom + HEIGHT;
    let up = Scale::linear(most, bottom, canvas.bottom);
    for &tick in up.ticks() {
        let y = up.at(tick);
        canvas.line("grid", (LEFT, y), (RIGHT, y));
        canvas.text("quiet", LEFT - 10.0, y + 4.0, Anchor::End, &digits(tick));
    }
    canvas.line("limit", (LEFT, up.at(limit)), (RIGHT, up.at(limit)));
    canvas.text("quiet", RIGHT + 10.0, up.at(limit) + 4.0, Anchor::Start, "limit");

    let places = places(trend, &up);
    for pair in places.windows(2) {
        canvas.line("link", pair[0], pair[1]);
    }
    for ((size, spread), place) in trend.costs.iter().zip(places) {
        let told = |figure| format!("{}: {}", thousands(*size), digits(figure));
        canvas.mark("ring", place.0, place.1, 5.5, &told(spread.median));
        let own = |run: &&Run| run.program == Program::Bindery && run.size == Some(*size);
        for figure in scenario.runs().filter(own).filter_map(|run| cost.of(run)) {
            canvas.mark("dot", place.0, up.at(figure), 2.5, &told(figure));
        }
        canvas.text("quiet", place.0, bottom + 16.0, Anchor::Middle, &thousands(*size));
    }
    canvas.line("base", (LEFT, bottom), (RIGHT, bottom));
    canvas.bottom = bottom + 34.0;
}

/// Where the median at each size stands.
fn places(trend: &Trend, up: &Scale) -> Vec<(f64, f64)> {
    let sizes: Vec<f64> = trend.costs.iter().map(|cost| cost.0.max(1) as f64).collect();
    let (least, most) = (sizes[0], sizes[sizes.len() - 1]);
    let across = Scale::logarithmic(2.0, least, most, LEFT + 15.0, RIGHT - 15.0);
    let medians = trend.costs.iter().map(|cost| up.at(cost.1.median));
    sizes.iter().map(|size| across.at(*size)).zip(medians).collect()
}
