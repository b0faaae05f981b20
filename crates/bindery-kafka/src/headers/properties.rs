//! Whatever headers a message has: what goes out comes in again, but for the exceptions that the model lists, and no
//! sender can give a message headers that are ours to give.

use std::collections::BTreeMap;

use bindery_core::{CONTENT_TYPE, Glance, HeaderValue, Headers};
use bytes::Bytes;
use proptest::prelude::*;

use super::encoded::{Flags, put, put_flags};
use super::outbound::{Directions, NEVER};
use super::patterns::Patterns;
use super::*;
use crate::time::WRITABLE;

fn name() -> impl Strategy<Value = String> {
    let known: Vec<&str> = [NEVER, RAW].concat();
    let other = ["id", "ID", "deliveryAttempt", CONTENT_TYPE, "dup", "dup2", ""];
    prop_oneof![
        3 => "[a-z-]{1,8}",
        2 => prop::sample::select(other.to_vec()).prop_map(str::to_owned),
        1 => "\\PC{1,10}",
        1 => prop::sample::select(known).prop_map(str::to_owned),
        1 => "[xé]{200,400}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![4 => "\\PC{0,20}", 1 => "\"\\PC{0,5}\"?", 1 => "[0-9.\\[{\"null]{0,6}"]
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), Just(f64::NAN), Just(f64::INFINITY)]
}

fn scalar() -> impl Strategy<Value = HeaderValue> {
    let time = prop_oneof![4 => -10_000_000_000_000..10_000_000_000_000_i64, 1 => any::<i64>()];
    let class = prop::sample::select(vec!["java.math.BigDecimal", "java.util.UUID", "x.Y"]);
    let json = prop_oneof![
        4 => text().prop_map(|text| serde_json::Value::from(text).to_string()),
        1 => Just("1.10".to_owned()),
        1 => Just("no json".to_owned()),
    ];
    prop_oneof![
        Just(HeaderValue::Null),
        any::<bool>().prop_map(HeaderValue::Bool),
        any::<i32>().prop_map(HeaderValue::Int),
        prop_oneof![any::<i64>(), -5..5_i64].prop_map(HeaderValue::Long),
        any_number().prop_map(HeaderValue::Double),
        text().prop_map(HeaderValue::from),
        prop::collection::vec(any::<u8>(), 0..12).prop_map(HeaderValue::from),
        time.prop_map(HeaderValue::Timestamp),
        (class, json).prop_map(|(class, text)| HeaderValue::Json {
            class: class.into(),
            text: text.into()
        }),
    ]
}

fn value() -> impl Strategy<Value = HeaderValue> {
    let nested = scalar().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(HeaderValue::List),
            prop::collection::btree_map("\\PC{0,5}", inner, 0..4)
                .prop_map(|map| HeaderValue::Map(map.into_iter().map(|(k, v)| (k.into(), v)).collect())),
        ]
    });
    prop_oneof![scalar(), nested]
}

fn headers() -> impl Strategy<Value = Headers> {
    prop::collection::vec((name(), value()), 0..10).prop_map(|pairs| pairs.into_iter().collect())
}

/// What senders write as a content type, and what they don't.
fn content_type_bytes() -> impl Strategy<Value = Vec<u8>> {
    let usual: &[&[u8]] = &[
        b"application/json",
        b"text/plain;charset=utf-8",
        b"\"application/json\"",
    ];
    let unusual: &[&[u8]] = &[b"", b"\"\"", b"12", b"[1]", b"/\xff", b"null", b"json"];
    prop::sample::select([usual, unusual].concat()).prop_map(<[u8]>::to_vec)
}

/// What arrives of a value under an ordinary name; nothing when it isn't sent.
fn arrives(value: &HeaderValue) -> Option<HeaderValue> {
    Some(match value {
        HeaderValue::Null => return None,
        HeaderValue::Double(value) if !value.is_finite() => return None,
        // A year of five digits is no date to the reader.
        HeaderValue::Timestamp(millis) if !WRITABLE.contains(millis) => {
            HeaderValue::Bytes(format!("\"{}\"", crate::time::format(*millis)).into())
        }
        // What isn't JSON under a type of its own can't be read as that type.
        HeaderValue::Json { text, .. } if serde_json::from_str::<serde_json::Value>(text).is_err() => {
            HeaderValue::Bytes(Bytes::copy_from_slice(text.as_bytes()))
        }
        HeaderValue::List(values) => HeaderValue::List(values.iter().map(nested).collect()),
        HeaderValue::Map(entries) => {
            HeaderValue::Map(entries.iter().map(|(k, v)| (k.clone(), nested(v))).collect())
        }
        other => other.clone(),
    })
}

/// What arrives of a value within a list or a map: JSON knows texts, numbers and truth values.
fn nested(value: &HeaderValue) -> HeaderValue {
    match value {
        HeaderValue::Long(value) | HeaderValue::Timestamp(value) => match i32::try_from(*value) {
            Ok(value) => HeaderValue::Int(value),
            Err(_) => HeaderValue::Long(*value),
        },
        HeaderValue::Double(value) if !value.is_finite() => HeaderValue::Null,
        HeaderValue::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => HeaderValue::List(bytes.iter().map(|byte| i32::from(*byte).into()).collect()),
        },
        HeaderValue::Json { text, .. } => match serde_json::from_str::<serde_json::Value>(text) {
            Ok(serde_json::Value::String(text)) => text.into(),
            Ok(serde_json::Value::Number(number)) => number.as_f64().unwrap().into(),
            _ => HeaderValue::Text(text.clone()),
        },
        HeaderValue::Null => HeaderValue::Null,
        other => arrives(other).unwrap_or(HeaderValue::Null),
    }
}

/// What arrives of all headers, by name: of a repeated name the last value.
fn all_that_arrives(headers: &Headers) -> BTreeMap<String, HeaderValue> {
    let stays = |name: &str| {
        let lower = name.to_lowercase();
        let internal = ["id", "timestamp", "deliveryattempt", "scst_nativeheaderspresent"];
        NEVER.contains(&name) || internal.contains(&lower.as_str())
    };
    let mut all = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| !stays(name)) {
        all.remove(name);
        let arrived = match value {
            // Raw in both directions: a text that some sender wrote as JSON loses its quotes.
            HeaderValue::Text(text) if is_raw(name) => Some(unquoted(text)),
            HeaderValue::Bytes(bytes) if is_raw(name) || name == CONTENT_TYPE => {
                Some(std::str::from_utf8(bytes).map_or(value.clone(), unquoted))
            }
            other => arrives(other),
        };
        if let Some(arrived) = arrived {
            all.insert(name.to_owned(), arrived);
        }
    }
    all
}

fn unquoted(text: &str) -> HeaderValue {
    serde_json::from_str::<String>(text)
        .unwrap_or_else(|_| text.to_owned())
        .into()
}

/// Headers as the poll thread encodes what is on the wire.
fn received(pairs: &[(impl AsRef<str>, impl AsRef<[u8]>)], flags: Flags) -> Headers {
    let mut bytes = Vec::new();
    put_flags(&mut bytes, flags);
    for (name, value) in pairs {
        put(&mut bytes, name.as_ref(), Some(value.as_ref()));
    }
    read(&Bytes::from(bytes)).into_iter().collect()
}

/// Whether a name matches a pattern with stars, tried out character by character.
fn matches(pattern: &[char], name: &[char]) -> bool {
    match (pattern, name) {
        ([], name) => name.is_empty(),
        (['*', rest @ ..], name) => (0..=name.len()).any(|from| matches(rest, &name[from..])),
        ([first, pattern @ ..], [next, name @ ..]) => first == next && matches(pattern, name),
        _ => false,
    }
}

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

proptest! {
    #[test]
    fn what_goes_out_comes_in_again(headers in headers()) {
        let sent = render(&headers, &Patterns::new(&[])).pairs;
        let received = received(&sent, Flags::default());
        let by_name: BTreeMap<_, _> = received.iter().map(|(n, v)| (n.to_owned(), v.clone())).collect();
        prop_assert_eq!(by_name.len(), received.len(), "no name twice");
        prop_assert_eq!(by_name, all_that_arrives(&headers));
    }

    #[test]
    fn what_came_in_goes_out_and_comes_in_the_same(headers in headers()) {
        // Bytes under a raw name are text to the next reader, if they can be.
        let ordinary = headers.iter().filter(|(name, _)| !is_raw(name) && *name != CONTENT_TYPE);
        let headers: Headers = ordinary.map(|(name, value)| (name, value.clone())).collect();
        let sent = render(&headers, &Patterns::new(&[])).pairs;
        let once = received(&sent, Flags::default());
        let again = received(&render(&once, &Patterns::new(&[])).pairs, Flags::default());
        prop_assert_eq!(again, once);
    }

    #[test]
    fn a_glance_says_what_reading_says(
        values in prop::collection::vec(content_type_bytes(), 0..3),
        class in prop::sample::select(vec![STRING, INTEGER, DATE, LIST, MAP, "java.util.UUID"]),
        typed: bool,
        unreadable: bool,
    ) {
        let mut pairs: Vec<_> = values.into_iter().map(|value| (CONTENT_TYPE.to_owned(), value)).collect();
        if typed {
            let types = serde_json::json!({ CONTENT_TYPE: class }).to_string();
            pairs.push((TYPES.to_owned(), types.into_bytes()));
        }
        let flags = Flags { unreadable, ..Flags::default() };
        let read = received(&pairs, flags);
        let mut bytes = Vec::new();
        put_flags(&mut bytes, flags);
        for (name, value) in &pairs {
            put(&mut bytes, name, Some(value));
        }
        match glance(&Bytes::from(bytes)) {
            Glance::ContentType(text) => {
                prop_assert!(read.get(UNREADABLE_HEADERS).is_none());
                prop_assert_eq!(text, read.text(CONTENT_TYPE).map(str::as_bytes));
            }
            Glance::Unusual => {}
        }
    }

    #[test]
    fn no_sender_gives_a_message_headers_that_are_ours(
        pairs in prop::collection::vec((name(), prop::collection::vec(any::<u8>(), 0..8)), 0..8),
        class in prop::sample::select(vec![STRING, INTEGER, LONG, BOOLEAN]),
        unreadable in any::<bool>(),
    ) {
        let mut pairs = pairs;
        let types: serde_json::Map<_, _> = pairs.iter().map(|(name, _)| (name.clone(), class.into())).collect();
        pairs.push((UNREADABLE_HEADERS.to_owned(), b"true".to_vec()));
        pairs.push((TYPES.to_owned(), serde_json::Value::from(types).to_string().into_bytes()));
        let headers = received(&pairs, Flags { unreadable, ..Flags::default() });
        for name in NEVER.iter().filter(|name| **name != UNREADABLE_HEADERS) {
            prop_assert_eq!(headers.get(name), None, "{}", name);
        }
        let marked = headers.get(UNREADABLE_HEADERS) == Some(&HeaderValue::Bool(true));
        prop_assert_eq!(marked, unreadable);
        // An output copies the headers of its input: nobody but the program says where it goes.
        prop_assert_eq!(render(&headers, &Patterns::new(&[])).directions, Directions::default());
    }

    #[test]
    fn the_first_pattern_that_matches_decides(
        patterns in prop::collection::vec("!?[abé*]{1,5}", 1..5), name in "[abAé]{0,6}",
    ) {
        let lower = chars(&name.to_lowercase());
        let first = patterns.iter().find(|pattern| matches(&chars(pattern.trim_start_matches('!')), &lower));
        let expected = first.is_some_and(|pattern| !pattern.starts_with('!'));
        prop_assert_eq!(Patterns::new(&patterns).allow(&name), expected);
    }
}
