//! Whatever way a key is spelled, it is one key; whatever a text is, reading it as a key never panics.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::config::Origin;
use crate::config::environment::Environment;
use crate::config::layers::{Merged, merge};
use crate::config::property::{Given, Layer, Property};

/// A segment by its words.
type Words = Vec<String>;

#[derive(Clone, Copy, Debug)]
enum Spelling {
    Kebab,
    Camel,
    Snake,
    Upper,
    Bracketed,
}

fn words() -> impl Strategy<Value = Words> {
    prop::collection::vec("[a-z][a-z0-9]{0,4}", 1..4)
}

fn key() -> impl Strategy<Value = Vec<Words>> {
    prop::collection::vec(words(), 1..6)
}

fn spelling() -> impl Strategy<Value = Spelling> {
    prop::sample::select(vec![
        Spelling::Kebab,
        Spelling::Camel,
        Spelling::Snake,
        Spelling::Upper,
        Spelling::Bracketed,
    ])
}

fn spelled(words: &Words, spelling: Spelling) -> String {
    match spelling {
        Spelling::Kebab | Spelling::Bracketed => words.join("-"),
        Spelling::Snake => words.join("_"),
        Spelling::Upper => words.join("_").to_uppercase(),
        Spelling::Camel => {
            let capital = |word: &String| format!("{}{}", word[..1].to_uppercase(), &word[1..]);
            let rest: String = words[1..].iter().map(capital).collect();
            format!("{}{rest}", words[0])
        }
    }
}

/// A key in which each segment has a spelling of its own.
fn dotted(segments: &[Words], spellings: &[Spelling]) -> String {
    let mut key = String::new();
    for (segment, spelling) in segments.iter().zip(spellings.iter().cycle()) {
        let segment = spelled(segment, *spelling);
        match spelling {
            Spelling::Bracketed => key.push_str(&format!("[{segment}]")),
            _ if key.is_empty() => key.push_str(&segment),
            _ => key.push_str(&format!(".{segment}")),
        }
    }
    key
}

fn variable(segments: &[Words]) -> String {
    let segments: Vec<String> = segments
        .iter()
        .map(|words| spelled(words, Spelling::Upper))
        .collect();
    segments.join("_")
}

fn canonical(text: &str) -> String {
    Key::parse(text).unwrap().canonical()
}

proptest! {
    #[test]
    fn every_spelling_is_the_same_key(
        segments in key(),
        one in prop::collection::vec(spelling(), 6),
        other in prop::collection::vec(spelling(), 6),
        root in prop::sample::select(vec!["", "stream.", "server."]),
    ) {
        let text = |spellings: &[Spelling], root: &str| match root {
            "" => dotted(&segments, spellings),
            // A bracket stands without a dot before it.
            root => format!("{root}{}", dotted(&segments, spellings)).replace(".[", "["),
        };
        prop_assert_eq!(canonical(&text(&one, root)), canonical(&text(&other, root)));
        if root == "stream." {
            prop_assert_eq!(canonical(&text(&one, root)), canonical(&text(&other, "spring.cloud.stream.")));
        }
    }

    #[test]
    fn a_variable_overrides_the_key_that_reads_the_same(
        segments in key(), spellings in prop::collection::vec(spelling(), 6), short in any::<bool>(),
    ) {
        let text = format!("stream.x.{}", dotted(&segments, &spellings)).replace(".[", "[");
        let key = Key::parse(&text).unwrap();
        let property = Property::text(key.clone(), "given", Origin::Code);
        let given = Layer::new("given", vec![property]);
        let root = if short { "STREAM_X_" } else { "SPRING_CLOUD_STREAM_X_" };
        let environment = Environment::new([(format!("{root}{}", variable(&segments)), "${over}".to_owned())]);
        let known: Merged = merge(std::slice::from_ref(&given));
        let merged = merge(&[given, environment.layer(&known, None)]);
        let winner: &Arc<Property> = &merged[&key.canonical()];
        let is_over = matches!(&winner.value, Given::Scalar { text, .. } if text == "${over}");
        prop_assert!(is_over && winner.literal && merged.len() == 1);
    }

    #[test]
    fn what_is_canonical_stays_as_it_is_and_what_is_shown_is_read_again(text in "[a-cA-C0-9._\\[\\]é -]{0,20}") {
        let Ok(key) = Key::parse(&text) else { return Ok(()) };
        let canonical = key.canonical();
        prop_assert_eq!(Key::parse(&canonical).map(|key| key.canonical()), Ok(canonical.clone()));
        prop_assert_eq!(Key::parse(&key.to_string()).map(|key| key.canonical()), Ok(canonical));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,30}|[.\\[\\]-]{0,12}") {
        if let Ok(key) = Key::parse(&text) {
            prop_assert!(key.segments().iter().all(|segment| !segment.canonical.is_empty()), "{key}");
            let _ = (key.list(), key.item(3).list());
        }
    }
}
