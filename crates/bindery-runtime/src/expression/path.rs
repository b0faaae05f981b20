//! The forms that need no evaluation: `payload.a.b`, `payload['a']`, `headers.k`, `headers['k'].a`, `'text'`.

use serde_json::Value;

use super::Form;
use super::seek::seek;

/// Names that lead from a value to one inside it.
#[derive(Debug)]
pub(super) struct Path(Vec<String>);

impl Path {
    #[cfg(test)]
    pub(super) fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// The same as [`Path::find`] in the value of a JSON text, mostly without building it.
    pub(super) fn find_in(&self, json: &[u8]) -> Value {
        let is_text = json.trim_ascii_start().starts_with(b"\"");
        if self.0.is_empty() || is_text {
            return self.find(serde_json::from_slice(json).unwrap_or_default());
        }
        seek(&self.0, json)
    }

    /// The value at the end of the path, or null. Text that holds JSON is looked into.
    pub(super) fn find(&self, mut value: Value) -> Value {
        if let (false, Value::String(text)) = (self.0.is_empty(), &value) {
            value = serde_json::from_str(text).unwrap_or_default();
        }
        for name in &self.0 {
            value = match value {
                Value::Object(mut entries) => entries.remove(name).unwrap_or_default(),
                Value::Array(mut values) => match name.parse::<usize>() {
                    Ok(index) if index < values.len() => values.swap_remove(index),
                    _ => Value::Null,
                },
                _ => Value::Null,
            };
        }
        value
    }
}

/// Parses one of the direct forms; `None` leaves the text to the evaluator.
pub(super) fn parse(text: &str) -> Option<Form> {
    let text = text.trim();
    let text = text
        .strip_prefix("#root.")
        .or_else(|| text.strip_prefix("#this."))
        .unwrap_or(text);
    if let Some(literal) = literal(text) {
        return Some(Form::Literal(literal));
    }
    if let Some(rest) = text.strip_prefix("payload") {
        return Some(Form::Payload(Path(steps(rest)?)));
    }
    let mut steps = steps(text.strip_prefix("headers")?)?;
    if steps.is_empty() {
        return None;
    }
    let name = steps.remove(0);
    Some(Form::Header(name, Path(steps)))
}

fn literal(text: &str) -> Option<String> {
    let inner = text.strip_prefix('\'')?.strip_suffix('\'')?;
    (!inner.contains('\'')).then(|| inner.to_owned())
}

/// `.a`, `['a']` and `[0]`, as often as they come; nothing else may follow.
fn steps(mut rest: &str) -> Option<Vec<String>> {
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(after.len());
            let name = &after[..end];
            if name.is_empty() || matches!(name, "bytes" | "length" | "size") {
                return None;
            }
            steps.push(name.to_owned());
            rest = &after[end..];
        } else {
            let (inner, after) = rest.strip_prefix('[')?.split_once(']')?;
            let quoted = |quote: char| inner.strip_prefix(quote)?.strip_suffix(quote);
            let name = quoted('\'')
                .or_else(|| quoted('"'))
                .or_else(|| inner.parse::<usize>().ok().map(|_| inner))?;
            steps.push(name.to_owned());
            rest = after;
        }
    }
    Some(steps)
}
