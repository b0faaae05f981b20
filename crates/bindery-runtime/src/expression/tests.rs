//! Expressions as configurations write them.

use bindery_core::{HeaderValue, Headers};
use serde_json::{Value, json};

use super::Expression;

fn evaluated(text: &str) -> Value {
    let payload = json!({"id": 7, "customer": {"name": "anné"}, "tags": ["a", "b"], "null": null});
    let mut headers: Headers = [("k", HeaderValue::from("key")), ("n", HeaderValue::Int(1))]
        .into_iter()
        .collect();
    headers.insert("raw", vec![b'r', b'w']);
    let expression = Expression::parse(text).unwrap_or_else(|error| panic!("{error}"));
    expression
        .evaluate(|| payload, &headers)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn expressions_of_configurations_have_their_values() {
    let cases = [
        ("payload.id", json!(7)),
        ("payload['customer'].name", json!("anné")),
        ("payload['tags'][1]", json!("b")),
        ("#root.payload.id", json!(7)),
        ("payload.missing.deeper", Value::Null),
        ("headers['k']", json!("key")),
        ("headers.n", json!(1)),
        ("headers.raw", json!("rw")),
        ("headers['none']", Value::Null),
        ("'literal'", json!("literal")),
        ("'rk.' + headers['n']", json!("rk.1")),
        ("headers['none'] ?: 'd'", json!("d")),
        ("headers['k'] ?: 'd'", json!("key")),
        ("headers.none ?: headers.k ?: 'd'", json!("key")),
        ("payload.id > 5 ? 'big' : 'small'", json!("big")),
        ("payload.id eq 7 and not (payload.id lt 3)", json!(true)),
        ("payload.customer.name.length()", json!(5)),
        ("headers['k'].toUpperCase()", json!("KEY")),
        ("headers['k'].hashCode() % 5", json!(4)),
        ("T(java.lang.Math).abs(payload.id)", json!(7)),
        ("payload.id.toString()", json!("7")),
        ("payload.id + 1", json!(8)),
        ("'it''s ' + payload.id + ', ' + headers.k", json!("it's 7, key")),
        ("headers['k'].bytes", json!("key")),
    ];
    for (text, expected) in cases {
        assert_eq!(evaluated(text), expected, "{text}");
    }
}

#[test]
fn a_selector_reads_its_key_as_the_root() {
    for (key, expected) in [("0", 0), ("1", 1), ("2", 2)] {
        for text in [
            "hashCode() % 3",
            "#root.hashCode() % 3",
            "payload.hashCode() % 3",
            "#this.hashCode() mod 3",
        ] {
            let expression = Expression::parse(text).unwrap_or_else(|error| panic!("{error}"));
            let value = expression.evaluate(|| json!(key), &Headers::new());
            assert_eq!(value.ok(), Some(json!(expected)), "{text} of {key}");
        }
    }
}

#[test]
fn a_text_payload_is_itself_and_may_hold_json() {
    let of = |text: &str, payload: &str| {
        let payload = Value::from(payload);
        Expression::parse(text)
            .and_then(|expression| expression.evaluate(|| payload, &Headers::new()))
            .ok()
    };
    assert_eq!(of("payload", r#"{"id":1}"#), Some(json!(r#"{"id":1}"#)));
    assert_eq!(of("payload.id", r#"{"id":1}"#), Some(json!(1)));
    assert_eq!(of("payload.length()", "four"), Some(json!(4)));
}

#[test]
fn what_is_read_is_known_beforehand() {
    let reads = |text: &str| {
        Expression::parse(text)
            .map(|expression| expression.reads_payload())
            .ok()
    };
    assert_eq!(reads("payload.id"), Some(true));
    assert_eq!(reads("'a' + payload.id"), Some(true));
    assert_eq!(reads("headers['k']"), Some(false));
    assert_eq!(reads("'a' + headers['payload']"), Some(false));
}

#[test]
fn what_cannot_be_read_is_said_with_the_place() {
    let deep = "(".repeat(5_000);
    let long = "a".repeat(10_000);
    for (text, part) in [
        ("payload.", "not understood"),
        ("headers['k", "column 9"),
        ("payload ~ 1", "column 9"),
        ("", "empty"),
        ("(payload", "not closed"),
        ("payload)", "closes nothing"),
        (deep.as_str(), "at most"),
        (long.as_str(), "at most"),
    ] {
        let error = Expression::parse(text).expect_err(text).to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn a_method_on_nothing_is_an_error_and_no_panic() {
    let expression =
        Expression::parse("headers['none'].toUpperCase()").unwrap_or_else(|error| panic!("{error}"));
    assert!(expression.evaluate(|| Value::Null, &Headers::new()).is_err());
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in "[ a-z.'\\[\\]()?:+*#!=<>0-9]{0,60}") {
        if let Ok(expression) = Expression::parse(&text) {
            let _ = expression.evaluate(|| json!({"a": 1}), &Headers::new());
        }
    }
}
