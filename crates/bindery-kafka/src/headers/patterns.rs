//! `header-patterns`: which headers go out.

/// An ordered list of patterns: `*` matches any run of characters, `!` in front negates, case doesn't matter. The
/// first that matches decides; a header that none matches stays behind.
#[derive(Clone, Debug)]
pub(crate) struct Patterns {
    /// In lower case; whether what matches goes out.
    given: Vec<(bool, String)>,
}

/// What never goes out: it says something about this process only.
const INTERNAL: &[&str] = &["id", "timestamp", "deliveryAttempt", "scst_nativeHeadersPresent"];

impl Patterns {
    /// The given patterns; without any, everything but internal headers goes out.
    pub(crate) fn new(given: &[String]) -> Self {
        let lower = |pattern: &String| match pattern.strip_prefix('!') {
            Some(rest) => (false, rest.to_lowercase()),
            None => (true, pattern.to_lowercase()),
        };
        Self {
            given: given.iter().map(lower).collect(),
        }
    }

    /// Whether a header goes out.
    pub(crate) fn allow(&self, name: &str) -> bool {
        // No letter outside ASCII becomes one of these names in lower case.
        if INTERNAL
            .iter()
            .any(|internal| internal.eq_ignore_ascii_case(name))
        {
            return false;
        }
        if self.given.is_empty() {
            return true;
        }
        let name = name.to_lowercase();
        self.given
            .iter()
            .find(|(_, pattern)| matches(pattern, &name))
            .is_some_and(|(allowed, _)| *allowed)
    }
}

/// Matches in linear time per star: each part between stars is found as early as possible.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(mut name) = name.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        match name.find(part) {
            Some(at) => name = &name[at + part.len()..],
            None => return false,
        }
    }
    name.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(given: &[&str]) -> Patterns {
        Patterns::new(
            &given
                .iter()
                .map(|pattern| (*pattern).to_owned())
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn everything_but_internal_headers_goes_out_by_default() {
        let patterns = patterns(&[]);
        assert!(patterns.allow("anything"));
        for name in [
            "id",
            "timestamp",
            "deliveryAttempt",
            "scst_nativeHeadersPresent",
            "ID",
        ] {
            assert!(!patterns.allow(name), "{name}");
        }
    }

    #[test]
    fn the_first_match_decides() {
        let patterns = patterns(&["!x-secret*", "x-*", "*Id"]);
        assert!(patterns.allow("X-Trace") && patterns.allow("orderId"));
        assert!(!patterns.allow("x-secret-1") && !patterns.allow("other") && !patterns.allow("id"));
    }

    #[test]
    fn stars_match_any_run() {
        assert!(matches("a*b*c", "a__b__c") && matches("*", "") && matches("**", "x") && matches("a*", "a"));
        assert!(!matches("a*b*c", "a__c") && !matches("ab*ab", "ab"));
    }
}
