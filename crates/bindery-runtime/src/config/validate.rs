//! Validation: every property of our tree is matched to its table, and its value to its type. All problems are found.

use std::sync::Arc;

use bindery_core::{BinderFactory, PropertyDef, PropertyType, Support};
use serde_json::{Map, Value};

use super::key::Segment;
use super::placeholder::Placeholders;
use super::properties::Properties;
use super::property::{Given, Property};
use super::schema::{Match, Place, Schema, Scope, Unknown, name_continues, name_is, name_leads};
use super::settings::{Named, Setting, Tree};
use super::value::{accepted, convert};
use super::{Problem, Warning, nearest, secrets};

/// Checks every property; the settings are those that are right.
pub(crate) fn validate(
    properties: &Properties,
    schema: &Schema,
    factories: &[Arc<dyn BinderFactory>],
    problems: &mut Vec<Problem>,
    warnings: &mut Vec<Warning>,
) -> Tree {
    let mut validator = Validator {
        schema,
        factories,
        placeholders: properties.placeholders(),
        tree: Tree::default(),
        problems,
        warnings,
    };
    for property in properties.merged.values() {
        validator.property(property);
    }
    validator.tree
}

struct Validator<'a> {
    schema: &'a Schema,
    factories: &'a [Arc<dyn BinderFactory>],
    placeholders: Placeholders<'a>,
    tree: Tree,
    problems: &'a mut Vec<Problem>,
    warnings: &'a mut Vec<Warning>,
}

impl Validator<'_> {
    fn property(&mut self, property: &Arc<Property>) {
        let segments = property.key.segments();
        let Some(found) = self.schema.find(&segments) else {
            return;
        };
        self.name(property, &segments);
        if found.rest.is_empty() {
            self.group(property);
            return;
        }
        if let Some((def, taken)) = definition(found.level.table, &found.rest) {
            self.defined(property, &found, def, taken);
        } else {
            self.undefined(property, &found);
        }
    }

    /// Keeps the names of bindings and binders, also of those that have no property.
    fn name(&mut self, property: &Property, segments: &[Segment]) {
        let words: Vec<&str> = segments
            .iter()
            .take(3)
            .map(|segment| segment.canonical.as_str())
            .collect();
        let named = |depth: usize| {
            let (key, at) = property.above(segments.len() - depth - 1);
            Named {
                given: segments[depth].given.clone(),
                key: key.to_string(),
                at,
            }
        };
        match words[..] {
            ["stream", "bindings", name] => {
                self.tree
                    .bindings
                    .entry(name.to_owned())
                    .or_insert_with(|| named(2));
            }
            ["stream", "binders", name] => {
                self.tree
                    .binders
                    .entry(name.to_owned())
                    .or_insert_with(|| named(2));
            }
            ["stream", kind, "bindings"] if segments.len() > 3 => {
                let factory = self.factories.iter().find(|factory| factory.kind() == kind);
                if let Some(factory) = factory {
                    let key = (factory.kind().into(), segments[3].canonical.clone());
                    self.tree.kind_bindings.entry(key).or_insert_with(|| named(3));
                }
            }
            _ => {}
        }
        if let ["stream", kind, ..] = words[..]
            && let Some(factory) = self.factories.iter().find(|factory| factory.kind() == kind)
        {
            self.tree
                .kinds_mentioned
                .entry(factory.kind().into())
                .or_insert_with(|| named(1));
        }
    }

    /// A level's own key with a value in place of properties.
    fn group(&mut self, property: &Property) {
        if property.value != Given::Null {
            self.refuse(property, "a group of properties is expected here, not a value");
        }
    }

    fn defined(
        &mut self,
        property: &Arc<Property>,
        found: &Match<'_>,
        def: &'static PropertyDef,
        taken: usize,
    ) {
        let def = match def.support {
            Support::Works => def,
            Support::NotYet => return self.warn(property, "not supported yet: it has no effect"),
            Support::JvmOnly(instead) => return self.warn(property, instead),
            Support::AliasOf(name) => {
                let Some(meant) = found.level.table.iter().find(|known| known.name == name) else {
                    return;
                };
                self.warn(property, format!("read as `{name}`"));
                if meant.support != Support::Works {
                    return;
                }
                meant
            }
        };
        let below = &found.rest[taken..];
        let open = matches!(def.accepts, PropertyType::Map | PropertyType::Any);
        if !below.is_empty() && !open {
            let message = format!("`{}` takes {}, not a group", def.name, accepted(def.accepts));
            return self.refuse(property, message);
        }
        let given = match self.placeholders.value_of(property) {
            Ok(given) => given,
            Err(message) => return self.refuse(property, message),
        };
        if given == Given::Null {
            return;
        }
        match typed(def, below, &given) {
            Ok(value) => {
                let setting = Setting::new(value, property.clone());
                self.tree.put(found.place.clone(), def.name, setting);
            }
            Err(message) => self.refuse_value(property, def, &given, message),
        }
    }

    fn undefined(&mut self, property: &Property, found: &Match<'_>) {
        let (level, rest) = (found.level, &found.rest);
        let continues = level.table.iter().any(|def| name_continues(def, rest));
        let words = self.schema.words_below(level);
        let is_group = continues || (rest.len() == 1 && words.contains(&rest[0].canonical.as_str()));
        if is_group {
            return self.group(property);
        }
        let given: Vec<&str> = rest.iter().map(|segment| segment.given.as_str()).collect();
        let mut candidates: Vec<&str> = level.table.iter().map(|def| def.name).collect();
        candidates.extend(words);
        let hint = match level.unknown {
            Unknown::RefusedIfClose | Unknown::Warned(_) => closest(&given, &candidates, true),
            Unknown::Refused => closest(&given, &candidates, false),
        };
        match (level.unknown, hint) {
            (Unknown::RefusedIfClose, None) => {}
            (Unknown::Warned(why), None) => {
                let (key, at) = property.above(rest.len() - 1);
                self.warnings.push(Warning::new(at, key, why));
            }
            (_, Some((near, parts))) => {
                let message = format!("unknown property; did you mean `{near}`?");
                self.unknown(property, rest.len() - parts, message);
            }
            (Unknown::Refused, None) => {
                let elsewhere = self.schema.levels_with(rest);
                let message = match (elsewhere.first(), found.place.clone()) {
                    (Some(level), _) => {
                        format!("unknown property here; it belongs below `{level}`")
                    }
                    (None, Place::KindBinding(..)) if level.table.is_empty() => {
                        "unknown property; below a binding's name come `consumer` and `producer`".to_owned()
                    }
                    (None, _) => format!("unknown property; known here: {}", listed(&candidates)),
                };
                let parts = if elsewhere.is_empty() { 1 } else { rest.len() };
                self.unknown(property, rest.len() - parts, message);
            }
        }
    }

    /// A problem with a key, whose last `below` segments are beside the point.
    fn unknown(&mut self, property: &Property, below: usize, message: String) {
        let (key, at) = property.above(below);
        self.problems.push(Problem::new(at, key, message));
    }

    /// A problem with the value's place, without the value.
    fn refuse(&mut self, property: &Property, message: impl Into<String>) {
        self.problems
            .push(Problem::new(property.value_at.clone(), &property.key, message));
    }

    fn refuse_value(&mut self, property: &Property, def: &PropertyDef, given: &Given, message: String) {
        let problem = Problem::new(property.value_at.clone(), &property.key, message);
        let shown = match given {
            Given::Scalar { text, .. } if def.accepts != PropertyType::Secret => {
                secrets::shown(&property.key, text)
            }
            _ => None,
        };
        self.problems.push(match shown {
            Some(text) => problem.found(text),
            None => problem,
        });
    }

    fn warn(&mut self, property: &Property, message: impl Into<String>) {
        self.warnings
            .push(Warning::new(property.key_at(), &property.key, message));
    }
}

/// The definition of a key below its level, and how many segments its name takes. The longest name counts.
fn definition(table: &'static [PropertyDef], rest: &[Segment]) -> Option<(&'static PropertyDef, usize)> {
    if let Some(exact) = table.iter().find(|def| name_is(def, rest)) {
        return Some((exact, rest.len()));
    }
    table
        .iter()
        .filter_map(|def| Some((def, name_leads(def, rest)?)))
        .max_by_key(|(_, taken)| *taken)
}

fn typed(def: &PropertyDef, below: &[Segment], given: &Given) -> Result<Value, String> {
    if below.is_empty() {
        return match def.accepts {
            PropertyType::Map => Err(format!("accepted: {}", accepted(def.accepts))),
            accepts => convert(accepts, given),
        };
    }
    let names: Vec<&str> = below.iter().map(|segment| segment.given.as_str()).collect();
    let value = match (def.accepts, given) {
        (PropertyType::Map, Given::List(items)) => {
            let texts: Vec<&str> = items.iter().map(|(text, _)| text.as_str()).collect();
            Value::from(texts.join(","))
        }
        (accepts, given) => convert(accepts, given)?,
    };
    Ok(Value::Object(Map::from_iter([(names.join("."), value)])))
}

/// The candidate nearest to a key's rest, as a whole or by its first part, and how many parts were mistaken.
fn closest<'c>(given: &[&str], candidates: &[&'c str], slips_only: bool) -> Option<(&'c str, usize)> {
    let find = |name: &str, among: Vec<&'c str>| {
        if slips_only {
            nearest::slip(name, among)
        } else {
            nearest::nearest(name, among)
        }
    };
    if let Some(near) = find(&given.join("."), candidates.to_vec()) {
        return Some((near, given.len()));
    }
    let first = given.first()?;
    let firsts = candidates
        .iter()
        .map(|candidate| candidate.split('.').next().unwrap_or(candidate));
    let near = find(first, firsts.collect())?;
    (bindery_core::relaxed(first) != bindery_core::relaxed(near)).then_some((near, 1))
}

fn listed(candidates: &[&str]) -> String {
    let mut firsts: Vec<&str> = candidates
        .iter()
        .map(|candidate| candidate.split('.').next().unwrap_or(candidate))
        .collect();
    firsts.sort_unstable();
    firsts.dedup();
    if firsts.is_empty() {
        return "nothing".to_owned();
    }
    let more = firsts.len() > 12;
    firsts.truncate(12);
    let quoted: Vec<String> = firsts.iter().map(|first| format!("`{first}`")).collect();
    format!("{}{}", quoted.join(", "), if more { ", …" } else { "" })
}

/// The scope of a binding's canonical name.
pub(crate) fn named(name: &str) -> Scope {
    Scope::Named(name.to_owned())
}
