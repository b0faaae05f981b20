//! Whatever headers a message has: what goes out comes in again, but for the exceptions that the model lists, and no
//! sender can give a message headers that are ours to give.

use std::collections::BTreeMap;

use bindery_core::{Headers, PARTITION};
use lapin::BasicProperties;
use lapin::types::LongString;
use proptest::prelude::*;

use super::*;
use crate::render::{Rendering, amqp_value, publication};

/// Headers that never go out.
const STAY: [&str; 4] = [
    PARTITION,
    "sourceData",
    "deliveryAttempt",
    "rabbitmq_streamContext",
];
/// Properties that are texts.
const TEXTS: [&str; 5] = [
    "amqp_correlationId",
    "amqp_type",
    "amqp_appId",
    "amqp_replyTo",
    "amqp_contentEncoding",
];
const MAX_NAME: usize = 255;

fn name() -> impl Strategy<Value = String> {
    let known = [
        &STAY[..],
        &TEXTS[..],
        &["CC", "BCC", "dup", "amqp_other", "amqp_expiration"],
    ]
    .concat();
    prop_oneof![
        6 => "[a-z-]{0,8}",
        3 => prop::sample::select(known).prop_map(str::to_owned),
        1 => "\\PC{1,10}",
    ]
}

fn scalar() -> impl Strategy<Value = HeaderValue> {
    let text =
        || prop_oneof![9 => "[ -~é😀]{0,20}", 1 => (200..300_usize).prop_map(|length| "x".repeat(length))];
    let json = prop_oneof![
        2 => text().prop_map(|text| serde_json::Value::from(text).to_string()),
        4 => "-?[0-9]{0,12}(\\.[0-9]{0,4})?",
        1 => "[-+.0-9e]{0,5}",
    ];
    let class = prop::sample::select(vec!["java.math.BigDecimal", "java.util.UUID"]);
    prop_oneof![
        Just(HeaderValue::Null),
        any::<bool>().prop_map(HeaderValue::Bool),
        any::<i32>().prop_map(HeaderValue::Int),
        any::<i64>().prop_map(HeaderValue::Long),
        any::<f64>().prop_map(HeaderValue::Double),
        text().prop_map(HeaderValue::from),
        prop::collection::vec(any::<u8>(), 0..12).prop_map(HeaderValue::from),
        any::<i64>().prop_map(HeaderValue::Timestamp),
        (class, json).prop_map(|(class, text)| HeaderValue::Json {
            class: class.into(),
            text: text.into()
        }),
    ]
}

fn value() -> impl Strategy<Value = HeaderValue> {
    scalar().prop_recursive(2, 8, 3, |inner| {
        let name =
            prop_oneof![30 => "[ -~é😀]{0,5}", 1 => (127..130_usize).prop_map(|length| "é".repeat(length))];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(HeaderValue::List),
            prop::collection::btree_map(name, inner, 0..4)
                .prop_map(|map| HeaderValue::Map(map.into_iter().map(|(k, v)| (k.into(), v)).collect())),
        ]
    })
}

fn headers() -> impl Strategy<Value = Headers> {
    prop::collection::vec((name(), value()), 0..6).prop_map(|pairs| pairs.into_iter().collect())
}

/// What arrives of a value; nothing when a name within it is too long for AMQP.
fn arrives(value: &HeaderValue) -> Option<HeaderValue> {
    Some(match value {
        // AMQP counts whole seconds since the epoch.
        HeaderValue::Timestamp(millis) => HeaderValue::Timestamp((millis / 1000).max(0) * 1000),
        HeaderValue::List(values) => HeaderValue::List(values.iter().map(arrives).collect::<Option<_>>()?),
        HeaderValue::Map(entries) => HeaderValue::Map(
            entries
                .iter()
                .map(|(name, value)| Some((fitting(name)?.into(), arrives(value)?)))
                .collect::<Option<_>>()?,
        ),
        HeaderValue::Json { class, text } => match &**class {
            "java.math.BigDecimal" if is_decimal(text) => HeaderValue::Json {
                class: class.clone(),
                text: canonical(text).into(),
            },
            // A type that AMQP doesn't have arrives as text.
            _ => match serde_json::from_str::<serde_json::Value>(text) {
                Ok(serde_json::Value::String(content)) => content.into(),
                _ => HeaderValue::Text(text.clone()),
            },
        },
        other => other.clone(),
    })
}

fn fitting(name: &str) -> Option<&str> {
    (name.len() <= MAX_NAME).then_some(name)
}

/// Whether AMQP can say a decimal number: 32 bits with a sign, and a scale.
fn is_decimal(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    let value = all.parse::<i64>().unwrap_or(i64::MAX);
    let limit = if text.starts_with('-') {
        1 << 31
    } else {
        (1 << 31) - 1
    };
    !whole.is_empty() && all.bytes().all(|byte| byte.is_ascii_digit()) && value <= limit
}

/// A decimal number without leading zeros, a trailing point, or a negative zero.
fn canonical(text: &str) -> String {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let is_zero = whole == "0" && fraction.bytes().all(|byte| byte == b'0');
    let sign = if text.starts_with('-') && !is_zero {
        "-"
    } else {
        ""
    };
    match fraction {
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    }
}

/// What arrives of all headers, by name; an error where AMQP can't say one of them.
fn all_that_arrives(headers: &Headers) -> Result<BTreeMap<String, HeaderValue>, ()> {
    let mut all = BTreeMap::new();
    for (name, value) in headers.iter().filter(|(name, _)| !STAY.contains(name)) {
        if TEXTS.contains(&name) || name == "amqp_expiration" {
            all.remove(name);
            if *value == HeaderValue::Null {
                continue;
            }
            let text = value
                .as_text()
                .map_or_else(|| value.to_json().to_string(), str::to_owned);
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if text.len() > MAX_NAME || (name == "amqp_expiration" && !is_number) {
                return Err(());
            }
            all.insert(name.to_owned(), text.into());
            continue;
        }
        if name.starts_with("amqp_") {
            continue;
        }
        let is_list_of_texts = matches!(value, HeaderValue::List(values)
            if values.iter().all(|value| matches!(value, HeaderValue::Text(_))));
        if ["CC", "BCC"].contains(&name) && !is_list_of_texts {
            return Err(());
        }
        let name = fitting(name).ok_or(())?;
        all.insert(name.to_owned(), arrives(value).ok_or(())?);
    }
    Ok(all)
}

fn sent(headers: &Headers) -> bindery_core::Result<BasicProperties> {
    let rendering = Rendering {
        patterns: &Patterns::default(),
        delivery_mode: 2,
        compressed: false,
    };
    publication(headers, None, &rendering)
}

fn received(properties: BasicProperties) -> Headers {
    let inbound = Inbound {
        queue: "q".into(),
        exchange: "e".into(),
        partition: None,
        patterns: Patterns::default(),
        max_decompressed_bytes: 0,
    };
    let mut delivery = Delivery::mock(1, "e".into(), "k".into(), false, Vec::new());
    delivery.properties = properties;
    inbound.message(delivery).headers
}

/// The headers that a sender chose: not those that every message gets.
fn by_name(headers: &Headers) -> BTreeMap<String, String> {
    let chosen = |name: &str| !is_ours(name) || TEXTS.contains(&name) || name == "amqp_expiration";
    headers
        .iter()
        .filter(|(name, _)| chosen(name) && *name != CONTENT_TYPE)
        .map(|(name, value)| (name.to_owned(), format!("{value:?}")))
        .collect()
}

fn field() -> impl Strategy<Value = AMQPValue> {
    prop_oneof![
        scalar().prop_filter_map("it can be said", |value| amqp_value(&value, 0)),
        any::<f32>().prop_map(AMQPValue::Float),
        // Later ones can't be said in milliseconds; they make a message unreadable.
        (0..u64::MAX / 2000).prop_map(AMQPValue::Timestamp),
        prop::collection::vec(any::<u8>(), 0..8)
            .prop_map(|bytes| AMQPValue::LongString(LongString::from(bytes))),
    ]
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
        match (sent(&headers), all_that_arrives(&headers)) {
            (Ok(properties), Ok(expected)) => {
                let expected: Headers = expected.into_iter().collect();
                prop_assert_eq!(by_name(&received(properties)), by_name(&expected));
            }
            (Err(error), Err(())) => prop_assert!(!error.is_temporary()),
            (sent, expected) => prop_assert!(false, "{sent:?} is not {expected:?}"),
        }
    }

    #[test]
    fn what_came_in_goes_out_and_comes_in_the_same(headers in headers()) {
        if let Ok(properties) = sent(&headers) {
            let once = received(properties);
            let again = received(sent(&once).unwrap());
            prop_assert_eq!(by_name(&again), by_name(&once));
        }
    }

    #[test]
    fn no_sender_gives_a_message_headers_that_are_ours(
        fields in prop::collection::vec(("(amqp_)?[a-zA-Z-]{0,12}", field()), 0..6), value in field(),
    ) {
        let mut table = FieldTable::default();
        for (name, value) in fields {
            table.insert(name.into(), value);
        }
        for name in ["amqp_receivedUserId", "amqp_receivedExchange", "amqp_messageId", UNREADABLE_HEADERS] {
            table.insert(name.into(), value.clone());
        }
        let headers = received(BasicProperties::default().with_headers(table));
        let given: Vec<_> = headers.iter().filter(|(name, _)| is_ours(name)).collect();
        let (exchange, key, queue) = ("e".into(), "k".into(), "q".into());
        prop_assert_eq!(given, [
            ("amqp_receivedExchange", &exchange), ("amqp_receivedRoutingKey", &key), ("amqp_consumerQueue", &queue),
        ]);
    }

    #[test]
    fn an_exclusion_that_matches_decides_before_every_inclusion(
        patterns in prop::collection::vec("!?[abé*]{1,5}", 1..5), name in "[abé]{0,6}",
    ) {
        let name_chars = chars(&name);
        let matching: Vec<_> = patterns
            .iter()
            .filter(|pattern| matches(&chars(pattern.trim_start_matches('!')), &name_chars))
            .collect();
        let expected = !matching.is_empty() && !matching.iter().any(|pattern| pattern.starts_with('!'));
        let patterns = Patterns::new(patterns.iter().map(String::as_str));
        prop_assert_eq!(patterns.include(&name), expected);
    }
}
