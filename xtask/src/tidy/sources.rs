//! Rules about source files: each says what it is for, stays short, and leaves nothing undone or switched off.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::Finding;

const LONGEST: usize = 400;

/// Files that may be longer, each with the reason why splitting it would not help its reader.
const LONG_FILES: [(&str, &str); 0] = [];

/// What may stand nowhere. Written in two halves, because this file is checked as well.
const FORBIDDEN: [(&str, &str); 3] = [
    (
        concat!("to", "do!("),
        "unfinished code; finish it or open an issue",
    ),
    (
        concat!("unimple", "mented!("),
        "unfinished code; return an error that says `not supported yet`",
    ),
    (
        concat!("#[ig", "nore"),
        "a test that does not run proves nothing; make it run or remove it",
    ),
];

/// Checks every Rust file of the workspace.
pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for package in packages(root)? {
        for file in rust_files(&package)? {
            let text =
                fs::read_to_string(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
            let is_source = file.starts_with(package.join("src"));
            let relative = file.strip_prefix(root).unwrap_or(&file);
            findings.extend(check_file(relative, &text, is_source));
        }
    }
    Ok(findings)
}

fn check_file(file: &Path, text: &str, is_source: bool) -> Vec<Finding> {
    let finding = |line: usize, message: String| Finding {
        file: file.to_owned(),
        line,
        message,
    };
    let mut findings = Vec::new();
    if is_source && !text.starts_with("//!") {
        findings.push(finding(
            1,
            "open the file with `//!` and what it is for".to_owned(),
        ));
    }
    let length = text.lines().count();
    if is_source && length > LONGEST && !LONG_FILES.iter().any(|(long, _)| Path::new(long) == file) {
        findings.push(finding(
            LONGEST + 1,
            format!("{length} lines; split the file, {LONGEST} are enough"),
        ));
    }
    for (number, line) in text.lines().enumerate() {
        let code = line.trim_start();
        for (pattern, message) in FORBIDDEN {
            if !code.starts_with("//") && code.contains(pattern) {
                findings.push(finding(number + 1, format!("`{pattern}`: {message}")));
            }
        }
    }
    findings
}

fn packages(root: &Path) -> Result<Vec<PathBuf>> {
    let mut packages = vec![root.join("faults"), root.join("fuzz"), root.join("xtask")];
    for parent in ["crates", "examples"] {
        packages.extend(
            children(&root.join(parent))?
                .into_iter()
                .filter(|child| child.is_dir()),
        );
    }
    Ok(packages)
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for child in children(folder)? {
        if child.is_dir() && child.file_name().is_none_or(|name| name != "target") {
            files.extend(rust_files(&child)?);
        } else if child.extension().is_some_and(|extension| extension == "rs") {
            files.push(child);
        }
    }
    Ok(files)
}

fn children(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    let mut children = Vec::new();
    for entry in entries {
        children.push(entry?.path());
    }
    children.sort();
    Ok(children)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str, is_source: bool) -> Vec<String> {
        let findings = check_file(Path::new("crates/x/src/a.rs"), text, is_source);
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_source_file_says_what_it_is_for() {
        assert!(messages("//! Adds numbers.\n", true).is_empty());
        assert_eq!(
            messages("use std::fs;\n", true),
            ["crates/x/src/a.rs:1: open the file with `//!` and what it is for"]
        );
        assert!(messages("use std::fs;\n", false).is_empty());
    }

    #[test]
    fn a_long_source_file_is_to_be_split() {
        let text = format!("//! Long.\n{}", "\n".repeat(LONGEST - 1));
        assert!(messages(&text, true).is_empty());
        assert_eq!(
            messages(&(text + "\n"), true),
            ["crates/x/src/a.rs:401: 401 lines; split the file, 400 are enough"]
        );
    }

    #[test]
    fn unfinished_code_and_tests_switched_off_are_found() {
        for (pattern, _) in FORBIDDEN {
            let found = messages(&format!("fn f() {{\n    {pattern}"), false);
            assert!(
                found[0].starts_with(&format!("crates/x/src/a.rs:2: `{pattern}`")),
                "{found:?}"
            );
            assert!(messages(&format!("// {pattern}"), false).is_empty());
        }
    }
}
