//! From the name of an environment variable to the key that it gives.

use bindery_core::{PropertyDef, PropertyType, relaxed};

use super::{Level, Schema, Step};
use crate::config::key::{Key, Segment};

impl Schema {
    /// The key that an environment variable gives, where the tables have a place for it.
    pub(crate) fn key_of_variable(&self, tokens: &[&str]) -> Option<Key> {
        let canonical: Vec<String> = tokens.iter().map(|token| token.to_lowercase()).collect();
        let canonical = match &canonical[..] {
            [a, b, c, rest @ ..] if a == "spring" && b == "cloud" && c == "stream" => {
                [&["stream".to_owned()], rest].concat()
            }
            other => other.to_vec(),
        };
        let mut best: Option<(usize, Key)> = None;
        for level in &self.levels {
            level.variable(&canonical, &mut best);
        }
        best.map(|(_, key)| key)
    }
}

impl Level {
    /// Reads the parts of a variable's name as a key of this level's table. Of several readings the one with the
    /// shortest names counts.
    fn variable(&self, tokens: &[String], best: &mut Option<(usize, Key)>) {
        let Some(name) = self.steps.iter().position(|step| *step == Step::Name) else {
            if let Some(rest) = words_then(&self.steps, tokens) {
                self.variable_property(&[], "", &[], rest, best);
            }
            return;
        };
        let Some(after) = words_then(&self.steps[..name], tokens) else {
            return;
        };
        for taken in 1..after.len() {
            let given = after[..taken].join("_");
            if let Some(rest) = words_then(&self.steps[name + 1..], &after[taken..]) {
                self.variable_property(&self.steps[..name], &given, &self.steps[name + 1..], rest, best);
            }
        }
    }

    fn variable_property(
        &self,
        before: &[Step],
        name: &str,
        after: &[Step],
        rest: &[String],
        best: &mut Option<(usize, Key)>,
    ) {
        let Some(property) = self.table.iter().find_map(|def| variable_matches(def, rest)) else {
            return;
        };
        if best.as_ref().is_some_and(|(length, _)| *length <= name.len()) {
            return;
        }
        let steps = if name.is_empty() { &self.steps[..] } else { before };
        let mut segments: Vec<Segment> = words(steps);
        if !name.is_empty() {
            segments.push(Segment::plain(name));
            segments.extend(words(after));
        }
        if let Ok(property) = Key::parse(&property) {
            *best = Some((name.len(), Key(segments).join(&property)));
        }
    }
}

fn words(steps: &[Step]) -> Vec<Segment> {
    steps
        .iter()
        .filter_map(|step| match step {
            Step::Word(word) => Some(Segment::plain(word)),
            Step::Name => None,
        })
        .collect()
}

/// What is left of `tokens` after words that they spell, each with one token or several.
fn words_then<'t>(steps: &[Step], tokens: &'t [String]) -> Option<&'t [String]> {
    let mut rest = tokens;
    for step in steps {
        let Step::Word(word) = step else { return None };
        let mut spelled = String::new();
        while spelled.len() < word.len() {
            let (token, after) = rest.split_first()?;
            spelled.push_str(token);
            rest = after;
        }
        if spelled != *word {
            return None;
        }
    }
    Some(rest)
}

/// The key below its level that a variable's last parts give, if they spell this property.
fn variable_matches(def: &PropertyDef, tokens: &[String]) -> Option<String> {
    let wanted = relaxed(&def.name.replace('.', ""));
    let open = matches!(def.accepts, PropertyType::Map | PropertyType::Any);
    let mut spelled = String::new();
    let mut rest = tokens;
    while spelled.len() < wanted.len() {
        let (token, after) = rest.split_first()?;
        spelled.push_str(token);
        rest = after;
    }
    if spelled != wanted {
        return None;
    }
    match (rest, def.accepts) {
        ([], _) => Some(def.name.to_owned()),
        ([index], PropertyType::List) if index.parse::<usize>().is_ok() => {
            Some(format!("{}[{index}]", def.name))
        }
        (rest, _) if open => Some(format!("{}.{}", def.name, rest.join("."))),
        _ => None,
    }
}
