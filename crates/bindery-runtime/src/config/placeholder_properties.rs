//! Whatever properties and variables there are and however they name each other: what a placeholder stands for is what
//! a small model says, and nothing is expanded twice.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::config::Origin;
use crate::config::key::Key;

const KEYS: [&str; 4] = ["a", "b.c", "long-name", "d[0]"];

/// A text, by its parts.
type Parts = Vec<Part>;

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    /// `\${name}`: means itself.
    Escaped(&'static str),
    Reference {
        name: &'static str,
        default: Option<Parts>,
    },
}

/// A property, or a variable of the environment.
#[derive(Clone, Debug)]
enum Source {
    /// Its placeholders are expanded.
    Text(Parts),
    /// It is taken as it is.
    Literal(String),
}

fn name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(KEYS.to_vec())
}

fn parts() -> impl Strategy<Value = Parts> {
    let text = || "[a-z0-9 :/.$é-]{0,6}".prop_map(Part::Text);
    let reference = |default| (name(), default).prop_map(|(name, default)| Part::Reference { name, default });
    let leaf = prop_oneof![
        text(),
        name().prop_map(Part::Escaped),
        reference(Just(None).boxed())
    ];
    let inner = prop::collection::vec(leaf, 0..3);
    let part = prop_oneof![
        text(),
        name().prop_map(Part::Escaped),
        reference(prop::option::of(inner).boxed())
    ];
    prop::collection::vec(part, 0..4)
}

fn sources() -> impl Strategy<Value = BTreeMap<&'static str, Source>> {
    let literal = prop_oneof![
        "[ -~é]{0,10}",
        Just("${a}".to_owned()),
        Just("${".to_owned()),
        Just("\\${b.c:x}".to_owned()),
    ];
    let source = prop_oneof![3 => parts().prop_map(Source::Text), 1 => literal.prop_map(Source::Literal)];
    prop::collection::btree_map(name(), source, 0..=KEYS.len())
}

fn variables() -> impl Strategy<Value = BTreeMap<&'static str, String>> {
    prop::collection::btree_map(name(), "[ -~é]{0,8}", 0..3)
}

fn written(parts: &Parts) -> String {
    let one = |part: &Part| match part {
        Part::Text(text) => text.clone(),
        Part::Escaped(name) => format!("\\${{{name}}}"),
        Part::Reference { name, default: None } => format!("${{{name}}}"),
        Part::Reference {
            name,
            default: Some(default),
        } => format!("${{{name}:{}}}", written(default)),
    };
    parts.iter().map(one).collect()
}

struct Model<'a> {
    sources: &'a BTreeMap<&'static str, Source>,
    variables: &'a BTreeMap<&'static str, String>,
}

impl Model<'_> {
    /// What the text stands for, or the name that has no value.
    fn value(&self, parts: &Parts, within: &[&'static str]) -> Result<String, &'static str> {
        let one = |part: &Part| match part {
            Part::Text(text) => Ok(text.clone()),
            Part::Escaped(name) => Ok(format!("${{{name}}}")),
            Part::Reference { name, default } => {
                let known = self.sources.get(name).filter(|_| !within.contains(name));
                match (known, self.variables.get(name), default) {
                    (Some(Source::Literal(text)), ..) => Ok(text.clone()),
                    (Some(Source::Text(parts)), ..) => self.value(parts, &[within, &[name]].concat()),
                    (None, Some(text), _) => Ok(text.clone()),
                    (None, None, Some(default)) => self.value(default, within),
                    (None, None, None) => Err(*name),
                }
            }
        };
        parts.iter().map(one).collect()
    }
}

fn merged(sources: &BTreeMap<&'static str, Source>) -> Merged {
    let property = |(name, source): (&&'static str, &Source)| {
        let key = Key::parse(name).unwrap();
        let canonical = key.canonical();
        let mut property = match source {
            Source::Text(parts) => Property::text(key, written(parts), Origin::Code),
            Source::Literal(text) => Property::text(key, text.clone(), Origin::Code),
        };
        property.literal = matches!(source, Source::Literal(_));
        (canonical, Arc::new(property))
    };
    sources.iter().map(property).collect()
}

/// The name of the environment's variable that reads the same as a key.
fn variable(name: &str) -> String {
    name.to_uppercase().replace(['.', '-', '['], "_").replace(']', "")
}

fn environment(variables: &BTreeMap<&'static str, String>) -> Environment {
    let variables = variables.iter();
    Environment::new(variables.map(|(name, value)| (variable(name), value.clone())))
}

proptest! {
    #[test]
    fn a_placeholder_stands_for_what_the_model_says(sources in sources(), variables in variables(), parts in parts()) {
        let (merged, environment) = (merged(&sources), environment(&variables));
        let placeholders = Placeholders { merged: &merged, environment: &environment };
        let key = Key::parse("the.value").unwrap();
        let property = Property::text(key, written(&parts), Origin::Code);
        let expected = Model { sources: &sources, variables: &variables }.value(&parts, &[]);
        match (placeholders.value_of(&property), expected) {
            (Ok(Given::Scalar { text, .. }), expected) => prop_assert_eq!(Ok(text), expected),
            (Err(error), Err(name)) => prop_assert!(error.contains(&format!("`{name}`")), "{error}"),
            (got, expected) => prop_assert!(false, "{:?} is not {expected:?}", got.err()),
        }
    }

    #[test]
    fn no_text_makes_it_panic(
        sources in sources(), variables in variables(), text in "[$\\{\\}:\\\\ab.c\\[\\]é ]{0,40}",
    ) {
        let (merged, environment) = (merged(&sources), environment(&variables));
        let placeholders = Placeholders { merged: &merged, environment: &environment };
        let result = placeholders.expand(&text, &mut Path::default());
        let is_plain = !text.contains("${");
        prop_assert!(!is_plain || result == Ok(text));
    }

    #[test]
    fn keys_that_only_name_each_other_are_an_error_that_names_them(length in 1..10_usize, start in 0..10_usize) {
        let merged: Merged = (0..length)
            .map(|n| {
                let key = Key::parse(&format!("k{n}")).unwrap();
                let text = format!("${{k{}}}", (n + 1) % length);
                (key.canonical(), Arc::new(Property::text(key, text, Origin::Code)))
            })
            .collect();
        let environment = Environment::default();
        let placeholders = Placeholders { merged: &merged, environment: &environment };
        let start = format!("k{}", start % length);
        let error = placeholders.expand(&format!("${{{start}}}"), &mut Path::default()).unwrap_err();
        prop_assert!(error.contains(&format!("`{start}` refers to itself")), "{error}");
    }
}
