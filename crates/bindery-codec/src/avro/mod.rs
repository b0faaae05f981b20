//! Avro: one datum, as binary, under a schema that both sides know.

mod from_json;
mod guard;
mod schema;
mod to_json;

use std::fmt;
use std::path::Path;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::schema::Names;
use apache_avro::writer::datum::GenericDatumWriter;
use bindery_core::{Error, ErrorKind, ExternalCodec, Result};
use bytes::Bytes;
use serde_json::Value;

/// The most that the library allocates for one length prefix, in bytes.
const MAX_ALLOCATION_BYTES: usize = 64 * 1024 * 1024;

/// Reads and writes values of one Avro schema: the plain binary encoding of one datum, without container or prefix.
///
/// Values have the shape that `serde` gives them. A union takes the first branch that fits, `null` is `None`; bytes
/// and `fixed` are lists of numbers, and text is taken as well; logical types are the type that they stand on (a
/// `timestamp-millis` is a `long`); a field that is left out has the schema's default, or `null` when it may be null.
/// A field that the schema doesn't have is an error: it would be lost.
///
/// ```
/// use bindery_codec::AvroCodec;
/// use bindery_core::ExternalCodec;
///
/// let codec = AvroCodec::from_schema_str(r#"{"type": "array", "items": "int"}"#).unwrap();
/// let bytes = codec.encode(&serde_json::json!([1, 2])).unwrap();
/// assert_eq!(&bytes[..], [4, 2, 4, 0]);
/// assert_eq!(codec.decode(&bytes).unwrap(), serde_json::json!([1, 2]));
/// ```
pub struct AvroCodec {
    schema: Schema,
    names: Names,
}

impl AvroCodec {
    /// A codec for a schema in its JSON form.
    ///
    /// # Errors
    /// A configuration error when that is no Avro schema.
    pub fn from_schema_str(schema: &str) -> Result<Self> {
        apache_avro::util::max_allocation_bytes(MAX_ALLOCATION_BYTES);
        let schema = schema::parse(schema)?;
        let names = schema::names(&schema)?;
        Ok(Self { schema, names })
    }

    /// A codec for the schema in a file (`.avsc`).
    ///
    /// # Errors
    /// A configuration error that names the file when it can't be read or holds no Avro schema.
    pub fn from_schema_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::new(ErrorKind::Configuration, "the Avro schema can't be read")
                .with("file", path.display())
                .caused_by(error)
        })?;
        Self::from_schema_str(&text).map_err(|error| error.with("file", path.display()))
    }

    /// The full name of the schema, or its type when it has no name.
    pub fn name(&self) -> String {
        match self.schema.name() {
            Some(name) => name.fullname(None),
            None => self.schema.to_string().to_ascii_lowercase(),
        }
    }
}

impl ExternalCodec for AvroCodec {
    fn encode(&self, value: &Value) -> Result<Bytes> {
        let value = from_json::convert(value, &self.schema, &self.names).map_err(|misfit| {
            payload(format!(
                "the value doesn't fit the Avro schema `{}`: {misfit}",
                self.name()
            ))
        })?;
        let writer = GenericDatumWriter::builder(&self.schema).build();
        let bytes = writer.and_then(|writer| writer.write_value_to_vec(value));
        bytes.map(Bytes::from).map_err(|error| {
            payload(format!("the value can't be written as Avro `{}`", self.name())).caused_by(error)
        })
    }

    fn decode(&self, bytes: &[u8]) -> Result<Value> {
        guard::check(bytes, &self.schema, &self.names)
            .map_err(|reason| payload(format!("the payload is no Avro `{}`: {reason}", self.name())))?;
        let reader = GenericDatumReader::builder(&self.schema).build();
        let value = reader.and_then(|reader| reader.read_value(&mut &bytes[..]));
        value
            .map(to_json::convert)
            .map_err(|error| payload(format!("the payload is no Avro `{}`", self.name())).caused_by(error))
    }
}

impl fmt::Debug for AvroCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AvroCodec").field(&self.name()).finish()
    }
}

fn payload(message: String) -> Error {
    Error::new(ErrorKind::Payload, message)
}
