//! Environment variables as a source of properties.
//!
//! Boot's canonical form (`…_PROCESSIN0_DESTINATION`) and the older one (`…_PROCESS_IN_0_DESTINATION`) both work: a
//! variable overrides the key that reads the same without separators, and gives a new one where the tables of known
//! properties have a place for it. A variable's value is taken as it is; nothing in it is expanded.

use std::collections::BTreeMap;

use super::Origin;
use super::key::{Key, collapsed};
use super::layers::Merged;
use super::property::{Layer, Property};
use super::schema::Schema;

/// The root whose variables are ours alone: one that fits nowhere is a mistake.
const OWN_PREFIX: &str = "SPRING_CLOUD_STREAM_";
/// The short root; its variables are ours when the next word is a section.
const SHORT_PREFIX: &str = "STREAM_";

/// The variables of the process, or those a test gives.
#[derive(Clone, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
    collapsed: BTreeMap<String, String>,
}

impl Environment {
    /// Keeps the given variables.
    pub(crate) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let variables: BTreeMap<_, _> = variables.into_iter().collect();
        let collapsed = variables
            .keys()
            .map(|name| (collapsed(name), name.clone()))
            .filter(|(short, _)| !short.is_empty())
            .collect();
        Self { variables, collapsed }
    }

    /// The process's own variables; those that are no Unicode are left out.
    pub(crate) fn of_process() -> Self {
        Self::new(
            std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))),
        )
    }

    /// The value of a variable, by its exact name or by a key that reads the same.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let exact = self.variables.get(name);
        let found = exact.or_else(|| self.variables.get(self.collapsed.get(&collapsed(name))?));
        found.map(String::as_str)
    }

    /// The layer of overrides: of keys that are `known`, and of those that the schema has a place for.
    pub(crate) fn layer(&self, known: &Merged, schema: Option<&Schema>) -> Layer {
        let mut by_collapsed: BTreeMap<String, Vec<&Key>> = BTreeMap::new();
        for (canonical, property) in known {
            let keys = by_collapsed.entry(collapsed(canonical)).or_default();
            keys.push(&property.key);
        }
        let mut properties = Vec::new();
        for (name, value) in &self.variables {
            let short = short_of(name);
            let keys: Vec<Key> = match by_collapsed.get(&short) {
                Some(keys) if !short.is_empty() => keys.iter().map(|key| (*key).clone()).collect(),
                _ => new_key(name, schema).into_iter().collect(),
            };
            for key in keys {
                let mut property = Property::text(key, value, Origin::Environment(name.as_str().into()));
                property.literal = true;
                properties.push(property);
            }
        }
        Layer::new("environment", properties)
    }
}

/// The collapsed name with both roots made one, as known keys are collapsed.
fn short_of(name: &str) -> String {
    let short = collapsed(name);
    match short.strip_prefix("springcloudstream") {
        Some(rest) => format!("stream{rest}"),
        None => short,
    }
}

fn new_key(name: &str, schema: Option<&Schema>) -> Option<Key> {
    if name.contains('.') {
        return Key::parse(name).ok();
    }
    let schema = schema?;
    let tokens: Vec<&str> = name.split('_').filter(|token| !token.is_empty()).collect();
    let found = schema.key_of_variable(&tokens);
    let unplaced = || {
        let short = || {
            name.strip_prefix(SHORT_PREFIX).filter(|rest| {
                rest.split('_')
                    .next()
                    .is_some_and(|word| schema.is_section(&word.to_lowercase()))
            })
        };
        let rest = name.strip_prefix(OWN_PREFIX).or_else(short)?;
        Key::parse(&format!("stream.{}", rest.to_lowercase().replace('_', "."))).ok()
    };
    found.or_else(unplaced)
}
