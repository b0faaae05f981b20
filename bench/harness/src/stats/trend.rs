//! How the cost of a message grows with the number of partitions, bindings or messages.

use super::{Measure, Program, Round, Spread};

/// A cost at several sizes, and the straight line through it.
///
/// Costs are compared with that at the smallest size in the same round. The line goes over the logarithm of the size: sizes
/// are chosen as powers, so each step weighs the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Trend {
    /// How many rounds had a cost at each size; others don't count.
    pub rounds: usize,
    /// The cost at each size, smallest size first.
    pub costs: Vec<(u64, Spread)>,
    /// The cost at each size divided by that at the smallest, in the same round.
    pub relative: Vec<(u64, Spread)>,
    /// By how much the line rises when the size doubles, as a part of the cost at the smallest size.
    pub per_doubling: f64,
    /// By how much the line rises from the smallest to the largest size, as a part of the cost at the smallest.
    pub growth: f64,
}

impl Trend {
    /// Of the costs that a program had, by size; one size alone makes no trend.
    pub fn of(rounds: &[Round], program: Program, cost: Measure) -> Option<Self> {
        let mut rounds: Vec<Vec<(u64, f64)>> =
            rounds.iter().map(|round| costs(round, program, cost)).collect();
        let sizes = by_size(&rounds).len();
        rounds.retain(|round| round.len() == sizes);
        let relative: Vec<Vec<(u64, f64)>> = rounds.iter().filter_map(|round| relative(round)).collect();
        let relative = by_size(&relative);
        let (smallest, largest) = (relative.first()?.0, relative.last()?.0);
        if smallest == largest {
            return None;
        }
        let per_doubling = slope(&relative);
        Some(Self {
            rounds: rounds.len(),
            costs: by_size(&rounds),
            relative,
            per_doubling,
            growth: per_doubling * (position(largest) - position(smallest)),
        })
    }

    /// The size at which a message costs most compared with the smallest size, and that ratio: a bump in the middle counts.
    pub fn worst(&self) -> (u64, Spread) {
        self.relative[1..]
            .iter()
            .copied()
            .max_by(|one, other| one.1.median.total_cmp(&other.1.median))
            .expect("a trend has at least two sizes")
    }
}

fn costs(round: &Round, program: Program, cost: Measure) -> Vec<(u64, f64)> {
    let runs = round.runs.iter().filter(|run| run.program == program);
    runs.filter_map(|run| Some((run.size?, cost.of(run)?))).collect()
}

fn relative(round: &[(u64, f64)]) -> Option<Vec<(u64, f64)>> {
    let smallest = round.iter().min_by_key(|cost| cost.0)?.1;
    Some(
        round
            .iter()
            .map(|&(size, cost)| (size, cost / smallest))
            .collect(),
    )
}

fn by_size(rounds: &[Vec<(u64, f64)>]) -> Vec<(u64, Spread)> {
    let mut sizes: Vec<u64> = rounds.iter().flatten().map(|cost| cost.0).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let at = |size| {
        let costs = rounds.iter().flatten().filter(move |cost| cost.0 == size);
        Some((size, Spread::of(costs.map(|cost| cost.1))?))
    };
    sizes.into_iter().filter_map(at).collect()
}

/// A size of zero stands where one stands.
fn position(size: u64) -> f64 {
    (size.max(1) as f64).log2()
}

/// Least squares through the medians.
fn slope(costs: &[(u64, Spread)]) -> f64 {
    let count = costs.len() as f64;
    let mean_x = costs.iter().map(|cost| position(cost.0)).sum::<f64>() / count;
    let mean_y = costs.iter().map(|cost| cost.1.median).sum::<f64>() / count;
    let (mut products, mut squares) = (0.0, 0.0);
    for &(size, cost) in costs {
        let x = position(size) - mean_x;
        products += x * (cost.median - mean_y);
        squares += x * x;
    }
    if squares > 0.0 { products / squares } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::Run;
    use super::*;

    fn trend(rounds: &[&[(u64, f64)]]) -> Option<Trend> {
        let run =
            |&(size, seconds): &(u64, f64)| Run::whole(Program::Bindery, seconds, 0.0, 1, 0.0).sized(size);
        let rounds: Vec<Round> = rounds
            .iter()
            .map(|round| Round {
                runs: round.iter().map(run).collect(),
            })
            .collect();
        Trend::of(&rounds, Program::Bindery, Measure::Seconds)
    }

    #[test]
    fn a_cost_that_grows_by_a_tenth_each_doubling_has_that_slope() {
        let trend = trend(&[&[(1, 2.0), (2, 2.2), (4, 2.4), (8, 2.6)]]).unwrap();
        assert!((trend.per_doubling - 0.1).abs() < 1e-9, "{trend:?}");
        assert!((trend.growth - 0.3).abs() < 1e-9, "{trend:?}");
        assert_eq!(trend.worst().0, 8);
        assert!((trend.worst().1.median - 1.3).abs() < 1e-9, "{trend:?}");
    }

    #[test]
    fn a_round_is_compared_with_itself() {
        let trend = trend(&[
            &[(1, 2.0), (64, 2.0)],
            &[(1, 9.0), (64, 9.0)],
            &[(64, 4.0), (1, 4.0)],
        ])
        .unwrap();
        assert_eq!(trend.growth, 0.0);
        assert_eq!(trend.relative[1].1.max, 1.0);
        assert_eq!(trend.costs[0].1.median, 4.0);
    }

    #[test]
    fn a_bump_in_the_middle_is_the_worst() {
        let trend = trend(&[&[(1, 1.0), (16, 1.5), (256, 1.0)]]).unwrap();
        assert_eq!((trend.worst().0, trend.worst().1.median), (16, 1.5));
        assert!(trend.growth.abs() < 1e-9);
    }

    #[test]
    fn what_gets_cheaper_has_a_worst_below_one() {
        let trend = trend(&[&[(1, 1.0), (2, 0.5)]]).unwrap();
        assert_eq!(trend.worst().1.median, 0.5);
        assert!(trend.growth < 0.0);
    }

    #[test]
    fn a_round_that_lacks_a_size_does_not_count() {
        let trend = trend(&[&[(1, 1.0), (64, 1.0)], &[(64, 5.0)], &[(1, 1.0)]]).unwrap();
        assert_eq!((trend.rounds, trend.costs[1].1.max), (1, 1.0));
    }

    #[test]
    fn one_size_makes_no_trend() {
        assert_eq!(trend(&[]), None);
        assert_eq!(trend(&[&[(4, 1.0)], &[(4, 2.0)]]), None);
    }
}
