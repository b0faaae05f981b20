//! Layering, through the `config` crate.
//!
//! Each of our sources is a [`config::Source`], and [`config::Config`] merges them: the last source that has a key wins,
//! lists are replaced as a whole. Two things don't fit that crate, so they are kept beside it. It has one text per value
//! for the origin, and we need file, line, column and the given spelling: its origin is the number of the property in
//! our layers. And it splits keys at dots into nested tables, where `logging.level.app` and `logging.level.app.db`
//! can't both have a value: its keys are our whole canonical keys, in one table.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use config::{Config, ConfigError, Map, Source, Value, ValueKind};

use super::property::{Given, Layer, Property};

/// The table under which every property is kept.
const TABLE: &str = "properties";

/// The properties that won, by canonical key.
pub(crate) type Merged = BTreeMap<String, Arc<Property>>;

/// A layer with its number, as a source of the `config` crate.
#[derive(Clone)]
struct Numbered {
    number: usize,
    layer: Layer,
}

impl fmt::Debug for Numbered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.layer.name)
    }
}

impl Source for Numbered {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        let mut table: Map<String, Value> = Map::new();
        for (index, property) in self.layer.properties.iter().enumerate() {
            let origin = format!("{}/{index}", self.number);
            let kind = match &property.value {
                Given::Null => ValueKind::Nil,
                Given::Scalar { text, .. } => ValueKind::String(text.clone()),
                Given::List(items) => items
                    .iter()
                    .map(|(text, _)| Value::from(text.as_str()))
                    .collect::<Vec<_>>()
                    .into(),
            };
            table.insert(property.key.canonical(), Value::new(Some(&origin), kind));
        }
        Ok(Map::from_iter([(TABLE.to_owned(), Value::from(table))]))
    }
}

/// Merges layers, the last with the highest precedence.
pub(crate) fn merge(layers: &[Layer]) -> Merged {
    let sources = layers.iter().enumerate().map(|(number, layer)| Numbered {
        number,
        layer: layer.clone(),
    });
    let built = sources
        .fold(Config::builder(), |builder, source| builder.add_source(source))
        .build();
    let table = built.and_then(|merged| merged.get_table(TABLE));
    let Ok(table) = table else {
        return Merged::new();
    };
    table
        .into_iter()
        .filter_map(|(key, value)| {
            let (layer, index) = value.origin()?.split_once('/')?;
            let layer = layers.get(layer.parse::<usize>().ok()?)?;
            let property = layer.properties.get(index.parse::<usize>().ok()?)?;
            Some((key, property.clone()))
        })
        .collect()
}
