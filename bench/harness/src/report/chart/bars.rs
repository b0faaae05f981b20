//! A bar for each program, with its rounds as dots.

use super::canvas::{Anchor, Canvas, LEFT, RIGHT, class};
use super::scale::Scale;
use crate::report::ScenarioReport;
use crate::report::numbers::{count, digits};
use crate::stats::{Measure, Program, Spread};

/// How far bars are apart.
const STEP: f64 = 34.0;
/// How thick one is.
const HEIGHT: f64 = 20.0;

pub(super) fn draw(canvas: &mut Canvas, scenario: &ScenarioReport) {
    let measure = scenario.measure();
    let bars: Vec<Bar> = Program::ALL
        .into_iter()
        .filter_map(|program| Bar::of(scenario, measure, program))
        .collect();
    if bars.is_empty() {
        canvas.subheading("nothing was measured");
        return;
    }
    canvas.subheading(&format!(
        "{}: the median, and each round as a dot",
        measure.title()
    ));
    let most = bars.iter().map(|bar| bar.spread.max).fold(0.0, f64::max);
    let scale = Scale::linear(most, LEFT, RIGHT);
    let top = canvas.bottom;
    let bottom = top + STEP * bars.len() as f64;
    grid(canvas, &scale, (top, bottom), |figure| label(measure, figure));
    for (place, bar) in bars.iter().enumerate() {
        bar.draw(canvas, &scale, measure, top + STEP * (place as f64 + 0.5));
    }
    canvas.line("base", (LEFT, top), (LEFT, bottom));
}

/// Lines from top to bottom with what they stand for, and the page filled up to there.
pub(super) fn grid(
    canvas: &mut Canvas,
    scale: &Scale,
    (top, bottom): (f64, f64),
    label: impl Fn(f64) -> String,
) {
    for &tick in scale.ticks() {
        let x = scale.at(tick);
        canvas.line("grid", (x, top), (x, bottom));
        canvas.text("quiet", x, bottom + 16.0, Anchor::Middle, &label(tick));
    }
    canvas.bottom = bottom + 34.0;
}

fn label(measure: Measure, figure: f64) -> String {
    match measure {
        Measure::Rate => count(figure).trim_end().to_owned(),
        Measure::CpuPerMillion | Measure::TimePerMillion | Measure::Memory | Measure::Seconds => {
            digits(figure)
        }
    }
}

struct Bar {
    program: Program,
    figures: Vec<f64>,
    spread: Spread,
}

impl Bar {
    fn of(scenario: &ScenarioReport, measure: Measure, program: Program) -> Option<Self> {
        let runs = scenario.runs().filter(|run| run.program == program);
        let figures: Vec<f64> = runs.filter_map(|run| measure.of(run)).collect();
        Some(Self {
            program,
            spread: Spread::of(figures.iter().copied())?,
            figures,
        })
    }

    fn draw(&self, canvas: &mut Canvas, scale: &Scale, measure: Measure, y: f64) {
        let name = self.program.to_string();
        canvas.text("", LEFT - 10.0, y + 4.0, Anchor::End, &name);
        canvas.bar(
            class(self.program),
            y - HEIGHT / 2.0,
            scale.at(self.spread.median),
            HEIGHT,
        );
        for (round, figure) in self.figures.iter().enumerate() {
            let told = format!("{name}, round {}: {}", round + 1, label(measure, *figure));
            canvas.mark("dot", scale.at(*figure), y, 3.5, &told);
        }
        let figure = label(measure, self.spread.median);
        canvas.text(
            "",
            scale.at(self.spread.max) + 10.0,
            y + 4.0,
            Anchor::Start,
            &figure,
        );
    }
}
