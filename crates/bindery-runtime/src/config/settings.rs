//! Settings: typed values by place, after every key and value was checked against its table.

use std::collections::BTreeMap;
use std::sync::Arc;

use bindery_core::Options;
use serde_json::Value;

use super::Origin;
use super::property::Property;
use super::schema::Place;

/// A checked value with the property that gave it.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) value: Value,
    pub(crate) property: Arc<Property>,
    /// Of a map: the property of each entry.
    parts: Vec<(String, Arc<Property>)>,
}

impl Setting {
    /// A value; an object holds the one entry of a map that its property gave.
    pub(crate) fn new(value: Value, property: Arc<Property>) -> Self {
        let entries = value.as_object().into_iter().flatten();
        let parts = entries.map(|(key, _)| (key.clone(), property.clone())).collect();
        Self {
            value,
            property,
            parts,
        }
    }

    /// The property that gave an entry of a map.
    pub(crate) fn part(&self, key: &str) -> &Arc<Property> {
        let found = self.parts.iter().rev().find(|(known, _)| known == key);
        found.map_or(&self.property, |(_, property)| property)
    }
}

/// The settings of one level, by the canonical names of its table.
#[derive(Clone, Default)]
pub(crate) struct Settings(BTreeMap<&'static str, Setting>);

impl Settings {
    /// Keeps a value; entries of a map are added to those it has.
    pub(crate) fn put(&mut self, name: &'static str, setting: Setting) {
        match (self.0.get_mut(name), setting.value) {
            (Some(known), Value::Object(entries)) => {
                known.parts.extend(setting.parts);
                match &mut known.value {
                    Value::Object(all) => all.extend(entries),
                    other => *other = Value::Object(entries),
                }
            }
            (_, value) => {
                self.0.insert(name, Setting { value, ..setting });
            }
        }
    }

    /// These settings over those of a more general level.
    pub(crate) fn over(&self, general: &Self) -> Self {
        let mut all = general.clone();
        for (name, setting) in &self.0 {
            all.put(name, setting.clone());
        }
        all
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Setting> {
        self.0.get(name)
    }

    /// These settings without one.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    /// Any of the settings.
    pub(crate) fn first(&self) -> Option<&Setting> {
        self.0.values().next()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.value.as_str()
    }

    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.get(name)?.value.as_bool()
    }

    /// A number that its table bounds to what the caller expects.
    pub(crate) fn number<N: TryFrom<i64>>(&self, name: &str) -> Option<N> {
        N::try_from(self.get(name)?.value.as_i64()?).ok()
    }

    pub(crate) fn float(&self, name: &str) -> Option<f64> {
        self.get(name)?.value.as_f64()
    }

    pub(crate) fn duration(&self, name: &str) -> Option<std::time::Duration> {
        Some(std::time::Duration::from_millis(self.get(name)?.value.as_u64()?))
    }

    pub(crate) fn list(&self, name: &str) -> Option<Vec<&str>> {
        let items = self.get(name)?.value.as_array()?;
        Some(items.iter().filter_map(Value::as_str).collect())
    }

    /// The entries of a map.
    pub(crate) fn entries(&self, name: &str) -> Vec<(&str, &str)> {
        let Some(Value::Object(entries)) = self.get(name).map(|setting| &setting.value) else {
            return Vec::new();
        };
        entries
            .iter()
            .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
            .collect()
    }

    /// The settings as a binder takes them.
    pub(crate) fn options(&self) -> Options {
        Options(
            self.0
                .iter()
                .map(|(name, setting)| ((*name).to_owned(), setting.value.clone()))
                .collect(),
        )
    }
}

/// A name that the configuration chose, with its spelling and the place where it was first given.
#[derive(Clone)]
pub(crate) struct Named {
    pub(crate) given: String,
    /// The key up to the name, as it was given.
    pub(crate) key: String,
    pub(crate) at: Origin,
}

/// All settings.
#[derive(Clone, Default)]
pub(crate) struct Tree {
    places: BTreeMap<Place, Settings>,
    /// Names below `stream.bindings`, by canonical name.
    pub(crate) bindings: BTreeMap<String, Named>,
    /// Names below `stream.binders`.
    pub(crate) binders: BTreeMap<String, Named>,
    /// Names below `stream.<kind>.bindings`, by kind.
    pub(crate) kind_bindings: BTreeMap<(Arc<str>, String), Named>,
    /// Kinds with any property below `stream.<kind>`, with the first of them.
    pub(crate) kinds_mentioned: BTreeMap<Arc<str>, Named>,
}

impl Tree {
    pub(crate) fn put(&mut self, place: Place, name: &'static str, setting: Setting) {
        self.places.entry(place).or_default().put(name, setting);
    }

    /// The settings of a place; none when nothing was given there.
    pub(crate) fn at(&self, place: &Place) -> Settings {
        self.places.get(place).cloned().unwrap_or_default()
    }

    /// Whether anything was given at a place.
    pub(crate) fn has(&self, place: &Place) -> bool {
        self.places
            .get(place)
            .is_some_and(|settings| !settings.is_empty())
    }
}
