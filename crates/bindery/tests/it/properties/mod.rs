//! Random scripts against models of what is promised, on paused time.

mod attempts;
mod lifecycle;
mod spy;

use std::time::Duration;

use proptest::prelude::*;

/// Runs one case on a runtime of its own, whose clock goes on when nothing else does.
fn on_paused_time<F>(case: F) -> Result<(), TestCaseError>
where
    F: Future<Output = Result<(), TestCaseError>>,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    let result = runtime.block_on(case);
    runtime.shutdown_timeout(Duration::ZERO);
    result
}

/// So many cases unless `PROPTEST_CASES` says otherwise: a whole application is started in each.
fn cases(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig {
        cases: std::env::var("PROPTEST_CASES").map_or(cases, |_| default.cases),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..default
    }
}
