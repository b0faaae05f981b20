//! The report at startup: a line that says what was read, and a table of every binding.

use super::Model;

/// The line above the table.
pub fn banner(model: &Model) -> String {
    let mut parts = vec![format!("bindery {}", env!("CARGO_PKG_VERSION"))];
    if !model.profiles.is_empty() {
        parts.push(format!("profile {}", model.profiles.join(", ")));
    }
    if !model.sources.is_empty() {
        parts.push(model.sources.join(", "));
    }
    parts.join("   ")
}
