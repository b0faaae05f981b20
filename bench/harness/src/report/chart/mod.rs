//! `<scenario>.svg`: a bar for each program with its rounds as dots, or the cost over the size; below it the latency.
//!
//! The same figures give the same bytes. Colours follow what the reader prefers, light or dark, and who is who is written
//! beside each mark, so that nothing is told by colour alone.

mod bars;
mod canvas;
mod growth;
mod latency;
mod scale;

use canvas::Canvas;

use super::ScenarioReport;
use crate::stats::{Program, Trend};

/// The chart of a scenario.
pub(super) fn chart(scenario: &ScenarioReport) -> String {
    let mut canvas = Canvas::new();
    canvas.heading(&scenario.name);
    let flat = scenario.flat();
    let trend = flat.and_then(|(cost, _)| Trend::of(&scenario.rounds, Program::Bindery, cost));
    match (flat, trend) {
        (Some(flat), Some(trend)) => growth::draw(&mut canvas, scenario, flat, &trend),
        _ => bars::draw(&mut canvas, scenario),
    }
    if !scenario.latency.is_empty() {
        latency::draw(&mut canvas, &scenario.latency);
    }
    canvas.finish(&format!("{}: {}", scenario.name, scenario.what))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use svg::parser::Event;

    use super::*;
    use crate::report::{Target, sample};
    use crate::stats::Run;

    type Element = (String, HashMap<String, String>);

    /// Every element of a chart, and every text.
    fn parse(chart: &str) -> (Vec<Element>, Vec<String>) {
        let (mut elements, mut texts) = (Vec::new(), Vec::new());
        for event in svg::read(chart).unwrap() {
            match event {
                Event::Tag(name, kind, attributes) if kind != svg::node::element::tag::Type::End => {
                    let attributes = attributes
                        .iter()
                        .map(|(name, value)| (name.clone(), value.to_string()));
                    elements.push((name.to_owned(), attributes.collect()));
                }
                Event::Text(text) => texts.push(text.to_owned()),
                Event::Error(error) => panic!("{error}"),
                _ => {}
            }
        }
        (elements, texts)
    }

    fn number(element: &Element, name: &str) -> f64 {
        element.1[name].parse().unwrap()
    }

    fn of<'a>(elements: &'a [Element], name: &str, class: &str) -> Vec<&'a Element> {
        let wanted = |element: &&Element| {
            element.0 == name && element.1.get("class").is_some_and(|found| found == class)
        };
        elements.iter().filter(wanted).collect()
    }

    #[test]
    fn a_bar_is_as_long_as_its_rate_and_each_round_has_a_dot() {
        let mut scenario = sample::consume();
        scenario.latency.clear();
        let (elements, texts) = parse(&chart(&scenario));
        let width = |class| number(of(&elements, "rect", class)[0], "width");
        assert!((width("own") / width("other") - 0.87).abs() < 0.001);
        assert!((width("peer") / width("other") - 0.2).abs() < 0.001);
        assert_eq!(of(&elements, "circle", "dot").len(), 15);
        for text in [
            "Bindery",
            "raw client",
            "Spring Cloud Stream",
            "87 k",
            "Bindery, round 5: 89 k",
        ] {
            assert!(texts.iter().any(|found| found == text), "{text} in {texts:?}");
        }
    }

    #[test]
    fn latency_has_three_marks_a_point_and_higher_ones_stand_further() {
        let (elements, _) = parse(&chart(&sample::consume()));
        let lines = of(&elements, "line", "link");
        let rings = of(&elements, "circle", "ring");
        assert_eq!((lines.len(), rings.len()), (4, 4));
        for (line, ring) in lines.iter().zip(&rings) {
            let place = number(ring, "cx");
            assert!(number(line, "x1") < place && place < number(line, "x2"));
        }
        assert!(
            number(lines[2], "x1") < number(lines[3], "x1"),
            "450 µs before 900 µs"
        );
    }

    #[test]
    fn a_cost_over_sizes_has_its_limit() {
        let (elements, texts) = parse(&chart(&sample::partitions()));
        assert_eq!(of(&elements, "circle", "ring").len(), 3);
        assert_eq!(of(&elements, "circle", "dot").len(), 15);
        let limit = number(of(&elements, "line", "limit")[0], "y1");
        for ring in of(&elements, "circle", "ring") {
            assert!(
                number(ring, "cy") > limit,
                "a cost within the limit stands below the line"
            );
        }
        assert!(texts.iter().any(|text| text == "256"));
    }

    #[test]
    fn nothing_stands_outside_of_the_page() {
        for scenario in [sample::consume(), sample::partitions()] {
            let (elements, _) = parse(&chart(&scenario));
            let (width, height) = (number(&elements[0], "width"), number(&elements[0], "height"));
            for element in &elements {
                for (name, edge) in [
                    ("x", width),
                    ("cx", width),
                    ("x2", width),
                    ("y", height),
                    ("cy", height),
                    ("y2", height),
                ] {
                    if element.1.contains_key(name) {
                        let place = number(element, name);
                        assert!((0.0..=edge).contains(&place), "{element:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_chart_is_the_same_each_time_and_readable_by_day_and_night() {
        let chart = chart(&sample::consume());
        assert_eq!(super::chart(&sample::consume()), chart);
        assert!(chart.contains("prefers-color-scheme: dark"));
        assert!(chart.contains("settles them") && chart.contains("orders &amp; settles"));
    }

    #[test]
    fn a_scenario_without_figures_has_a_chart_that_says_so() {
        let (_, texts) = parse(&chart(&ScenarioReport::new("name", "what")));
        assert!(
            texts.iter().any(|text| text == "nothing was measured"),
            "{texts:?}"
        );
    }

    #[test]
    fn a_scenario_that_asks_for_a_time_shows_times() {
        let mut scenario = ScenarioReport::new("keys", "what").target(Target::Seconds { at_most: 2.1 });
        let run = Run::whole(Program::Bindery, 2.0, 1.0, 10_000, 24.0);
        scenario.rounds = vec![crate::stats::Round { runs: vec![run] }];
        let (_, texts) = parse(&chart(&scenario));
        assert!(
            texts
                .iter()
                .any(|text| text == "seconds: the median, and each round as a dot"),
            "{texts:?}"
        );
    }
}
