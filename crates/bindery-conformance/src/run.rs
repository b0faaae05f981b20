//! Runs one case as a test, and checks the list of cases that don't apply.

use bindery_core::Capabilities;

use crate::suite::Suite;
use crate::{Fixture, Need};

/// A case: an area, a fact, and what it needs.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// The area, for example `ordering`.
    pub area: &'static str,
    /// The fact.
    pub name: &'static str,
    /// What the binder or its fixture must have.
    pub needs: &'static [Need],
}

impl Case {
    /// The case's name with its area: `ordering::messages_of_one_source_arrive_in_order`.
    pub fn path(&self) -> String {
        format!("{}::{}", self.area, self.name)
    }

    /// The first need that isn't met.
    pub fn missing(&self, capabilities: Capabilities, fixture: &Fixture) -> Option<Need> {
        self.needs
            .iter()
            .copied()
            .find(|need| !need.is_met(capabilities, fixture))
    }
}

/// All cases, in the order of the table.
pub fn cases() -> Vec<Case> {
    crate::for_each_case!(list_cases;)
}

/// Checks that exactly these cases don't apply to the fixture's binder.
///
/// # Panics
/// When one is missing from the list, or listed without need.
pub fn assert_not_applicable(fixture: &Fixture, expected: &[&str]) {
    let capabilities = fixture.factory.create(&fixture.binder).unwrap().capabilities();
    let found: Vec<String> = cases()
        .iter()
        .filter(|case| case.missing(capabilities, fixture).is_some())
        .map(Case::path)
        .collect();
    assert_eq!(
        found, expected,
        "the cases that don't apply (left: found, right: listed)"
    );
}

/// Runs one case on a runtime of its own.
///
/// # Panics
/// When the case fails, or takes longer than six times the fixture's deadline.
#[doc(hidden)]
pub fn run<F: AsyncFnOnce(&Suite)>(fixture: Fixture, case: Case, body: F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let limit = fixture.deadline * 6;
        let suite = Suite::new(fixture, case);
        if let Some(need) = case.missing(suite.capabilities(), suite.fixture()) {
            println!("not applicable: {}", need.missing());
            return;
        }
        let ended = tokio::time::timeout(limit, body(&suite)).await;
        assert!(ended.is_ok(), "the case took longer than {limit:?}");
        suite.close().await;
    });
    // A client library's thread that is still busy must not hold the test up.
    runtime.shutdown_background();
}
