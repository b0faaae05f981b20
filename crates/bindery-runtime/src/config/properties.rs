//! What a loader found: layers of raw properties, before anything is known about binders and listeners.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use config::{ConfigError, Map, Value, ValueKind};
use serde::de::DeserializeOwned;

use super::environment::Environment;
use super::key::Key;
use super::layers::{Merged, merge};
use super::placeholder::Placeholders;
use super::property::{Given, Layer, Property};
use super::schema::Schema;
use super::{Origin, Problem, Warning};

/// Everything that was configured, by source. [`resolve`](super::resolve) makes a [`Model`](super::Model) of it.
///
/// `Debug` shows the sources only: values may be secrets.
#[derive(Clone)]
pub struct Properties {
    pub(crate) directory: PathBuf,
    pub(crate) profiles: Vec<String>,
    pub(crate) files: Vec<String>,
    pub(crate) below: Vec<Layer>,
    pub(crate) environment: Environment,
    pub(crate) above: Vec<Layer>,
    pub(crate) merged: Arc<Merged>,
    pub(crate) overrides: usize,
    pub(crate) warnings: Vec<Warning>,
    /// Problems of single keys, which are reported with those that resolution finds.
    pub(crate) problems: Vec<Problem>,
}

impl Properties {
    /// Merges the layers; with a schema, environment variables can give keys that no file has.
    pub(crate) fn merged(mut self, schema: Option<&Schema>) -> Self {
        let layers: Vec<Layer> = self.below.iter().chain(&self.above).cloned().collect();
        let known = merge(&layers);
        let environment = self.environment.layer(&known, schema);
        self.overrides = environment.properties.len();
        let mut layers = self.below.clone();
        layers.push(environment);
        layers.extend(self.above.iter().cloned());
        self.merged = Arc::new(merge(&layers));
        self
    }

    pub(crate) fn placeholders(&self) -> Placeholders<'_> {
        Placeholders {
            merged: &self.merged,
            environment: &self.environment,
        }
    }

    /// The profiles that are active.
    pub fn profiles(&self) -> &[String] {
        &self.profiles
    }

    /// Where the properties came from, for people: file names, then how many came from the environment and arguments.
    pub fn sources(&self) -> Vec<String> {
        let mut sources = self.files.clone();
        if self.overrides > 0 {
            sources.push(format!("{} from environment", self.overrides));
        }
        for layer in &self.above {
            if !layer.properties.is_empty() {
                sources.push(format!("{} from {}", layer.properties.len(), layer.name));
            }
        }
        sources
    }

    /// The text under a key of the program's own, such as `shop.rate`, with placeholders expanded; environment
    /// variables such as `SHOP_RATE` count. `None` when there is none, or when a placeholder in it has no value.
    pub fn get(&self, key: &str) -> Option<String> {
        let canonical = Key::parse(key).ok()?.canonical();
        let Some(property) = self.merged.get(&canonical) else {
            return self.environment.get(key).map(str::to_owned);
        };
        match self.placeholders().value_of(property).ok()? {
            Given::Null => None,
            Given::Scalar { text, .. } => Some(text),
            Given::List(items) => {
                let texts: Vec<String> = items.into_iter().map(|(text, _)| text).collect();
                Some(texts.join(","))
            }
        }
    }

    /// Reads everything below `prefix` into a value of the program's own, through `serde`. Names are matched in snake
    /// case; texts become numbers and truth values where the type asks for them.
    ///
    /// # Errors
    /// When a placeholder has no value or the type doesn't fit; the problem names the key.
    pub fn bind<T: DeserializeOwned>(&self, prefix: &str) -> Result<T, Problem> {
        let root = Key::parse(prefix).map_err(|message| Problem::new(Origin::Code, prefix, message))?;
        let canonical = root.canonical();
        let depth = root.segments().len();
        let mut tree = Value::new(None, ValueKind::Table(Map::new()));
        for (key, property) in self.merged.iter() {
            let below = key
                .strip_prefix(canonical.as_str())
                .is_some_and(|rest| rest.starts_with('.'));
            if below {
                let value = self
                    .placeholders()
                    .value_of(property)
                    .map_err(|message| Problem::new(property.value_at.clone(), &property.key, message))?;
                insert(&mut tree, property, depth, value);
            }
        }
        tree.try_deserialize()
            .map_err(|error| Problem::new(Origin::Code, prefix, without_value(&error)))
    }
}

/// What doesn't fit a type, without the value, which may be a secret.
fn without_value(error: &ConfigError) -> String {
    match error {
        ConfigError::At { error, key, .. } => match key {
            Some(key) => format!("`{key}`: {}", without_value(error)),
            None => without_value(error),
        },
        ConfigError::Type {
            expected,
            key,
            origin,
            ..
        } => {
            let key = key.as_ref().map_or_else(String::new, |key| format!("`{key}`: "));
            let at = origin
                .as_ref()
                .map_or_else(String::new, |at| format!(", at {at}"));
            format!("{key}accepted: {expected}{at}")
        }
        ConfigError::Message(message) if message.starts_with("missing field") => message.clone(),
        _ => "the properties don't fit the type that reads them".to_owned(),
    }
}

/// Puts a value into nested tables, under its key's segments below the first `skip`.
fn insert(tree: &mut Value, property: &Property, skip: usize, value: Given) {
    let mut place = tree;
    for segment in property.key.segments().iter().skip(skip) {
        if !matches!(place.kind, ValueKind::Table(_)) {
            place.kind = ValueKind::Table(Map::new());
        }
        let ValueKind::Table(table) = &mut place.kind else {
            return;
        };
        place = table
            .entry(snake_case(&segment.given))
            .or_insert_with(|| Value::new(None, ValueKind::Nil));
    }
    let origin = property.value_at.to_string();
    *place = match value {
        Given::Null => Value::new(Some(&origin), ValueKind::Nil),
        Given::Scalar { text, .. } => Value::new(Some(&origin), text),
        Given::List(items) => {
            let items: Vec<Value> = items
                .into_iter()
                .map(|(text, at)| Value::new(Some(&at.to_string()), text))
                .collect();
            Value::new(Some(&origin), items)
        }
    };
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        match c {
            '-' => snake.push('_'),
            c if c.is_uppercase() => {
                if !snake.is_empty() && !snake.ends_with('_') {
                    snake.push('_');
                }
                snake.extend(c.to_lowercase());
            }
            c => snake.push(c),
        }
    }
    snake
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Properties")
            .field("profiles", &self.profiles)
            .field("sources", &self.sources())
            .finish_non_exhaustive()
    }
}
