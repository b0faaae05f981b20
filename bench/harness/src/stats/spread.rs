//! The middle of some figures and how far they lie apart.

use serde::{Deserialize, Serialize, Serializer};

/// Median, least and greatest of the same figure in several rounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// The middle one, or the mean of the two in the middle.
    #[serde(serialize_with = "rounded")]
    pub median: f64,
    /// The least.
    #[serde(serialize_with = "rounded")]
    pub min: f64,
    /// The greatest.
    #[serde(serialize_with = "rounded")]
    pub max: f64,
}

impl Spread {
    /// Of no figures there is none, and figures that are no numbers don't count.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = figures.into_iter().filter(|figure| figure.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(*sorted.get(middle.checked_sub(1)?)?, sorted[middle])
        };
        Some(Self {
            median,
            min: *sorted.first()?,
            max: *sorted.last()?,
        })
    }
}

/// The middle of some figures.
pub fn median(figures: impl IntoIterator<Item = f64>) -> Option<f64> {
    Spread::of(figures).map(|spread| spread.median)
}

/// With six places a figure that is read is the figure that was written; with all of them it may differ in the last.
pub(super) fn rounded<S: Serializer>(figure: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    let figure = (figure * 1e6).round() / 1e6;
    serializer.serialize_f64(if figure.is_finite() { figure } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_the_two_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median([7.0]), Some(7.0));
    }

    #[test]
    fn nothing_has_no_median() {
        assert_eq!(median([]), None);
        assert_eq!(median([f64::NAN, f64::INFINITY]), None);
    }

    proptest! {
        #[test]
        fn half_of_the_figures_are_at_most_the_median(figures in prop::collection::vec(0.0..1e9_f64, 1..30)) {
            let spread = Spread::of(figures.iter().copied()).expect("there is a figure");
            prop_assert!(spread.min <= spread.median && spread.median <= spread.max);
            let below = figures.iter().filter(|figure| **figure <= spread.median).count();
            let above = figures.iter().filter(|figure| **figure >= spread.median).count();
            prop_assert!(2 * below >= figures.len() && 2 * above >= figures.len());
        }

        #[test]
        fn the_order_of_the_figures_does_not_matter(mut figures in prop::collection::vec(0.0..1e9_f64, 1..30)) {
            let before = Spread::of(figures.iter().copied());
            figures.reverse();
            prop_assert_eq!(Spread::of(figures), before);
        }
    }
}
