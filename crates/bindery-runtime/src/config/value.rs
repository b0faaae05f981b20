//! From texts to typed values: what each property type accepts, and how it says so.

use bindery_core::PropertyType;
use serde_json::Value;

use super::nearest;
use super::property::Given;
use crate::expression::Expression;

/// The longest duration: ten years.
const MAX_MILLIS: u64 = 10 * 366 * 24 * 3_600_000;

/// Reads a value as a type; canonical JSON on success.
///
/// # Errors
/// A sentence that says what is accepted. It never repeats the value.
pub(crate) fn convert(accepts: PropertyType, given: &Given) -> Result<Value, String> {
    let text = match (given, accepts) {
        (Given::Null, _) => return Ok(Value::Null),
        (Given::List(items), PropertyType::List) => {
            return Ok(items.iter().map(|(text, _)| Value::from(text.trim())).collect());
        }
        (Given::List(items), PropertyType::Any) => {
            return Ok(items.iter().map(|(text, _)| Value::from(text.as_str())).collect());
        }
        (Given::List(_), _) => return Err(format!("found a list; accepted: {}", accepted(accepts))),
        (Given::Scalar { text, .. }, _) => text.as_str(),
    };
    let value = match accepts {
        PropertyType::Flag => flag(text).map(Value::from),
        PropertyType::Integer { min, max } => integer(text)
            .filter(|number| (min..=max).contains(number))
            .map(Value::from),
        PropertyType::Number { min } => text
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite() && *number >= min)
            .map(Value::from),
        PropertyType::Text | PropertyType::Secret | PropertyType::Map => Some(Value::from(text)),
        PropertyType::Choice(choices) => return choice(choices, text),
        PropertyType::Millis => millis(text, 1).map(Value::from),
        PropertyType::Seconds => millis(text, 1_000).map(Value::from),
        PropertyType::List => Some(split(text)),
        PropertyType::Expression => {
            return match Expression::parse(text) {
                Ok(_) => Ok(Value::from(text)),
                Err(error) => Err(error.message().to_owned()),
            };
        }
        PropertyType::Any => Some(untyped(given, text)),
    };
    value.ok_or_else(|| format!("accepted: {}", accepted(accepts)))
}

/// What a type accepts, for people.
pub(crate) fn accepted(accepts: PropertyType) -> String {
    match accepts {
        PropertyType::Flag => "`true` or `false`".to_owned(),
        PropertyType::Integer { min, max } if max >= i64::from(i32::MAX) => {
            format!("a whole number of at least {min}")
        }
        PropertyType::Integer { min, max } => format!("a whole number from {min} to {max}"),
        PropertyType::Number { min } => format!("a number of at least {min}"),
        PropertyType::Text | PropertyType::Secret => "a text".to_owned(),
        PropertyType::Choice(choices) => one_of(choices),
        PropertyType::Millis => {
            "a duration such as `500ms`, `30s`, `1m`, or a number of milliseconds".to_owned()
        }
        PropertyType::Seconds => "a duration such as `30s`, `1m`, or a number of seconds".to_owned(),
        PropertyType::List => "a list, or texts separated by commas".to_owned(),
        PropertyType::Expression => "an expression such as `payload.id` or `headers['key']`".to_owned(),
        PropertyType::Map => "a map of texts".to_owned(),
        PropertyType::Any => "anything".to_owned(),
    }
}

fn one_of(choices: &[&str]) -> String {
    let quoted: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
    quoted.join(", ")
}

/// YAML 1.1's truth values, which count for flags only.
pub(crate) fn flag(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "on" | "yes" | "1" => Some(true),
        "false" | "off" | "no" | "0" => Some(false),
        _ => None,
    }
}

fn integer(text: &str) -> Option<i64> {
    text.trim().parse().ok()
}

fn choice(choices: &'static [&'static str], text: &str) -> Result<Value, String> {
    let wanted = bindery_core::relaxed(text.trim());
    if let Some(choice) = choices
        .iter()
        .find(|choice| bindery_core::relaxed(choice) == wanted)
    {
        return Ok(Value::from(*choice));
    }
    let hint = match nearest::nearest(text, choices.iter().copied()) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    };
    Err(format!("accepted: {}{hint}", one_of(choices)))
}

fn split(text: &str) -> Value {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(Value::from)
        .collect()
}

fn untyped(given: &Given, text: &str) -> Value {
    if matches!(given, Given::Scalar { plain: true, .. }) {
        if let Some(number) = integer(text) {
            return Value::from(number);
        }
        if let Ok(value) = text.parse::<bool>() {
            return Value::from(value);
        }
    }
    Value::from(text)
}

/// A duration in milliseconds: a bare number counts `unit` milliseconds; `500ms`, `30s`, `2m`, `1h`, `1d`; ISO-8601.
pub(crate) fn millis(text: &str, unit: u64) -> Option<u64> {
    let text = text.trim();
    let value = if text.starts_with(['P', 'p']) {
        iso(text)
    } else {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let number: u64 = text[..digits].parse().ok()?;
        match text[digits..].trim().to_ascii_lowercase().as_str() {
            "" => number.checked_mul(unit),
            "ns" => Some(number / 1_000_000),
            "us" => Some(number / 1_000),
            "ms" => Some(number),
            "s" => number.checked_mul(1_000),
            "m" => number.checked_mul(60_000),
            "h" => number.checked_mul(3_600_000),
            "d" => number.checked_mul(86_400_000),
            _ => None,
        }
    };
    value.filter(|millis| *millis <= MAX_MILLIS)
}

/// ISO-8601 durations of days and smaller: `PT0.5S`, `P1DT2H`.
fn iso(text: &str) -> Option<u64> {
    let upper = text.to_ascii_uppercase();
    let (date, time) = match upper[1..].split_once('T') {
        Some((date, time)) => (date.to_owned(), Some(time.to_owned())),
        None => (upper[1..].to_owned(), None),
    };
    if date.is_empty() && time.as_deref().is_none_or(str::is_empty) {
        return None;
    }
    let mut total = parts(&date, &[('D', 86_400_000.0)])?;
    if let Some(time) = time {
        total += parts(&time, &[('H', 3_600_000.0), ('M', 60_000.0), ('S', 1_000.0)])?;
    }
    (total >= 0.0 && total <= MAX_MILLIS as f64).then_some(total.round() as u64)
}

fn parts(text: &str, units: &[(char, f64)]) -> Option<f64> {
    let mut units = units.iter();
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let letter = rest[end..].chars().next()?;
        let (_, factor) = units.find(|(unit, _)| *unit == letter)?;
        total += number * factor;
        rest = &rest[end + letter.len_utf8()..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_boot_reads_them() {
        for (text, expected) in [
            ("250", Some(250)),
            ("500ms", Some(500)),
            ("30s", Some(30_000)),
            ("2m", Some(120_000)),
            ("1H", Some(3_600_000)),
            ("1d", Some(86_400_000)),
            ("PT0.5S", Some(500)),
            ("PT1M30S", Some(90_000)),
            ("P1DT2H", Some(93_600_000)),
            ("", None),
            ("P", None),
            ("PT", None),
            ("-5", None),
            ("5 minutes", None),
            ("99999999999999999999", None),
            ("18446744073709551615d", None),
            ("PT1S2M", None),
        ] {
            assert_eq!(millis(text, 1), expected, "{text}");
        }
        assert_eq!(millis("30", 1_000), Some(30_000));
    }

    #[test]
    fn flags_take_the_words_of_yaml_one() {
        assert_eq!(flag("On"), Some(true));
        assert_eq!(flag("no"), Some(false));
        assert_eq!(flag("y"), None);
    }
}
