//! Expressions of the configuration, and hostile messages that they are evaluated on.

use bindery_core::{HeaderValue, Headers};
use bindery_runtime::expression::{Expression, java_hash};
use serde_json::Value;

use super::Target;
use crate::pieces::{pairs, split, text};

/// Parts: an expression; a payload, as JSON; names and values of headers, as JSON where they are.
pub const TARGET: Target = Target {
    name: "expression",
    words: &[
        "payload",
        "headers",
        ".id",
        "['k']",
        "[0]",
        "'text'",
        "(",
        ")",
        "?:",
        " ? ",
        " : ",
        " + ",
        " - ",
        " * ",
        " / ",
        " % ",
        " == ",
        " != ",
        " <= ",
        " and ",
        " or ",
        "not ",
        "!",
        ".length()",
        ".hashCode()",
        ".toString()",
        ".substring(1)",
        ".toUpperCase()",
        ".trim()",
        ".isEmpty()",
        "T(java.lang.Math).abs(",
        "new String(",
        ".bytes",
        "#root",
        "#this",
        "?.",
        "null",
        "true",
        "{",
        "}",
        "matches ",
        "in ",
        "size(",
        "has(",
        ".map(x, x)",
        ".all(x, true)",
        "9223372036854775807",
        "-9223372036854775808",
        "\x1e{\"id\":1}\x1e",
        "{\"id\":",
    ],
    run,
};

fn run(input: &[u8]) {
    let [expression, payload, headers] = split(input);
    let Ok(expression) = Expression::parse(&text(expression)) else {
        return;
    };
    let headers: Headers = pairs(headers)
        .into_iter()
        .map(|(name, value)| (text(name), value.map_or(HeaderValue::Null, header)))
        .collect();
    if let Ok(value) = expression.evaluate(|| json(payload), &headers) {
        for count in [0, 1, 7, u32::MAX] {
            let partition = java_hash::partition(&value, count);
            let inside = u32::try_from(partition).is_ok_and(|partition| partition < count.max(1));
            assert!(inside, "{value} goes to {partition} of {count}");
        }
    }
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap_or_else(|_| Value::from(text(bytes)))
}

fn header(bytes: &[u8]) -> HeaderValue {
    match serde_json::from_slice(bytes) {
        Ok(Value::Number(number)) if number.is_i64() => {
            HeaderValue::Long(number.as_i64().unwrap_or_default())
        }
        Ok(Value::Number(number)) => HeaderValue::Double(number.as_f64().unwrap_or_default()),
        Ok(Value::Bool(value)) => HeaderValue::Bool(value),
        Ok(Value::Array(_) | Value::Object(_)) => HeaderValue::Json {
            class: "java.util.LinkedHashMap".into(),
            text: text(bytes).into(),
        },
        _ => HeaderValue::Bytes(bytes.to_vec().into()),
    }
}
