//! Expressions: partition keys, message keys and routing keys, read from a message.
//!
//! `payload.order_id` and `headers['k']` read the same in SpEL and CEL and are looked up directly; everything else is
//! rewritten from the subset of SpEL that configurations use, and evaluated by the `cel` crate. What a header contains
//! is never evaluated.

mod compile;
mod evaluate;
pub mod java_hash;
mod path;
mod seek;
mod spel;

use std::fmt;
use std::sync::Arc;

use bindery_core::{Error, ErrorKind, Headers, Result};
use serde_json::Value;

use path::Path;

/// A parsed expression. Cloning is cheap.
#[derive(Clone)]
pub struct Expression {
    text: Arc<str>,
    form: Arc<Form>,
    reads_payload: bool,
}

enum Form {
    /// A way into the payload.
    Payload(Path),
    /// A header, and a way into it.
    Header(String, Path),
    /// A text.
    Literal(String),
    /// Anything else.
    Program(cel::Program),
}

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    /// A configuration error that says what is not understood, and where.
    pub fn parse(text: &str) -> Result<Self> {
        let form = match path::parse(text) {
            Some(form) => form,
            None => {
                let cel = spel::to_cel(text).map_err(|reason| unreadable(text, &reason))?;
                Form::Program(compile::compile(cel).map_err(|reason| unreadable(text, &reason))?)
            }
        };
        let reads_payload = match &form {
            Form::Payload(_) => true,
            Form::Header(..) | Form::Literal(_) => false,
            Form::Program(program) => program.references().has_variable("payload"),
        };
        Ok(Self {
            text: text.into(),
            form: Arc::new(form),
            reads_payload,
        })
    }

    /// Evaluates the expression. `payload` is asked for only if the expression reads it. What isn't there is null.
    ///
    /// # Errors
    /// A permanent payload error when the expression doesn't fit the message, for example a method on a null.
    pub fn evaluate(&self, payload: impl FnOnce() -> Value, headers: &Headers) -> Result<Value> {
        match &*self.form {
            Form::Payload(path) => Ok(path.find(payload())),
            Form::Header(name, path) => Ok(headers
                .get(name)
                .map_or(Value::Null, |value| path.find(value.to_json()))),
            Form::Literal(text) => Ok(Value::from(text.as_str())),
            Form::Program(program) => {
                let payload = if self.reads_payload {
                    payload()
                } else {
                    Value::Null
                };
                evaluate::run(program, payload, headers)
            }
        }
    }

    /// The same for a payload that is JSON text, of which no more is built than the expression asks for. What is no
    /// JSON is null.
    ///
    /// # Errors
    /// As [`Expression::evaluate`].
    pub fn evaluate_json(&self, json: &[u8], headers: &Headers) -> Result<Value> {
        match &*self.form {
            Form::Payload(path) => Ok(path.find_in(json)),
            _ => self.evaluate(|| serde_json::from_slice(json).unwrap_or_default(), headers),
        }
    }

    /// Whether the expression reads the payload.
    pub fn reads_payload(&self) -> bool {
        self.reads_payload
    }

    /// The expression as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

fn unreadable(text: &str, reason: &str) -> Error {
    let reason = reason.lines().next().unwrap_or_default();
    Error::new(
        ErrorKind::Configuration,
        format!("the expression `{text}` is not understood: {reason}"),
    )
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expression({})", self.text)
    }
}

#[cfg(test)]
mod tests;
