//! From figures to places on the page.

/// A straight scale from zero, or one that has a place for each power of a base.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
    logarithmic: bool,
    ticks: Vec<f64>,
}

impl Scale {
    /// From zero to a round figure that is at least `most`.
    pub(super) fn linear(most: f64, start: f64, end: f64) -> Self {
        let step = step(most);
        let steps = (most / step - 1e-9).ceil().max(1.0);
        Self {
            from: 0.0,
            to: steps * step,
            start,
            end,
            logarithmic: false,
            ticks: (0..=steps as u32).map(|count| f64::from(count) * step).collect(),
        }
    }

    /// From the power of `base` at or below `least` to that at or above `most`.
    pub(super) fn logarithmic(base: f64, least: f64, most: f64, start: f64, end: f64) -> Self {
        let power = |figure: f64| figure.max(f64::MIN_POSITIVE).log(base);
        let from = (power(least) + 1e-9).floor() as i32;
        let to = ((power(most) - 1e-9).ceil() as i32).max(from + 1);
        Self {
            from: base.powi(from),
            to: base.powi(to),
            start,
            end,
            logarithmic: true,
            ticks: (from..=to).map(|power| base.powi(power)).collect(),
        }
    }

    /// Where a figure stands; what lies outside stands at the edge.
    pub(super) fn at(&self, figure: f64) -> f64 {
        let figure = figure.clamp(self.from, self.to);
        let part = if self.logarithmic {
            (figure / self.from).ln() / (self.to / self.from).ln()
        } else {
            figure / self.to
        };
        self.start + part * (self.end - self.start)
    }

    /// The figures that deserve a line.
    pub(super) fn ticks(&self) -> &[f64] {
        &self.ticks
    }
}

/// 1, 2 or 5 times a power of ten, at most eight times in `most`.
fn step(most: f64) -> f64 {
    if !(most.is_finite() && most > 0.0) {
        return 1.0;
    }
    let power = 10_f64.powf((most / 8.0).log10().floor());
    let parts = most / 8.0 / power;
    let factors = [1.0, 2.0, 5.0];
    factors
        .into_iter()
        .find(|factor| parts <= *factor)
        .unwrap_or(10.0)
        * power
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_straight_scale_ends_at_a_round_figure() {
        let scale = Scale::linear(87_000.0, 0.0, 100.0);
        assert_eq!(scale.ticks().last(), Some(&100_000.0));
        assert_eq!(scale.at(50_000.0), 50.0);
    }

    #[test]
    fn a_logarithmic_scale_has_a_line_for_each_power() {
        let scale = Scale::logarithmic(10.0, 450.0, 27_000.0, 0.0, 90.0);
        assert_eq!(scale.ticks().len(), 4);
        assert!((scale.at(1_000.0) - 30.0).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn every_figure_has_its_place_and_lines_are_few(most in 1e-3..1e9_f64, part in 0.0..=1.0_f64) {
            for scale in [
                Scale::linear(most, 10.0, 20.0),
                Scale::logarithmic(10.0, most / 1_000.0, most, 10.0, 20.0),
            ] {
                let place = scale.at(most * part);
                prop_assert!((10.0..=20.0).contains(&place));
                prop_assert!(scale.at(most) > 10.0);
                prop_assert!((2..=9).contains(&scale.ticks().len()), "{:?}", scale.ticks());
            }
        }
    }
}
