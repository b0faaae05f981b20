//! Which profiles are active: those given by code, or those of `spring.profiles.active`, with groups and includes.

use std::sync::Arc;

use super::loading::{File, Loading, code_layer, find, words};
use crate::config::key::Key;
use crate::config::layers::{Merged, merge};
use crate::config::placeholder::Placeholders;
use crate::config::property::{Layer, Property};
use crate::config::{Origin, Problem};

pub(super) const ACTIVE: &str = "spring.profiles.active";
pub(super) const ON_PROFILE: &str = "spring.config.activate.on-profile";
const INCLUDE: &str = "spring.profiles.include";
const GROUP: &str = "spring.profiles.group";

impl Loading {
    /// Decides which profiles are active, before the files that depend on them are read.
    pub(super) fn profiles(&mut self, base: &[File]) {
        let mut layers = vec![code_layer("defaults", &self.given.defaults, &mut Vec::new())];
        for document in base.iter().flat_map(|file| &file.documents) {
            if find(document, ON_PROFILE).is_none() {
                layers.push(Layer::new("file", document.properties.clone()));
            }
        }
        let upper = [&self.json, &self.code, &self.arguments];
        let known = merge(&layers.iter().chain(upper).cloned().collect::<Vec<_>>());
        layers.push(self.environment.layer(&known, None));
        layers.extend(upper.into_iter().cloned());
        let merged = merge(&layers);

        if self.active.is_empty() {
            self.active = self.names(&merged, ACTIVE, true);
        }
        let included = self.names(&merged, INCLUDE, true);
        self.active.splice(0..0, included);
        let mut expanded: Vec<String> = Vec::new();
        for profile in self.active.clone() {
            self.add_with_group(&merged, &profile, &mut expanded);
        }
        self.active = expanded;
    }

    fn add_with_group(&mut self, merged: &Merged, profile: &str, expanded: &mut Vec<String>) {
        if expanded.iter().any(|known| known == profile) {
            return;
        }
        expanded.push(profile.to_owned());
        for member in self.names(merged, &format!("{GROUP}.{profile}"), false) {
            self.add_with_group(merged, &member, expanded);
        }
    }

    /// The names in a list of profiles.
    fn names(&mut self, merged: &Merged, key: &str, environment: bool) -> Vec<String> {
        let canonical = Key::parse(key).map(|key| key.canonical()).unwrap_or_default();
        let property = merged.get(&canonical).cloned().or_else(|| {
            let text = self.environment.get(key).filter(|_| environment)?;
            let at = Origin::Environment(key.to_uppercase().replace('.', "_").into());
            Some(Arc::new(Property::text(Key::parse(key).ok()?, text, at)))
        });
        let Some(property) = property else {
            return Vec::new();
        };
        let placeholders = Placeholders {
            merged,
            environment: &self.environment,
        };
        match placeholders.value_of(&property) {
            Ok(value) => words(&value),
            Err(message) => {
                self.problems
                    .push(Problem::new(property.value_at.clone(), &property.key, message));
                Vec::new()
            }
        }
    }
}
