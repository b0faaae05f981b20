//! Schemas: parsed without their logical types, which are annotations of the type that is written.

use apache_avro::Schema;
use apache_avro::schema::{Names, ResolvedSchema};
use bindery_core::{Error, ErrorKind, Result};
use serde_json::Value;

/// Parses a schema.
pub(super) fn parse(text: &str) -> Result<Schema> {
    let mut json: Value = serde_json::from_str(text).map_err(|error| refused(&error))?;
    leave_out_logical_types(&mut json);
    Schema::parse(&json).map_err(|error| refused(&error))
}

/// The named types of a schema, which it refers to by name.
pub(super) fn names(schema: &Schema) -> Result<Names> {
    let resolved = ResolvedSchema::new(schema).map_err(|error| refused(&error))?;
    let owned = |(name, schema): (&_, &&Schema)| (Clone::clone(name), (*schema).clone());
    Ok(resolved.get_names().iter().map(owned).collect())
}

/// The error for a text that is no schema.
pub(super) fn refused(error: &dyn std::fmt::Display) -> Error {
    let message = format!("this is no Avro schema: {error}");
    Error::new(ErrorKind::Configuration, message)
}

/// Goes where schemas are, and nowhere else: a default or a property of the user's may have that name too.
fn leave_out_logical_types(schema: &mut Value) {
    match schema {
        Value::Array(branches) => branches.iter_mut().for_each(leave_out_logical_types),
        Value::Object(object) => {
            object.remove("logicalType");
            for inner in ["type", "items", "values"] {
                object
                    .get_mut(inner)
                    .into_iter()
                    .for_each(leave_out_logical_types);
            }
            let fields = object.get_mut("fields").and_then(Value::as_array_mut);
            for field in fields.into_iter().flatten() {
                leave_out_logical_types(field);
            }
        }
        _ => {}
    }
}
