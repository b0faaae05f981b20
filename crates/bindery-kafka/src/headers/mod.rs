//! Record headers: Spring's typed values on the way in and out.
//!
//! On the wire a header is a name and bytes. A Spring sender adds `spring_json_header_types`, a JSON object that gives
//! the Java type of each header it converted; a header without a type is bytes.

pub(crate) mod encoded;
mod inbound;
mod outbound;
pub(crate) mod patterns;

#[cfg(test)]
use inbound::{glance, read};
pub(crate) use outbound::{Directions, Rendered, render};

/// How the headers of a record are read.
pub(crate) static ENCODING: HeaderEncoding = HeaderEncoding {
    read: inbound::read,
    glance: inbound::glance,
};

/// The record header that holds the types of the others.
pub(crate) const TYPES: &str = "spring_json_header_types";

use bindery_core::HeaderEncoding;
pub use bindery_core::UNREADABLE_HEADERS;

/// Headers whose text is raw on the wire in both directions, without a type.
const RAW: &[&str] = &[
    "b3",
    "traceparent",
    "X-B3-TraceId",
    "X-B3-SpanId",
    "X-B3-Sampled",
    "X-B3-Flags",
    "kafka_listenerInfo",
];

fn is_raw(name: &str) -> bool {
    RAW.contains(&name)
}

const STRING: &str = "java.lang.String";
const INTEGER: &str = "java.lang.Integer";
const LONG: &str = "java.lang.Long";
const BOOLEAN: &str = "java.lang.Boolean";
const DOUBLE: &str = "java.lang.Double";
const DATE: &str = "java.util.Date";
const LIST: &str = "java.util.ArrayList";
const MAP: &str = "java.util.LinkedHashMap";

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
