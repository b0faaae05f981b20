//! Placeholders: `${key}`, `${key:default}`, nested, and `${file:/run/secrets/x}`.
//!
//! They are expanded late, after parsing, so what they stand for is never read as YAML. A property of ours that is named
//! may hold placeholders itself; what comes from the environment or a file is taken as it is. `\${` is a literal `${`.

use std::io::Read;

use super::environment::Environment;
use super::layers::Merged;
use super::property::{Given, Property};

/// The deepest chain of placeholders.
const MAX_DEPTH: usize = 16;
/// How many placeholders the expansion of one value may take: without a bound, a few keys that name each other often
/// enough take for ever, though what they stand for is short.
const MAX_STEPS: usize = 10_000;
/// The longest expanded value, in bytes.
const MAX_LENGTH: usize = 64 * 1024;
/// The largest file that a placeholder reads, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// How an expansion came to where it is.
#[derive(Default)]
struct Path {
    /// The keys that are being expanded, the outermost first; empty ones stand for names and defaults.
    keys: Vec<String>,
    /// How many placeholders were expanded so far.
    steps: usize,
}

/// Expands placeholders against the merged properties and the environment.
#[derive(Clone, Copy)]
pub(crate) struct Placeholders<'a> {
    pub(crate) merged: &'a Merged,
    pub(crate) environment: &'a Environment,
}

impl Placeholders<'_> {
    /// The property's value with every placeholder expanded.
    ///
    /// # Errors
    /// A sentence that names the placeholder, never a value.
    pub(crate) fn value_of(&self, property: &Property) -> Result<Given, String> {
        if property.literal {
            return Ok(property.value.clone());
        }
        let mut path = Path {
            keys: vec![property.key.canonical()],
            steps: 0,
        };
        Ok(match &property.value {
            Given::Null => Given::Null,
            Given::Scalar { text, plain } => Given::Scalar {
                text: self.expand(text, &mut path)?,
                plain: *plain,
            },
            Given::List(items) => Given::List(
                items
                    .iter()
                    .map(|(text, at)| Ok((self.expand(text, &mut path)?, at.clone())))
                    .collect::<Result<_, String>>()?,
            ),
        })
    }

    fn expand(&self, text: &str, path: &mut Path) -> Result<String, String> {
        if !text.contains("${") {
            return Ok(text.to_owned());
        }
        if path.keys.len() > MAX_DEPTH {
            return Err(format!("placeholders are nested deeper than {MAX_DEPTH} levels"));
        }
        let mut expanded = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            if let Some(before) = rest[..start].strip_suffix('\\') {
                expanded.push_str(before);
                expanded.push_str("${");
                rest = &rest[start + 2..];
                continue;
            }
            expanded.push_str(&rest[..start]);
            let inner = &rest[start + 2..];
            let Some(end) = closing(inner) else {
                return Err("a placeholder `${` is not closed with `}`".to_owned());
            };
            expanded.push_str(&self.placeholder(&inner[..end], path)?);
            rest = &inner[end + 1..];
            if expanded.len() > MAX_LENGTH {
                return Err(format!("placeholders expand to more than {MAX_LENGTH} bytes"));
            }
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    fn placeholder(&self, inner: &str, path: &mut Path) -> Result<String, String> {
        path.steps += 1;
        if path.steps > MAX_STEPS {
            return Err(format!(
                "the value takes more than {MAX_STEPS} placeholders to expand"
            ));
        }
        let (name, default) = match separator(inner) {
            Some(colon) => (&inner[..colon], Some(&inner[colon + 1..])),
            None => (inner, None),
        };
        path.keys.push(String::new());
        let name = self.expand(name, path)?;
        path.keys.pop();
        let name = name.trim();
        if let ("file", Some(file)) = (name, default.filter(|file| file.starts_with('/'))) {
            return read(file);
        }
        if let Some(value) = self.lookup(name, path)? {
            return Ok(value);
        }
        let Some(default) = default else {
            if let Some(around) = path.cycle(name) {
                return Err(format!(
                    "`{name}` refers to itself: {around}; give one of them a value, or a default: `${{{name}:…}}`"
                ));
            }
            return Err(format!(
                "`{name}` has no value; set the property or environment variable, or give a default: `${{{name}:…}}`"
            ));
        };
        path.keys.push(String::new());
        let value = self.expand(default, path);
        path.keys.pop();
        value
    }

    fn lookup(&self, name: &str, path: &mut Path) -> Result<Option<String>, String> {
        let canonical = super::key::Key::parse(name).map(|key| key.canonical());
        if let Ok(canonical) = canonical
            && !path.keys.contains(&canonical)
            && let Some(property) = self.merged.get(&canonical)
        {
            let text = match &property.value {
                Given::Null => return Ok(Some(String::new())),
                Given::Scalar { text, .. } => text.clone(),
                Given::List(items) => items
                    .iter()
                    .map(|(text, _)| text.as_str())
                    .collect::<Vec<_>>()
                    .join(","),
            };
            if property.literal {
                return Ok(Some(text));
            }
            path.keys.push(canonical);
            let value = self.expand(&text, path);
            path.keys.pop();
            return value.map(Some);
        }
        Ok(self.environment.get(name).map(str::to_owned))
    }
}

impl Path {
    /// The keys from the expansion of `name` back to it, if it is being expanded.
    fn cycle(&self, name: &str) -> Option<String> {
        let canonical = super::key::Key::parse(name).ok()?.canonical();
        let start = self.keys.iter().position(|key| *key == canonical)?;
        let around = self.keys[start..].iter().chain([&canonical]);
        let around: Vec<_> = around
            .filter(|key| !key.is_empty())
            .map(|key| format!("`{key}`"))
            .collect();
        Some(around.join(" → "))
    }
}

/// Where the placeholder ends whose inside is the beginning of `text`.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let bytes = text.as_bytes();
    for (index, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(index),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// The first `:` that isn't inside a nested placeholder.
fn separator(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b':' if depth == 0 => return Some(index),
            _ => {}
        }
    }
    None
}

/// Reads a secret's file. Its size says nothing where it is made up as it is read, and a device or pipe has no end.
fn read(file: &str) -> Result<String, String> {
    let unreadable = |error| format!("`{file}` can't be read: {error}");
    let metadata = std::fs::metadata(file).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(format!("`{file}` can't be read: it is no regular file"));
    }
    let mut text = String::new();
    std::fs::File::open(file)
        .and_then(|opened| opened.take(MAX_FILE + 1).read_to_string(&mut text))
        .map_err(unreadable)?;
    if text.len() as u64 > MAX_FILE {
        return Err(format!(
            "`{file}` has more than {MAX_FILE} bytes; at most that many are read"
        ));
    }
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

#[cfg(test)]
#[path = "placeholder_properties.rs"]
mod properties;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::Origin;
    use crate::config::key::Key;

    fn expand(text: &str) -> Result<String, String> {
        let merged: Merged = [
            ("a", "one"),
            ("b.c", "${a}+${E}"),
            ("loop", "${loop:end}"),
            ("ping", "${pong}"),
            ("pong", "${ping}"),
        ]
        .into_iter()
        .map(|(key, value)| {
            let key = Key::parse(key).unwrap();
            (
                key.canonical(),
                Arc::new(Property::text(key, value, Origin::Code)),
            )
        })
        .collect();
        let environment = Environment::new([
            ("E".to_owned(), "${a}".to_owned()),
            ("KAFKA_BROKERS".to_owned(), "k:9092".to_owned()),
        ]);
        let placeholders = Placeholders {
            merged: &merged,
            environment: &environment,
        };
        placeholders.expand(text, &mut Path::default())
    }

    #[test]
    fn names_defaults_and_nesting_are_expanded_once() {
        for (text, expected) in [
            ("plain", "plain"),
            ("${a}", "one"),
            ("x${a}y${a}z", "xoneyonez"),
            ("${KAFKA_BROKERS:localhost}", "k:9092"),
            ("${kafka.brokers}", "k:9092"),
            ("${missing:localhost:9092}", "localhost:9092"),
            ("${missing:${also:${a}}}", "one"),
            ("${missing:}", ""),
            ("${b.c}", "one+${a}"),
            ("${loop}", "end"),
            ("\\${a}", "${a}"),
        ] {
            assert_eq!(expand(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_file_without_an_end_is_not_read() {
        for file in ["/dev/zero", "/dev/full", "/"] {
            let error = expand(&format!("${{file:{file}}}")).unwrap_err();
            assert!(error.contains("no regular file"), "{error}");
        }
        let whole = expand("${file:/proc/self/status}").unwrap();
        assert!(whole.contains("Name:"), "{whole}");
    }

    #[test]
    fn what_has_no_value_is_named() {
        assert!(expand("${missing}").unwrap_err().contains("`missing`"));
        assert!(expand("${open").unwrap_err().contains("not closed"));
    }

    #[test]
    fn keys_that_refer_to_each_other_are_named_in_their_order() {
        let error = expand("${ping}").unwrap_err();
        assert!(error.contains("`ping` → `pong` → `ping`"), "{error}");
    }

    #[test]
    fn keys_that_name_each_other_again_and_again_take_bounded_time() {
        let empty = |key: &str, value: String| {
            let key = Key::parse(key).unwrap();
            (
                key.canonical(),
                Arc::new(Property::text(key, value, Origin::Code)),
            )
        };
        let mut merged: Merged = [empty("p0", String::new())].into_iter().collect();
        merged.extend((1..10).map(|n| empty(&format!("p{n}"), format!("${{p{}}}", n - 1).repeat(100))));
        let placeholders = Placeholders {
            merged: &merged,
            environment: &Environment::default(),
        };
        let error = placeholders.expand("${p9}", &mut Path::default()).unwrap_err();
        assert!(error.contains("more than 10000 placeholders"), "{error}");
    }
}
