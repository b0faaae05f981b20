//! Content types and their codecs: JSON, text and bytes from the core, Avro, and codecs of the application's own.
//!
//! ```
//! use bindery_codec::{AvroCodec, ContentTypes};
//! use bindery_core::{BindingName, Codec, Codecs};
//!
//! # fn main() -> bindery_core::Result<()> {
//! let order = AvroCodec::from_schema_str(
//!     r#"{"type": "record", "name": "Order", "fields": [{"name": "id", "type": "long"}]}"#,
//! )?;
//! let content_types = ContentTypes::new().with_binding_schema(&BindingName::new("place-out-0"), order);
//!
//! let of_binding = content_types.for_binding(&BindingName::new("place-out-0"));
//! assert!(matches!(of_binding.codec("application/avro"), Some(Codec::External(_))));
//! assert!(matches!(of_binding.codec("application/json;charset=UTF-8"), Some(Codec::Json)));
//! assert!(content_types.codec("application/avro").is_none());
//! # Ok(())
//! # }
//! ```

mod avro;
mod content_types;
mod media_type;

pub use avro::AvroCodec;
pub use content_types::{BindingContentTypes, ContentTypes};
pub use media_type::MediaType;
