//! From JSON to Avro values, led by the schema.

use std::fmt;

use apache_avro::Schema;
use apache_avro::schema::{Names, RecordSchema, UnionSchema};
use apache_avro::types::Value as Avro;
use serde_json::{Map, Value};

/// What doesn't fit, and where.
#[derive(Debug)]
pub(super) struct Misfit {
    path: Vec<String>,
    reason: String,
}

impl Misfit {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            path: Vec::new(),
            reason: reason.into(),
        }
    }

    fn wanted(what: &str, found: &Value) -> Self {
        let found = match found {
            Value::Null => "nothing (`null`)".to_owned(),
            Value::Bool(_) => "a boolean".to_owned(),
            Value::Number(number) => format!("the number {number}"),
            Value::String(_) => "text".to_owned(),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "an object".to_owned(),
        };
        Self::new(format!("{what} is expected, {found} was found"))
    }

    fn at(mut self, step: impl fmt::Display) -> Self {
        self.path.push(step.to_string());
        self
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path.is_empty() {
            let steps: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
            write!(f, "at `{}` ", steps.join("."))?;
        }
        f.write_str(&self.reason)
    }
}

/// Whether a value may be taken for another type that can hold it. The branches of a union are first tried without.
#[derive(Clone, Copy, PartialEq)]
enum Widening {
    No,
    Yes,
}

/// Converts a value.
pub(super) fn convert(value: &Value, schema: &Schema, names: &Names) -> Result<Avro, Misfit> {
    converted(value, schema, names, Widening::Yes)
}

fn converted(value: &Value, schema: &Schema, names: &Names, widening: Widening) -> Result<Avro, Misfit> {
    match (schema, value) {
        (Schema::Ref { name }, _) => match names.get(name) {
            Some(schema) => converted(value, schema, names, widening),
            None => Err(Misfit::new(format!("the schema `{name}` is unknown"))),
        },
        (Schema::Union(union), _) => union_branch(value, union, names),
        (Schema::Record(record), Value::Object(object)) => record_fields(object, record, names),
        (Schema::Array(array), Value::Array(items)) => items
            .iter()
            .enumerate()
            .map(|(index, item)| convert(item, &array.items, names).map_err(|misfit| misfit.at(index)))
            .collect::<Result<_, _>>()
            .map(Avro::Array),
        (Schema::Map(map), Value::Object(entries)) => entries
            .iter()
            .map(|(key, value)| match convert(value, &map.types, names) {
                Ok(value) => Ok((key.clone(), value)),
                Err(misfit) => Err(misfit.at(key)),
            })
            .collect::<Result<_, _>>()
            .map(Avro::Map),
        _ => scalar(value, schema, widening),
    }
}

fn scalar(value: &Value, schema: &Schema, widening: Widening) -> Result<Avro, Misfit> {
    let widened = widening == Widening::Yes;
    let made = match schema {
        Schema::Null => value.is_null().then_some(Avro::Null),
        Schema::Boolean => value.as_bool().map(Avro::Boolean),
        Schema::Int => value
            .as_i64()
            .and_then(|number| number.try_into().ok())
            .map(Avro::Int),
        Schema::Long => value.as_i64().map(Avro::Long),
        Schema::Float | Schema::Double if !widened && !value.is_f64() => None,
        Schema::Float => value.as_f64().and_then(single).map(Avro::Float),
        Schema::Double => value.as_f64().map(Avro::Double),
        Schema::String => value.as_str().map(|text| Avro::String(text.to_owned())),
        Schema::Enum(known) => value.as_str().and_then(|text| {
            let index = known.symbols.iter().position(|symbol| symbol == text)?;
            Some(Avro::Enum(u32::try_from(index).ok()?, text.to_owned()))
        }),
        Schema::Bytes => bytes(value, widened).map(Avro::Bytes),
        Schema::Fixed(fixed) => bytes(value, widened)
            .filter(|bytes| bytes.len() == fixed.size)
            .map(|bytes| Avro::Fixed(fixed.size, bytes)),
        _ => None,
    };
    made.ok_or_else(|| Misfit::wanted(&describe(schema), value))
}

/// The nearest single precision number; nothing when it is out of range.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the schema asks for single precision"
)]
fn single(number: f64) -> Option<f32> {
    let single = number as f32;
    (single.is_finite() || !number.is_finite()).then_some(single)
}

/// A list of numbers below 256, or text.
fn bytes(value: &Value, widened: bool) -> Option<Vec<u8>> {
    match value {
        Value::Array(items) => items
            .iter()
            .map(|item| u8::try_from(item.as_u64()?).ok())
            .collect(),
        Value::String(text) if widened => Some(text.clone().into_bytes()),
        _ => None,
    }
}

fn union_branch(value: &Value, union: &UnionSchema, names: &Names) -> Result<Avro, Misfit> {
    let branches = union.variants();
    let mut first_misfit = None;
    for widening in [Widening::No, Widening::Yes] {
        for (index, branch) in branches.iter().enumerate() {
            if widening == Widening::Yes && is_compound(branch, names) {
                continue;
            }
            match converted(value, branch, names, widening) {
                Ok(value) => {
                    let index =
                        u32::try_from(index).map_err(|_| Misfit::new("the union has too many branches"))?;
                    return Ok(Avro::Union(index, Box::new(value)));
                }
                Err(misfit) if !misfit.path.is_empty() => first_misfit = first_misfit.or(Some(misfit)),
                Err(_) => {}
            }
        }
    }
    Err(first_misfit.unwrap_or_else(|| Misfit::wanted(&describe_all(branches), value)))
}

/// Whether widening makes no difference to it, so that a second try would only cost time, doubled at every level.
fn is_compound(schema: &Schema, names: &Names) -> bool {
    match schema {
        Schema::Ref { name } => names.get(name).is_some_and(|schema| is_compound(schema, names)),
        Schema::Record(_) | Schema::Array(_) | Schema::Map(_) => true,
        _ => false,
    }
}

fn record_fields(object: &Map<String, Value>, record: &RecordSchema, names: &Names) -> Result<Avro, Misfit> {
    if let Some(unknown) = object.keys().find(|key| !record.lookup.contains_key(*key)) {
        return Err(Misfit::new("this field is not in the schema").at(unknown));
    }
    let mut fields = Vec::with_capacity(record.fields.len());
    for field in &record.fields {
        let made = match (object.get(&field.name), &field.default) {
            (Some(value), _) => convert(value, &field.schema, names),
            (None, Some(default)) => convert(&default_of(default, &field.schema), &field.schema, names),
            (None, None) => convert(&Value::Null, &field.schema, names)
                .map_err(|_| Misfit::new("a value is missing, and the schema has no default for it")),
        };
        fields.push((field.name.clone(), made.map_err(|misfit| misfit.at(&field.name))?));
    }
    Ok(Avro::Record(fields))
}

/// A default as a value: in a schema, bytes are written as text whose characters are the bytes.
fn default_of(default: &Value, schema: &Schema) -> Value {
    let first = match schema {
        Schema::Union(union) => union.variants().first().unwrap_or(schema),
        other => other,
    };
    match (first, default) {
        (Schema::Bytes | Schema::Fixed(_), Value::String(text)) => {
            text.chars().map(u32::from).map(Value::from).collect()
        }
        _ => default.clone(),
    }
}

fn describe_all(branches: &[Schema]) -> String {
    let all: Vec<String> = branches.iter().map(describe).collect();
    all.join(" or ")
}

fn describe(schema: &Schema) -> String {
    match schema {
        Schema::Null => "`null`".to_owned(),
        Schema::Boolean => "a boolean".to_owned(),
        Schema::Int => "an `int` (32 bits)".to_owned(),
        Schema::Long => "a `long` (64 bits)".to_owned(),
        Schema::Float => "a `float`".to_owned(),
        Schema::Double => "a `double`".to_owned(),
        Schema::String => "text".to_owned(),
        Schema::Bytes => "bytes (a list of numbers below 256)".to_owned(),
        Schema::Fixed(fixed) => format!("{} bytes (a list of numbers below 256)", fixed.size),
        Schema::Enum(known) => format!("one of {}", known.symbols.join(", ")),
        Schema::Array(_) => "a list".to_owned(),
        Schema::Map(_) => "an object".to_owned(),
        Schema::Record(record) => format!("an object (`{}`)", record.name.name()),
        Schema::Ref { name } => format!("an object (`{}`)", name.name()),
        other => format!("{other}"),
    }
}
