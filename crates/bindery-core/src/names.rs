//! The names that configuration gives to things: each is validated once, where it is made.

use std::fmt;
use std::sync::Arc;

/// The configured name of a binding, for example `reserve_stock-in-0`.
///
/// Binding names are compared *relaxed*, as Spring Boot compares property names: `reserve_stock-in-0`,
/// `reserveStock-in-0` and `reserve-stock-in-0` are one binding. The spelling that was given is kept for people.
#[derive(Clone)]
pub struct BindingName {
    given: Arc<str>,
    canonical: Arc<str>,
}

impl BindingName {
    /// Makes a binding name of the given spelling.
    pub fn new(given: impl AsRef<str>) -> Self {
        let given = given.as_ref();
        Self {
            given: given.into(),
            canonical: relaxed(given).into(),
        }
    }

    /// The input binding number `index` of a function: `<function>-in-<index>`.
    pub fn input(function: &str, index: usize) -> Self {
        Self::new(format!("{function}-in-{index}"))
    }

    /// The output binding number `index` of a function: `<function>-out-<index>`.
    pub fn output(function: &str, index: usize) -> Self {
        Self::new(format!("{function}-out-{index}"))
    }

    /// The spelling that was given.
    pub fn as_str(&self) -> &str {
        &self.given
    }

    /// The shared spelling, for values that keep it.
    pub fn shared(&self) -> Arc<str> {
        self.given.clone()
    }

    /// The form under which names are compared: lower case, without `-` and `_`.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

/// Lower-cases a property segment and leaves out `-` and `_`: Spring Boot's relaxed form.
pub fn relaxed(segment: &str) -> String {
    segment
        .chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect()
}

impl PartialEq for BindingName {
    fn eq(&self, other: &Self) -> bool {
        self.canonical == other.canonical
    }
}

impl Eq for BindingName {}

impl std::hash::Hash for BindingName {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.canonical.hash(state);
    }
}

impl fmt::Display for BindingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

impl fmt::Debug for BindingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_equal() {
        let names = [
            "reserve_stock-in-0",
            "reserveStock-in-0",
            "reserve-stock-in-0",
            "RESERVE_STOCK_IN_0",
        ];
        for name in names {
            assert_eq!(BindingName::new(name), BindingName::input("reserve_stock", 0));
        }
        assert_eq!(
            BindingName::new("reserveStock-in-0").to_string(),
            "reserveStock-in-0"
        );
    }
}
