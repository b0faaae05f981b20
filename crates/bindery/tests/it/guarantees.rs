//! The page of guarantees names what proves each of them; what it names must exist.

use std::collections::BTreeSet;
use std::path::Path;

/// The repository.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// What the page has between backticks, as far as it is of interest.
fn cited(is_of_interest: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let page = std::fs::read_to_string(root().join("docs/guarantees.md")).unwrap();
    let quoted = page.split('`').skip(1).step_by(2).map(str::to_owned);
    quoted.filter(|name| is_of_interest(name)).collect()
}

/// Every `fn` in the Rust files below `folder`, and every string literal.
fn names_below(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            names_below(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let functions = text
                .split("fn ")
                .skip(1)
                .filter_map(|rest| rest.split('(').next());
            names.extend(functions.map(str::to_owned));
            names.extend(text.split('"').skip(1).step_by(2).map(str::to_owned));
        }
    }
}

#[test]
fn every_test_that_the_page_of_guarantees_names_exists() {
    let mut known = BTreeSet::new();
    names_below(&root().join("crates"), &mut known);
    let cited = cited(|name| {
        let plain = name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit());
        plain && name.matches('_').count() >= 3
    });
    assert!(cited.len() > 10, "{cited:?}");
    let missing: Vec<_> = cited.iter().filter(|name| !known.contains(*name)).collect();
    assert!(
        missing.is_empty(),
        "docs/guarantees.md names what isn't there: {missing:?}"
    );
}

#[test]
fn every_case_that_the_page_of_guarantees_names_exists() {
    let table = std::fs::read_to_string(root().join("faults/src/cases/mod.rs")).unwrap();
    let known: BTreeSet<&str> = table.split('"').skip(1).step_by(2).collect();
    let families = [
        "dead-letter-",
        "always-failing-",
        "output-down",
        "memory-bound",
        "rebalance-",
        "channel-closed",
        "consumer-cancelled",
        "consumer-timeout",
        "delivery-limit",
        "unroutable",
    ];
    let cited = cited(|name| {
        let number = name.strip_prefix('T').unwrap_or_default();
        number.starts_with(|first: char| first.is_ascii_digit())
            || !name.contains(':') && families.iter().any(|family| name.starts_with(family))
    });
    assert!(cited.len() > 20, "{cited:?}");
    let missing: Vec<_> = cited
        .iter()
        .filter(|name| match name.strip_suffix('*') {
            Some(family) => !known.iter().any(|known| known.starts_with(family)),
            None => !known.contains(name.as_str()),
        })
        .collect();
    assert!(
        missing.is_empty(),
        "docs/guarantees.md names no case: {missing:?}"
    );
}
