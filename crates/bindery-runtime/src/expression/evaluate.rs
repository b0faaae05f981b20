//! Evaluation by the `cel` crate, with the few functions that SpEL expressions need.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use bindery_core::{Error, ErrorKind, Headers, Result};
use cel::extractors::This;
use cel::objects::{Key, Map};
use cel::{Context, Program, Value as Cel};
use serde_json::Value;

use super::java_hash;

/// The functions; they are registered once, messages get a scope of their own.
static FUNCTIONS: LazyLock<Context<'static>> = LazyLock::new(|| {
    let mut context = Context::default();
    context.add_function("present", |value: Cel| !matches!(value, Cel::Null));
    context.add_function("text", |This(value): This<Cel>| text(&value));
    context.add_function("upper", |This(value): This<Arc<String>>| value.to_uppercase());
    context.add_function("lower", |This(value): This<Arc<String>>| value.to_lowercase());
    context.add_function("trim", |This(value): This<Arc<String>>| value.trim().to_owned());
    context.add_function("isEmpty", |This(value): This<Arc<String>>| value.is_empty());
    context.add_function("hashCode", |This(value): This<Cel>| {
        i64::from(java_hash::hash_code(&to_json(&value)))
    });
    context.add_function("abs", |value: i64| value.saturating_abs());
    context.add_function("substring", |This(value): This<Arc<String>>, from: i64| {
        substring(&value, from)
    });
    context
});

/// Runs a program over a message.
pub(super) fn run(program: &Program, payload: Value, headers: &Headers) -> Result<Value> {
    let mut context = FUNCTIONS.new_inner_scope();
    context.add_variable_from_value("payload", from_json(payload));
    context.add_variable_from_value("headers", header_map(program, headers));
    let value = program
        .execute(&context)
        .map_err(|error| Error::new(ErrorKind::Payload, error.to_string()))?;
    Ok(to_json(&value))
}

/// The headers as a map. Names that the program asks for and the message lacks are null, so that `?:` can ask.
fn header_map(program: &Program, headers: &Headers) -> Cel {
    let mut map: HashMap<Key, Cel> = named(program)
        .into_iter()
        .map(|name| (name.into(), Cel::Null))
        .collect();
    map.extend(
        headers
            .iter()
            .map(|(name, value)| (Key::from(name.to_owned()), from_json(value.to_json()))),
    );
    Cel::Map(Map { map: Arc::new(map) })
}

/// The texts and fields in a program: the names that it may ask for.
fn named(program: &Program) -> Vec<String> {
    use cel::common::ast::{Expr, LiteralValue};
    let mut names = Vec::new();
    let mut open = vec![program.expression()];
    while let Some(expression) = open.pop() {
        match &expression.expr {
            Expr::Literal(LiteralValue::String(text)) => names.push(text.inner().to_owned()),
            Expr::Select(select) => {
                names.push(select.field.clone());
                open.push(&select.operand);
            }
            Expr::Call(call) => {
                open.extend(call.target.iter().map(|target| &**target));
                open.extend(&call.args);
            }
            Expr::List(list) => open.extend(&list.elements),
            _ => {}
        }
    }
    names
}

fn text(value: &Cel) -> String {
    match to_json(value) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn substring(value: &str, from: i64) -> String {
    value
        .chars()
        .skip(usize::try_from(from).unwrap_or_default())
        .collect()
}

fn from_json(value: Value) -> Cel {
    match value {
        Value::Null => Cel::Null,
        Value::Bool(value) => Cel::Bool(value),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Cel::Int(whole),
            (None, Some(whole)) => Cel::UInt(whole),
            _ => Cel::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Cel::String(Arc::new(text)),
        Value::Array(values) => Cel::List(Arc::new(values.into_iter().map(from_json).collect())),
        Value::Object(entries) => {
            let map: HashMap<Key, Cel> = entries
                .into_iter()
                .map(|(name, value)| (Key::from(name), from_json(value)))
                .collect();
            Cel::Map(Map { map: Arc::new(map) })
        }
    }
}

fn to_json(value: &Cel) -> Value {
    match value {
        Cel::Bool(value) => Value::from(*value),
        Cel::Int(value) => Value::from(*value),
        Cel::UInt(value) => Value::from(*value),
        Cel::Float(value) => Value::from(*value),
        Cel::String(text) => Value::from(text.as_str()),
        Cel::Bytes(bytes) => Value::from(String::from_utf8_lossy(bytes)),
        Cel::List(values) => values.iter().map(to_json).collect(),
        Cel::Map(map) => map
            .map
            .iter()
            .map(|(key, value)| (key.to_string(), to_json(value)))
            .collect(),
        _ => Value::Null,
    }
}
