//! The registry: which codec reads and writes which content type, at which binding.

use std::collections::HashMap;
use std::sync::Arc;

use bindery_core::{BindingName, BuiltInCodecs, Codec, Codecs, Error, ErrorKind, ExternalCodec, Result};

use crate::{AvroCodec, MediaType};

/// The codecs of an application, by content type. Cloning shares them.
///
/// Looked up in this order: codecs given by the application; for Avro (`application/avro`, `application/*+avro`,
/// `avro/binary`) the schema of the binding, then the schema of the content type; JSON, text and bytes. A charset other
/// than UTF-8 has no codec, so that text is never misread.
#[derive(Clone, Debug, Default)]
pub struct ContentTypes {
    codecs: Vec<(MediaType, Codec)>,
    schemas: Vec<(MediaType, Codec)>,
    of_bindings: HashMap<BindingName, Codec>,
}

impl ContentTypes {
    /// The built-in codecs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a codec for a content type, which may have wildcards (`application/*+cbor`). It goes before built-in ones
    /// and before codecs that were added earlier.
    ///
    /// # Errors
    /// When that is no content type.
    pub fn with_codec(mut self, content_type: &str, codec: Arc<dyn ExternalCodec>) -> Result<Self> {
        let content_type = configured(content_type)?;
        self.codecs.insert(0, (content_type, Codec::External(codec)));
        Ok(self)
    }

    /// Names the Avro schema of a content type, for example `application/vnd.order.v1+avro`, which may have wildcards.
    ///
    /// # Errors
    /// When that is no content type.
    pub fn with_schema(mut self, content_type: &str, schema: AvroCodec) -> Result<Self> {
        let content_type = configured(content_type)?;
        self.schemas
            .insert(0, (content_type, Codec::External(Arc::new(schema))));
        Ok(self)
    }

    /// Names the Avro schema of a binding: of all Avro messages that go through it.
    #[must_use]
    pub fn with_binding_schema(mut self, binding: &BindingName, schema: AvroCodec) -> Self {
        self.of_bindings
            .insert(binding.clone(), Codec::External(Arc::new(schema)));
        self
    }

    /// The codecs as one binding sees them: with its schema.
    pub fn for_binding(&self, binding: &BindingName) -> BindingContentTypes {
        BindingContentTypes {
            schema: self.of_bindings.get(binding).cloned(),
            shared: self.clone(),
        }
    }

    fn find(&self, content_type: &str, schema: Option<&Codec>) -> Option<Codec> {
        let wanted: MediaType = content_type.parse().ok()?;
        if let Some(codec) = lookup(&self.codecs, &wanted) {
            return Some(codec);
        }
        if is_avro(&wanted) {
            return schema.cloned().or_else(|| lookup(&self.schemas, &wanted));
        }
        let codec = BuiltInCodecs.codec(wanted.essence())?;
        (matches!(codec, Codec::Bytes) || wanted.is_utf8()).then_some(codec)
    }

    fn explain(content_type: &str) -> Error {
        let parsed = content_type.parse::<MediaType>();
        let message = match &parsed {
            Err(error) => error.message().to_owned(),
            Ok(wanted) if is_avro(wanted) => {
                format!(
                    "`{content_type}` needs an Avro schema: name its file at the binding or for the content type"
                )
            }
            Ok(wanted) if !wanted.is_utf8() => {
                format!("`{content_type}` is not supported: text is UTF-8, so leave the charset out")
            }
            Ok(_) => format!(
                "no codec for the content type `{content_type}`; known are application/json, application/*+json, text/*, application/octet-stream and Avro, and what the application adds"
            ),
        };
        Error::new(ErrorKind::Configuration, message)
    }
}

impl Codecs for ContentTypes {
    fn codec(&self, content_type: &str) -> Option<Codec> {
        self.find(content_type, None)
    }

    fn of_binding(&self, binding: &BindingName) -> Option<Arc<dyn Codecs>> {
        Some(Arc::new(self.for_binding(binding)))
    }
}

/// The codecs as one binding sees them.
#[derive(Clone, Debug)]
pub struct BindingContentTypes {
    shared: ContentTypes,
    schema: Option<Codec>,
}

impl BindingContentTypes {
    /// The codec of a configured content type.
    ///
    /// # Errors
    /// A configuration error that says what is missing when there is none.
    pub fn require(&self, content_type: &str) -> Result<Codec> {
        self.codec(content_type)
            .ok_or_else(|| ContentTypes::explain(content_type))
    }
}

impl Codecs for BindingContentTypes {
    fn codec(&self, content_type: &str) -> Option<Codec> {
        self.shared.find(content_type, self.schema.as_ref())
    }
}

fn configured(content_type: &str) -> Result<MediaType> {
    content_type
        .parse()
        .map_err(|error: Error| Error::new(ErrorKind::Configuration, error.message().to_owned()))
}

fn lookup(codecs: &[(MediaType, Codec)], wanted: &MediaType) -> Option<Codec> {
    let found = codecs.iter().find(|(known, _)| known.includes(wanted));
    found.map(|(_, codec)| codec.clone())
}

fn is_avro(content_type: &MediaType) -> bool {
    matches!(content_type.essence(), "application/avro" | "avro/binary")
        || content_type.main_type() == "application" && content_type.suffix() == Some("avro")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: &str = r#"{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}]}"#;

    fn order() -> AvroCodec {
        AvroCodec::from_schema_str(ORDER).unwrap()
    }

    #[test]
    fn built_in_types_are_found_with_parameters() {
        let known = ContentTypes::new();
        assert!(matches!(
            known.codec("application/json; charset=\"UTF-8\""),
            Some(Codec::Json)
        ));
        assert!(matches!(
            known.codec("application/vnd.order+json"),
            Some(Codec::Json)
        ));
        assert!(matches!(
            known.codec("text/plain;charset=us-ascii"),
            Some(Codec::Text)
        ));
        assert!(matches!(
            known.codec("application/octet-stream;charset=x"),
            Some(Codec::Bytes)
        ));
        assert!(known.codec("application/json;charset=UTF-16").is_none());
        assert!(known.codec("application/x-thing").is_none());
        assert!(known.codec("nonsense").is_none());
    }

    #[test]
    fn avro_takes_the_schema_of_the_binding_then_of_the_content_type() {
        let input = BindingName::new("reserve_stock-in-0");
        let known = ContentTypes::new()
            .with_schema("application/*+avro", order())
            .unwrap()
            .with_binding_schema(&input, order());
        for content_type in ["application/avro", "avro/binary", "application/vnd.order.v1+avro"] {
            assert!(
                known
                    .for_binding(&BindingName::new("reserveStock-in-0"))
                    .codec(content_type)
                    .is_some()
            );
        }
        assert!(known.codec("application/vnd.order.v1+avro").is_some());
        assert!(known.codec("application/avro").is_none());
    }

    #[test]
    fn a_missing_codec_is_explained() {
        let of_binding = ContentTypes::new().for_binding(&BindingName::new("a-in-0"));
        let message = |content_type| of_binding.require(content_type).unwrap_err().message().to_owned();
        assert!(message("application/avro").contains("needs an Avro schema"));
        assert!(message("text/plain;charset=latin1").contains("leave the charset out"));
        assert!(message("application/x-thing").contains("no codec"));
        assert!(message("thing").contains("is no content type"));
    }

    #[test]
    fn codecs_of_the_application_go_first() {
        let known = ContentTypes::new()
            .with_codec("application/json", Arc::new(order()))
            .unwrap();
        assert!(matches!(
            known.codec("application/json"),
            Some(Codec::External(_))
        ));
        assert!(ContentTypes::new().with_codec("json", Arc::new(order())).is_err());
    }
}
