//! What the attributes accept and refuse, and what they expand to.
#![allow(missing_docs, clippy::unwrap_used, reason = "this is a test")]

/// One test for all cases: they share one build.
#[test]
fn right_code_compiles_and_mistakes_are_explained() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
