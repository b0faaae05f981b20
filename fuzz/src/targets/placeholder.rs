//! Placeholders: a value of the program's own and one of ours, expanded against properties and variables.

use bindery_runtime::config::ConfigLoader;

use super::Target;
use crate::pieces::text;

/// Lines: the text to expand; then `NAME=value` variables, `key: value` properties and `--key=value` arguments.
pub const TARGET: Target = Target {
    name: "placeholder",
    words: &[
        "${",
        "}",
        ":",
        "\\${",
        "${a}",
        "${a:",
        "${b.c}",
        "${a:${b.c:x}}",
        "${file:/",
        "/etc/hostname",
        "/dev/null",
        "\n",
        "\nA=",
        "\nb.c: ",
        "\n--a.b=",
        "random.uuid",
        "[0]",
        "[",
        "]",
        "A_B_C",
    ],
    run,
};

/// What a value may become at most: the longest expansion, and as much again that stood beside it.
const LONGEST: usize = 2 * 64 * 1024 + crate::mutate::MAX_LENGTH;

fn run(input: &[u8]) {
    let input = text(input);
    let mut lines = input.lines();
    let value = lines.next().unwrap_or_default();
    let mut variables = Vec::new();
    let mut arguments = Vec::new();
    let mut loader = ConfigLoader::new()
        .directory("/nonexistent")
        .property("fuzz.value", value);
    for line in lines {
        if line.starts_with("--") {
            arguments.push(line.to_owned());
        } else if let Some((key, value)) = line.split_once(": ") {
            loader = loader.default_property(key, value);
        } else if let Some((name, value)) = line.split_once('=') {
            variables.push((name.to_owned(), value.to_owned()));
        }
    }
    let Ok(properties) = loader.environment(variables).arguments(arguments).load() else {
        return;
    };
    if let Some(expanded) = properties.get("fuzz.value") {
        assert!(expanded.len() <= LONGEST, "{} bytes", expanded.len());
        if !value.contains("${") {
            assert_eq!(expanded, value);
        }
    }
}
