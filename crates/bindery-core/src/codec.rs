//! Codecs: from bytes to values and back, chosen by content type.

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{BindingName, Error, ErrorKind, Result};

/// A codec for a content type that isn't built in. Values pass through it in their JSON form.
pub trait ExternalCodec: Send + Sync + fmt::Debug {
    /// Encodes a value.
    ///
    /// # Errors
    /// A permanent [`ErrorKind::Payload`] error when the value doesn't fit the schema.
    fn encode(&self, value: &serde_json::Value) -> Result<Bytes>;

    /// Decodes a value.
    ///
    /// # Errors
    /// A permanent [`ErrorKind::Payload`] error when the bytes aren't what the schema says.
    fn decode(&self, bytes: &[u8]) -> Result<serde_json::Value>;
}

/// How payloads of one content type are read and written.
#[derive(Clone, Debug)]
pub enum Codec {
    /// JSON. `String` and byte payloads pass as they are, unquoted, as Spring Cloud Stream passes them.
    Json,
    /// Text. Payloads that are no strings are read and written as JSON text.
    Text,
    /// Bytes. Payloads that are neither bytes nor strings are read and written as JSON.
    Bytes,
    /// Another content type.
    External(Arc<dyn ExternalCodec>),
}

/// An encoded payload, with what expressions need to look into it.
#[derive(Clone, Debug)]
pub struct EncodedPayload {
    /// The bytes; `None` for a tombstone.
    pub bytes: Option<Bytes>,
    /// What the bytes are.
    pub form: PayloadForm,
}

/// What the bytes of an encoded payload are.
#[derive(Clone, Debug, PartialEq)]
pub enum PayloadForm {
    /// JSON text of a value.
    Json,
    /// A string, as it is.
    Text,
    /// Bytes, as they are.
    Bytes,
    /// Something else; this is the value. Boxed, as most payloads pass without one.
    Value(Box<serde_json::Value>),
}

impl EncodedPayload {
    /// The payload as a JSON value: what expressions see as `payload`. `null` for a tombstone.
    pub fn to_json(&self) -> serde_json::Value {
        let Some(bytes) = &self.bytes else {
            return serde_json::Value::Null;
        };
        match &self.form {
            PayloadForm::Json => serde_json::from_slice(bytes).unwrap_or_default(),
            PayloadForm::Text | PayloadForm::Bytes => String::from_utf8_lossy(bytes).into_owned().into(),
            PayloadForm::Value(value) => (**value).clone(),
        }
    }
}

impl Codec {
    /// Encodes a value. `String`, `&str`-like and byte payloads are passed as they are by every codec but an external one.
    ///
    /// # Errors
    /// A permanent [`ErrorKind::Payload`] error when the value can't be written in this content type.
    pub fn encode<T: Serialize + 'static>(&self, value: &T) -> Result<EncodedPayload> {
        if let Some(raw) = raw_payload(value) {
            return Ok(raw);
        }
        match self {
            Self::Json | Self::Text | Self::Bytes => {
                let bytes = to_json(value).map_err(|error| unencodable::<T>(&error))?;
                Ok(EncodedPayload {
                    bytes: Some(bytes),
                    form: PayloadForm::Json,
                })
            }
            Self::External(codec) => {
                let value = serde_json::to_value(value).map_err(|error| unencodable::<T>(&error))?;
                let bytes = codec.encode(&value)?;
                Ok(EncodedPayload {
                    bytes: Some(bytes),
                    form: PayloadForm::Value(Box::new(value)),
                })
            }
        }
    }

    /// Decodes a payload. `String`, `Vec<u8>` and `Bytes` are taken as they are; a tombstone reads as JSON `null`.
    ///
    /// # Errors
    /// A permanent [`ErrorKind::Payload`] error that says where the bytes don't fit.
    pub fn decode<T: DeserializeOwned + 'static>(&self, payload: Option<&Bytes>) -> Result<T> {
        let bytes: &[u8] = payload.map_or(b"null", |bytes| bytes);
        let mut slot: Option<T> = None;
        if let Some(payload) = payload {
            fill_raw(&mut slot, payload)?;
        }
        if let Some(value) = slot {
            return Ok(value);
        }
        match self {
            Self::External(codec) if payload.is_some() => {
                serde_json::from_value(codec.decode(bytes)?).map_err(|error| undecodable::<T>(&error))
            }
            _ => serde_json::from_slice(bytes).map_err(|error| undecodable::<T>(&error)),
        }
    }
}

thread_local! {
    /// Where JSON is written before its size is known.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What the scratch keeps of its room from one value to the next.
const SCRATCH_BYTES: usize = 64 * 1024;

/// The JSON text of a value, in as much memory as it needs.
fn to_json<T: Serialize>(value: &T) -> serde_json::Result<Bytes> {
    // A value that encodes another one while it is encoded finds an empty scratch, no foreign text.
    let mut scratch = SCRATCH.take();
    scratch.clear();
    serde_json::to_writer(&mut scratch, value)?;
    if scratch.len() > SCRATCH_BYTES {
        return Ok(scratch.into());
    }
    let bytes = Bytes::copy_from_slice(&scratch);
    SCRATCH.set(scratch);
    Ok(bytes)
}

/// Strings and bytes go out as they are.
fn raw_payload<T: 'static>(value: &T) -> Option<EncodedPayload> {
    let value: &dyn Any = value;
    let (bytes, form) = if let Some(text) = value.downcast_ref::<String>() {
        (Bytes::copy_from_slice(text.as_bytes()), PayloadForm::Text)
    } else if let Some(text) = value.downcast_ref::<&'static str>() {
        (Bytes::from_static(text.as_bytes()), PayloadForm::Text)
    } else if let Some(bytes) = value.downcast_ref::<Bytes>() {
        (bytes.clone(), PayloadForm::Bytes)
    } else if let Some(bytes) = value.downcast_ref::<Vec<u8>>() {
        (Bytes::copy_from_slice(bytes), PayloadForm::Bytes)
    } else {
        return None;
    };
    Some(EncodedPayload {
        bytes: Some(bytes),
        form,
    })
}

/// Fills `slot` when `T` takes the payload as it is.
fn fill_raw<T: 'static>(slot: &mut Option<T>, payload: &Bytes) -> Result<()> {
    let slot: &mut dyn Any = slot;
    if let Some(slot) = slot.downcast_mut::<Option<String>>() {
        let text = std::str::from_utf8(payload).map_err(|error| undecodable::<String>(&error))?;
        *slot = Some(text.to_owned());
    } else if let Some(slot) = slot.downcast_mut::<Option<Bytes>>() {
        *slot = Some(payload.clone());
    } else if let Some(slot) = slot.downcast_mut::<Option<Vec<u8>>>() {
        *slot = Some(payload.to_vec());
    }
    Ok(())
}

fn unencodable<T>(error: &dyn fmt::Display) -> Error {
    Error::new(
        ErrorKind::Payload,
        format!("a `{}` can't be encoded: {error}", short_name::<T>()),
    )
}

fn undecodable<T>(error: &dyn fmt::Display) -> Error {
    Error::new(
        ErrorKind::Payload,
        format!("the payload is no `{}`: {error}", short_name::<T>()),
    )
}

/// The type's name without the paths of its module.
pub(crate) fn short_name<T: ?Sized>() -> String {
    let full = std::any::type_name::<T>();
    full.split_inclusive(['<', '>', ',', ' ', '(', ')'])
        .map(|part| part.rsplit("::").next().unwrap_or(part))
        .collect()
}

/// The codecs that an application knows, by content type.
pub trait Codecs: Send + Sync + fmt::Debug {
    /// The codec for a content type such as `application/json;charset=UTF-8`, or `None`.
    fn codec(&self, content_type: &str) -> Option<Codec>;

    /// The codecs of one binding, where it has some of its own: a schema that the configuration names for it.
    fn of_binding(&self, _binding: &BindingName) -> Option<Arc<dyn Codecs>> {
        None
    }
}

/// The built-in codecs alone: JSON, text and bytes, each under its usual names.
#[derive(Clone, Copy, Debug, Default)]
pub struct BuiltInCodecs;

impl Codecs for BuiltInCodecs {
    fn codec(&self, content_type: &str) -> Option<Codec> {
        let bare = content_type
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase();
        match bare.as_str() {
            "application/json" | "application/*" | "*/*" => Some(Codec::Json),
            json if json.starts_with("application/") && json.ends_with("+json") => Some(Codec::Json),
            "application/octet-stream" => Some(Codec::Bytes),
            text if text.starts_with("text/") => Some(Codec::Text),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_and_bytes_pass_json_unquoted() {
        let encoded = Codec::Json.encode(&"plain".to_owned()).unwrap();
        assert_eq!(encoded.bytes.as_deref(), Some(&b"plain"[..]));
        assert_eq!(
            Codec::Json.decode::<String>(encoded.bytes.as_ref()).unwrap(),
            "plain"
        );
        assert_eq!(
            Codec::Json.decode::<Vec<u8>>(encoded.bytes.as_ref()).unwrap(),
            b"plain"
        );
    }

    #[test]
    fn a_tombstone_reads_as_null() {
        assert_eq!(Codec::Json.decode::<Option<u32>>(None).unwrap(), None);
        assert!(Codec::Json.decode::<u32>(None).is_err());
    }

    #[test]
    fn what_does_not_fit_says_where() {
        let error = Codec::Json
            .decode::<Vec<u32>>(Some(&Bytes::from_static(b"[1,x]")))
            .unwrap_err();
        assert!(error.message().contains("column 4"), "{error}");
        assert!(error.message().contains("`Vec<u32>`"), "{error}");
    }
}
