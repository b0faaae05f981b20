//! Properties as they were given: a key, a value that is still text, and the places of both.

use std::sync::Arc;

use super::Origin;
use super::key::Key;

/// A value as it was given.
#[derive(Clone, PartialEq)]
pub(crate) enum Given {
    /// Nothing, `~`, `null`, or an empty map: the key is there and has no value.
    Null,
    /// Text. Numbers and truth values stay text until a definition says what they are.
    Scalar {
        /// The text.
        text: String,
        /// Whether it stood without quotes.
        plain: bool,
    },
    /// A list of texts with their places.
    List(Vec<(String, Origin)>),
}

/// One property of one source.
#[derive(Clone, PartialEq)]
pub(crate) struct Property {
    pub(crate) key: Key,
    pub(crate) value: Given,
    /// The place of every segment of the key.
    pub(crate) places: Vec<Origin>,
    pub(crate) value_at: Origin,
    /// Whether the value is taken as it is: placeholders in it mean nothing.
    pub(crate) literal: bool,
}

impl Property {
    /// A property with a text, given at one place.
    pub(crate) fn text(key: Key, text: impl Into<String>, at: Origin) -> Self {
        Self {
            places: vec![at.clone(); key.0.len()],
            key,
            value: Given::Scalar {
                text: text.into(),
                plain: true,
            },
            value_at: at,
            literal: false,
        }
    }

    /// The place of the whole key: of its last segment.
    pub(crate) fn key_at(&self) -> Origin {
        self.places.last().unwrap_or(&self.value_at).clone()
    }

    /// The key without its last `below` segments, and its place.
    pub(crate) fn above(&self, below: usize) -> (Key, Origin) {
        let length = self.key.0.len().saturating_sub(below);
        let place = self.places.get(length.wrapping_sub(1));
        (
            Key(self.key.0[..length].to_vec()),
            place.unwrap_or(&self.value_at).clone(),
        )
    }
}

/// Makes lists of the properties whose keys end in an index: `groups[0]`, `groups[1]`.
pub(crate) fn fold_lists(properties: Vec<Property>) -> Vec<Property> {
    let mut folded: Vec<Property> = Vec::new();
    let mut lists: Vec<(String, Key, Vec<(usize, Property)>)> = Vec::new();
    for property in properties {
        match (property.key.list(), &property.value) {
            (Some((key, index)), Given::Scalar { .. }) => {
                let canonical = key.canonical();
                match lists.iter_mut().find(|(known, ..)| *known == canonical) {
                    Some((.., items)) => items.push((index, property)),
                    None => lists.push((canonical, key, vec![(index, property)])),
                }
            }
            _ => folded.push(property),
        }
    }
    for (_, key, mut items) in lists {
        items.sort_by_key(|(index, _)| *index);
        let (mut places, value_at, literal) = {
            let first = &items[0].1;
            (first.places.clone(), first.value_at.clone(), first.literal)
        };
        places.truncate(key.0.len());
        let texts = items
            .into_iter()
            .filter_map(|(_, item)| match item.value {
                Given::Scalar { text, .. } => Some((text, item.value_at)),
                _ => None,
            })
            .collect();
        folded.push(Property {
            key,
            value: Given::List(texts),
            places,
            value_at,
            literal,
        });
    }
    folded
}

/// The properties of one source, in rising precedence with others.
#[derive(Clone)]
pub(crate) struct Layer {
    pub(crate) name: Arc<str>,
    pub(crate) properties: Arc<Vec<Arc<Property>>>,
}

impl Layer {
    /// A layer of the given properties.
    pub(crate) fn new(name: impl Into<Arc<str>>, properties: Vec<Property>) -> Self {
        Self {
            name: name.into(),
            properties: Arc::new(fold_lists(properties).into_iter().map(Arc::new).collect()),
        }
    }
}
