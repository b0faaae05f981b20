//! The figures of this build, as a table in Markdown.

use anyhow::Result;

use crate::measure::Measure;
use crate::{Binder, Case};

/// Prints what a message costs, for both cases on all binders; a row appears when it is measured.
///
/// # Errors
/// As [`Measure::cost`].
pub fn print(measure: &Measure<'_>) -> Result<()> {
    println!("{}\n", build());
    println!("| binder | case | allocations | bytes | instructions |");
    println!("| --- | --- | --- | --- | --- |");
    for binder in Binder::ALL {
        for case in Case::ALL {
            let cost = measure.cost(binder, case)?;
            println!(
                "| {binder} | {case} | {:.1} | {:.0} | {:.0} |",
                cost.allocations, cost.bytes, cost.instructions
            );
        }
    }
    Ok(())
}

/// What kind of build this is.
fn build() -> &'static str {
    match (cfg!(debug_assertions), cfg!(feature = "failpoints")) {
        (true, _) => "A build for tests: these figures say nothing about speed.",
        (false, true) => {
            "A release with fail points, which no service has: `--no-default-features` leaves them out."
        }
        (false, false) => "A release, one message of 512 B:",
    }
}
