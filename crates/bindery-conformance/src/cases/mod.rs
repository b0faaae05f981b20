//! The cases, one module an area. `table.rs` lists them with what they need.

pub mod back_pressure;
pub mod batch;
pub mod confirms;
pub mod dead_letter;
pub mod delivery;
pub mod groups;
pub mod headers;
pub mod lifecycle;
pub mod ordering;
pub mod partitions;
pub mod provisioning;
pub mod settlement;

/// `<prefix>0`, `<prefix>1`, … of `count` texts.
fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number}")).collect()
}

/// The texts that begin with `prefix`, in their order.
fn beginning_with<'a>(texts: &'a [String], prefix: &str) -> Vec<&'a String> {
    texts.iter().filter(|text| text.starts_with(prefix)).collect()
}

/// The same texts in the order of the alphabet.
fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}
