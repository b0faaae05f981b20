//! From what a program printed to what may be compared: steady rates, medians, ratios within a round, growth with size.

mod program;
mod run;
mod spread;
mod steady;
mod trend;

pub use program::Program;
pub use run::{Measure, Round, Run, ratios};
pub use spread::{Spread, median};
pub use steady::{Progress, Steady, WARM_UP, steady};
pub use trend::Trend;
