//! Aborts the process at a named step between receive and settle.

/// Reads `BENCH_CRASH_AT`: `<fail point>:<n>` aborts the process when it comes to that point for the n-th time.
pub(super) fn arm() {}
