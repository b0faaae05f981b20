//! Content types and their codecs: JSON, text, bytes, Avro
