//! From the nodes of a document to properties with dotted keys.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::{At, Document, Kind, Node};
use crate::config::key::Key;
use crate::config::property::{Given, Property, fold_lists};
use crate::config::{Origin, Problem};

pub(super) fn flatten(file: &Arc<str>, root: &Node, problems: &mut Vec<Problem>) -> Document {
    let mut flattener = Flattener {
        file: file.clone(),
        properties: Vec::new(),
        places: Vec::new(),
        problems,
    };
    match &root.kind {
        Kind::Map(entries) => flattener.entries(&Key::default(), entries),
        Kind::Scalar { text, plain: true } if is_null(text) => {}
        _ => {
            let origin = flattener.origin(root.at);
            flattener.problems.push(Problem::new(
                origin,
                "",
                "a configuration document is a map of keys and values",
            ));
        }
    }
    let Flattener { properties, .. } = flattener;
    Document {
        properties: without_duplicates(fold_lists(properties), problems),
    }
}

struct Flattener<'p> {
    file: Arc<str>,
    properties: Vec<Property>,
    /// The places of the key that is being read, segment by segment.
    places: Vec<Origin>,
    problems: &'p mut Vec<Problem>,
}

impl Flattener<'_> {
    fn origin(&self, at: At) -> Origin {
        Origin::File {
            file: self.file.clone(),
            line: at.line,
            column: at.column,
        }
    }

    fn entries(&mut self, prefix: &Key, entries: &[(String, At, Rc<Node>)]) {
        for (name, at, value) in entries {
            if name == "<<" {
                continue;
            }
            match Key::parse(name) {
                Ok(key) => {
                    let known = self.places.len();
                    let origin = self.origin(*at);
                    self.places.resize(known + key.0.len(), origin);
                    self.value(&prefix.join(&key), value);
                    self.places.truncate(known);
                }
                Err(message) => {
                    let origin = self.origin(*at);
                    self.problems.push(Problem::new(origin, prefix, message));
                }
            }
        }
        for (_, at, value) in entries.iter().filter(|(name, ..)| name == "<<") {
            self.merge(prefix, entries, *at, value);
        }
    }

    /// A merge key: the entries of the named maps that aren't given beside it.
    fn merge(&mut self, prefix: &Key, own: &[(String, At, Rc<Node>)], at: At, value: &Node) {
        match &value.kind {
            Kind::Map(entries) => {
                let new: Vec<_> = entries
                    .iter()
                    .filter(|(name, ..)| own.iter().all(|(known, ..)| known != name || name == "<<"))
                    .cloned()
                    .collect();
                self.entries(prefix, &new);
            }
            Kind::List(maps) => maps.iter().for_each(|map| self.merge(prefix, own, at, map)),
            Kind::Scalar { .. } => {
                let origin = self.origin(at);
                self.problems
                    .push(Problem::new(origin, prefix, "a merge key takes a map"));
            }
        }
    }

    fn value(&mut self, key: &Key, node: &Node) {
        let value = match &node.kind {
            Kind::Scalar { text, plain: true } if is_null(text) => Given::Null,
            Kind::Scalar { text, plain } => Given::Scalar {
                text: text.clone(),
                plain: *plain,
            },
            Kind::Map(entries) if entries.is_empty() => Given::Null,
            Kind::Map(entries) => return self.entries(key, entries),
            Kind::List(items) => match self.texts(items) {
                Some(texts) => Given::List(texts),
                None => {
                    for (index, item) in items.iter().enumerate() {
                        self.places.push(self.origin(item.at));
                        self.value(&key.item(index), item);
                        self.places.pop();
                    }
                    return;
                }
            },
        };
        let value_at = self.origin(node.at);
        self.properties.push(Property {
            key: key.clone(),
            value,
            places: self.places.clone(),
            value_at,
            literal: false,
        });
    }

    /// The items of a list that holds nothing but texts.
    fn texts(&self, items: &[Rc<Node>]) -> Option<Vec<(String, Origin)>> {
        items
            .iter()
            .map(|item| match &item.kind {
                Kind::Scalar { text, .. } => Some((text.clone(), self.origin(item.at))),
                _ => None,
            })
            .collect()
    }
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// Reports keys that are given twice under different spellings; the first one counts.
fn without_duplicates(properties: Vec<Property>, problems: &mut Vec<Problem>) -> Vec<Property> {
    let mut first: HashMap<String, (Origin, String)> = HashMap::new();
    let mut kept = Vec::with_capacity(properties.len());
    for property in properties {
        let canonical = property.key.canonical();
        match first.get(&canonical) {
            Some((at, name)) if property.value != Given::Null => problems.push(Problem::new(
                property.key_at(),
                &property.key,
                format!("given twice; first as `{name}` at {at}"),
            )),
            Some(_) => {}
            None => {
                first.insert(canonical, (property.key_at(), property.key.to_string()));
                kept.push(property);
            }
        }
    }
    kept
}
