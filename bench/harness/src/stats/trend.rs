//! How the cost of a message grows with the number of partitions, bindings or messages.

use super::median;

/// A straight line through the medians of a cost, over the logarithm of the size: sizes are chosen as powers, so each step
/// weighs the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Trend {
    /// The median cost at each size, smallest size first.
    pub costs: Vec<(u64, f64)>,
    /// By how much the line rises when the size doubles, as a part of the cost at the smallest size.
    pub per_doubling: f64,
    /// By how much the line rises from the smallest to the largest size, as a part of the cost at the smallest.
    pub growth: f64,
    /// By how much the largest of the costs is above that at the smallest size, as a part of that: a bump counts as well.
    pub worst: f64,
}

impl Trend {
    /// Of figures at their sizes, any number for each; at least two sizes make a trend. A size of zero counts as one.
    pub fn of(figures: &[(u64, f64)]) -> Option<Self> {
        let mut sizes: Vec<u64> = figures.iter().map(|&(size, _)| size).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let at = |size: u64| {
            let figures = figures.iter().filter(move |figure| figure.0 == size);
            Some((size, median(figures.map(|figure| figure.1))?))
        };
        let costs: Vec<(u64, f64)> = sizes.into_iter().filter_map(at).collect();
        let (smallest, largest) = (costs.first()?, costs.last()?);
        let doublings = position(largest.0) - position(smallest.0);
        if doublings <= 0.0 || smallest.1 <= 0.0 {
            return None;
        }
        let slope = slope(&costs);
        let highest = costs.iter().map(|cost| cost.1).fold(smallest.1, f64::max);
        Some(Self {
            per_doubling: slope / smallest.1,
            growth: slope * doublings / smallest.1,
            worst: highest / smallest.1 - 1.0,
            costs,
        })
    }
}

fn position(size: u64) -> f64 {
    (size.max(1) as f64).log2()
}

/// Least squares.
fn slope(costs: &[(u64, f64)]) -> f64 {
    let count = costs.len() as f64;
    let mean_x = costs.iter().map(|cost| position(cost.0)).sum::<f64>() / count;
    let mean_y = costs.iter().map(|cost| cost.1).sum::<f64>() / count;
    let (mut products, mut squares) = (0.0, 0.0);
    for &(size, cost) in costs {
        let x = position(size) - mean_x;
        products += x * (cost - mean_y);
        squares += x * x;
    }
    products / squares
}
