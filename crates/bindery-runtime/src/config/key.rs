//! Property keys: dotted segments, brackets, and the relaxed form under which keys are one.

use std::fmt;

use bindery_core::relaxed;

/// One segment of a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Segment {
    /// The spelling that was given, without brackets.
    pub(crate) given: String,
    /// The relaxed spelling, under which segments are compared.
    pub(crate) canonical: String,
    /// The position in a list, for `[3]`.
    pub(crate) index: Option<usize>,
    bracketed: bool,
}

impl Segment {
    /// A segment between dots.
    pub(crate) fn plain(given: &str) -> Self {
        Self {
            given: given.to_owned(),
            canonical: canonical(given),
            index: None,
            bracketed: false,
        }
    }

    /// A segment in brackets: a list index, or a map key that may hold any character.
    pub(crate) fn bracketed(given: &str) -> Self {
        let plain = given
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        Self {
            canonical: if plain {
                canonical(given)
            } else {
                format!("[{given}]")
            },
            index: given.parse().ok().filter(|index| *index < 10_000),
            bracketed: true,
            given: given.to_owned(),
        }
    }
}

/// The relaxed spelling of a segment; what consists of separators only is a name all the same.
fn canonical(given: &str) -> String {
    match relaxed(given).trim() {
        "" => given.to_lowercase(),
        canonical => canonical.to_owned(),
    }
}

/// A key as it was given, in segments.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Key(pub(crate) Vec<Segment>);

impl Key {
    /// Reads a dotted key such as `stream.bindings[my.name].group`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut segments = Vec::new();
        let mut rest = text;
        loop {
            if let Some(inner) = rest.strip_prefix('[') {
                let Some((name, after)) = inner.split_once(']') else {
                    return Err(format!("`[` is not closed in `{text}`"));
                };
                if name.is_empty() {
                    return Err(format!("`{text}` has an empty part"));
                }
                segments.push(Segment::bracketed(name));
                rest = after;
            } else {
                let end = rest.find(['.', '[']).unwrap_or(rest.len());
                let (name, after) = rest.split_at(end);
                if name.trim().is_empty() {
                    return Err(format!("`{text}` has an empty part"));
                }
                segments.push(Segment::plain(name.trim()));
                rest = after;
            }
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None if rest.is_empty() => return Ok(Self(segments)),
                None if rest.starts_with('[') => {}
                None => return Err(format!("a `.` is missing after `]` in `{text}`")),
            }
        }
    }

    /// This key with the segments of another behind it.
    pub(crate) fn join(&self, child: &Self) -> Self {
        Self(self.0.iter().chain(&child.0).cloned().collect())
    }

    /// This key with a list index behind it.
    pub(crate) fn item(&self, index: usize) -> Self {
        let mut key = self.clone();
        key.0.push(Segment::bracketed(&index.to_string()));
        key
    }

    /// The key without its last segment, when that is a list index.
    pub(crate) fn list(&self) -> Option<(Self, usize)> {
        let (last, rest) = self.0.split_last()?;
        Some((Self(rest.to_vec()), last.index.filter(|_| !rest.is_empty())?))
    }

    /// The segments with both roots made one: `spring.cloud.stream` counts as `stream`, also inside the environment
    /// of a binder.
    pub(crate) fn segments(&self) -> Vec<Segment> {
        let mut segments = one_root(&self.0);
        let in_environment = segments.len() > 4
            && segments[0].canonical == "stream"
            && segments[1].canonical == "binders"
            && segments[3].canonical == "environment";
        if in_environment {
            let inner = one_root(&segments[4..]);
            segments.truncate(4);
            segments.extend(inner);
        }
        segments
    }

    /// The form under which keys are one: relaxed segments, one root.
    pub(crate) fn canonical(&self) -> String {
        let segments = self.segments();
        let names: Vec<&str> = segments
            .iter()
            .map(|segment| segment.canonical.as_str())
            .collect();
        names.join(".")
    }
}

fn one_root(segments: &[Segment]) -> Vec<Segment> {
    let names: Vec<&str> = segments
        .iter()
        .take(3)
        .map(|segment| segment.canonical.as_str())
        .collect();
    match names[..] {
        ["spring", "cloud", "stream"] => segments[2..].to_vec(),
        _ => segments.to_vec(),
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, segment) in self.0.iter().enumerate() {
            if segment.bracketed {
                write!(f, "[{}]", segment.given)?;
            } else {
                write!(f, "{}{}", if index == 0 { "" } else { "." }, segment.given)?;
            }
        }
        Ok(())
    }
}

/// The form under which names of environment variables and keys are compared: without any separator.
pub(crate) fn collapsed(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-' | '.' | '[' | ']'))
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
#[path = "key_properties.rs"]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(text: &str) -> String {
        Key::parse(text).unwrap().canonical()
    }

    #[test]
    fn both_roots_and_all_spellings_are_one_key() {
        let expected = "stream.bindings.reservestockin0.consumer.maxattempts";
        for key in [
            "stream.bindings.reserve_stock-in-0.consumer.max-attempts",
            "spring.cloud.stream.bindings.reserveStock-in-0.consumer.maxAttempts",
            "STREAM.BINDINGS[reserve-stock-in-0].CONSUMER.MAX_ATTEMPTS",
        ] {
            assert_eq!(canonical(key), expected);
        }
        assert_eq!(
            canonical("stream.binders.k.environment.spring.cloud.stream.kafka.binder.brokers"),
            "stream.binders.k.environment.stream.kafka.binder.brokers"
        );
    }

    #[test]
    fn a_bracketed_name_keeps_its_dots_and_an_index_is_known() {
        let key = Key::parse("stream.bindings[a.b].producer.required-groups[1]").unwrap();
        assert_eq!(key.0[2].canonical, "[a.b]");
        assert_eq!(key.list().map(|(_, index)| index), Some(1));
        assert_eq!(
            key.to_string(),
            "stream.bindings[a.b].producer.required-groups[1]"
        );
    }

    #[test]
    fn a_name_of_separators_is_the_same_name_in_brackets() {
        assert_eq!(canonical("a[-].b"), "a.-.b");
        assert_eq!(canonical("a[-].b"), canonical("a.-.b"));
        assert_eq!(canonical("a _.b"), canonical("a.b"));
    }

    #[test]
    fn malformed_keys_are_refused() {
        for key in ["", ".", "a..b", "a.", "a[b", "a[b]c", "a[]"] {
            assert!(Key::parse(key).is_err(), "{key}");
        }
    }
}
