//! The page of guarantees names what proves each of them; what it names must exist.

use std::collections::BTreeSet;
use std::path::Path;

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
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let page = std::fs::read_to_string(root.join("docs/guarantees.md")).unwrap();
    let mut known = BTreeSet::new();
    names_below(&root.join("crates"), &mut known);
    let is_test = |name: &&str| {
        let plain = name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit());
        plain && name.matches('_').count() >= 3
    };
    let cited: BTreeSet<_> = page.split('`').skip(1).step_by(2).filter(is_test).collect();
    assert!(cited.len() > 10, "{cited:?}");
    let missing: Vec<_> = cited.iter().filter(|name| !known.contains(**name)).collect();
    assert!(
        missing.is_empty(),
        "docs/guarantees.md names what isn't there: {missing:?}"
    );
}
