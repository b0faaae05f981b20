//! Rules about who depends on whom: client libraries stay in their binders, arrows between our crates point down,
//! the core brings no runtime, and a release build has no fail points.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Finding;
use crate::process;

/// Client libraries, and the binder that may depend on each.
const CLIENTS: [(&str, &str); 2] = [("rdkafka", "bindery-kafka"), ("lapin", "bindery-rabbit")];

/// The benches use both client libraries bare, so that nothing of the product judges the product, and because the product
/// is compared with what is written by hand.
const JUDGES: [&str; 3] = ["bench-harness", "bench-raw", "faults"];

/// Our crates below the facade, and which of ours each may build on. Tests may use more.
const ARROWS: [(&str, &[&str]); 9] = [
    ("bindery-core", &[]),
    ("bindery-macros", &[]),
    ("bindery-codec", &["bindery-core"]),
    ("bindery-memory", &["bindery-core"]),
    ("bindery-kafka", &["bindery-core"]),
    ("bindery-rabbit", &["bindery-core"]),
    ("bindery-runtime", &["bindery-core", "bindery-codec"]),
    ("bindery-ops", &["bindery-core", "bindery-runtime"]),
    ("bindery-conformance", &["bindery-core", "bindery-runtime"]),
];

/// What the core may use of tokio: values to wait on, nothing that runs them.
const CORE_RUNTIME: [(&str, &[&str]); 2] = [("tokio", &["sync", "macros"]), ("tokio-util", &["default"])];

/// A package that is released with its dependencies, as cargo resolves them without test and build ones.
const RELEASED: &str = "shop";
/// What makes a process end on purpose.
const FAIL_POINTS: &str = "fail";

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    /// `None` for an ordinary dependency, else `dev` or `build`.
    kind: Option<String>,
    features: Vec<String>,
}

/// Checks the manifests, as cargo reads them.
pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--no-deps", "--format-version", "1"];
    let text = process::output(Command::new(&cargo).current_dir(root).args(arguments))?;
    let metadata: Metadata = serde_json::from_str(&text).context("cannot read `cargo metadata`")?;
    let mut findings = Vec::new();
    for package in &metadata.packages {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap_or_default();
        let file = package
            .manifest_path
            .strip_prefix(root)
            .unwrap_or(&package.manifest_path);
        for (dependency, message) in check_package(package) {
            findings.push(Finding {
                file: file.to_owned(),
                line: line_of(&manifest, &dependency),
                message,
            });
        }
    }
    let arguments = [
        "tree",
        "--package",
        RELEASED,
        "--edges",
        "normal",
        "--prefix",
        "none",
    ];
    let tree = process::output(Command::new(cargo).current_dir(root).args(arguments))?;
    if has_fail_points(&tree) {
        findings.push(Finding {
            file: PathBuf::from("Cargo.toml"),
            line: 1,
            message: format!(
                "`{RELEASED}` is built with fail points: the feature `failpoints` is on; `cargo tree -p {RELEASED} -i {FAIL_POINTS}` says where"
            ),
        });
    }
    Ok(findings)
}

/// Whether a tree of dependencies, one package a line, has the crate of the fail points.
fn has_fail_points(tree: &str) -> bool {
    tree.lines()
        .any(|line| line.split_whitespace().next() == Some(FAIL_POINTS))
}

/// The name of each offending dependency, and what is wrong with it.
fn check_package(package: &Package) -> Vec<(String, String)> {
    package
        .dependencies
        .iter()
        .flat_map(|dependency| {
            [
                client(package, dependency),
                arrow(package, dependency),
                runtime(package, dependency),
            ]
        })
        .flatten()
        .collect()
}

fn client(package: &Package, dependency: &Dependency) -> Option<(String, String)> {
    let (name, home) = CLIENTS.into_iter().find(|(name, _)| *name == dependency.name)?;
    let allowed = package.name == home || JUDGES.contains(&package.name.as_str());
    (!allowed).then(|| (name.to_owned(), format!("only `{home}` depends on `{name}`")))
}

fn arrow(package: &Package, dependency: &Dependency) -> Option<(String, String)> {
    let (_, below) = ARROWS.into_iter().find(|(name, _)| *name == package.name)?;
    let ours = dependency.name == "bindery" || dependency.name.starts_with("bindery-");
    if !ours || dependency.kind.is_some() || below.contains(&dependency.name.as_str()) {
        return None;
    }
    let (name, from) = (&dependency.name, &package.name);
    Some((
        name.clone(),
        format!("`{from}` stands beside or below `{name}` and must not depend on it"),
    ))
}

fn runtime(package: &Package, dependency: &Dependency) -> Option<(String, String)> {
    if package.name != "bindery-core" || dependency.kind.is_some() {
        return None;
    }
    let (name, allowed) = CORE_RUNTIME
        .into_iter()
        .find(|(name, _)| *name == dependency.name)?;
    let excess: Vec<&str> = dependency
        .features
        .iter()
        .map(String::as_str)
        .filter(|feature| !allowed.contains(feature))
        .collect();
    if excess.is_empty() {
        return None;
    }
    let message = format!(
        "the core brings no runtime: `{name}` without `{}`",
        excess.join("`, `")
    );
    Some((name.to_owned(), message))
}

/// The line of a manifest that names a dependency, 1 when it is spelled in an unusual way.
fn line_of(manifest: &str, dependency: &str) -> usize {
    let names = |line: &str| {
        let rest = line
            .trim_start_matches("[dependencies.")
            .trim_start_matches("[dev-dependencies.");
        rest.strip_prefix(dependency)
            .is_some_and(|rest| rest.starts_with([' ', '.', '=', ']']))
    };
    manifest.lines().position(names).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dependency(name: &str, kind: Option<&str>, features: &[&str]) -> Dependency {
        let features = features.iter().map(|feature| (*feature).to_owned()).collect();
        Dependency {
            name: name.to_owned(),
            kind: kind.map(str::to_owned),
            features,
        }
    }

    fn messages(package: &str, dependency: Dependency) -> Vec<String> {
        let package = Package {
            name: package.to_owned(),
            manifest_path: PathBuf::new(),
            dependencies: vec![dependency],
        };
        check_package(&package)
            .into_iter()
            .map(|(_, message)| message)
            .collect()
    }

    #[test]
    fn a_client_library_stays_in_its_binder() {
        assert!(messages("bindery-kafka", dependency("rdkafka", None, &[])).is_empty());
        assert!(messages("faults", dependency("lapin", None, &[])).is_empty());
        assert_eq!(
            messages("shop", dependency("rdkafka", Some("dev"), &[])),
            ["only `bindery-kafka` depends on `rdkafka`"]
        );
    }

    #[test]
    fn arrows_point_down_except_in_tests() {
        assert!(messages("bindery-runtime", dependency("bindery-core", None, &[])).is_empty());
        assert!(messages("bindery-runtime", dependency("bindery-memory", Some("dev"), &[])).is_empty());
        assert_eq!(
            messages("bindery-runtime", dependency("bindery-memory", None, &[])).len(),
            1
        );
        assert_eq!(
            messages("bindery-kafka", dependency("bindery-rabbit", None, &[])).len(),
            1
        );
        assert!(messages("shop", dependency("bindery", None, &[])).is_empty());
    }

    #[test]
    fn the_core_brings_no_runtime() {
        assert!(messages("bindery-core", dependency("tokio", None, &["sync"])).is_empty());
        assert!(messages("bindery-core", dependency("tokio", Some("dev"), &["rt"])).is_empty());
        assert_eq!(
            messages("bindery-core", dependency("tokio", None, &["sync", "rt"])),
            ["the core brings no runtime: `tokio` without `rt`"]
        );
    }

    #[test]
    fn fail_points_in_a_release_are_found() {
        assert!(has_fail_points("shop v0.1.0\nfail v0.5.1\n"));
        assert!(!has_fail_points("shop v0.1.0\nfailure v0.1.0\n"));
    }

    #[test]
    fn the_line_of_a_dependency_is_found() {
        let manifest = "[dependencies]\ntokio-util.workspace = true\ntokio = { workspace = true }\n";
        assert_eq!(line_of(manifest, "tokio"), 3);
        assert_eq!(line_of(manifest, "tokio-util"), 2);
        assert_eq!(line_of(manifest, "absent"), 1);
    }
}
