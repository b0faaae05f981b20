//! Message headers: typed values under names, read lazily from a broker's own bytes.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

/// The content type of the payload, under Spring's name.
pub const CONTENT_TYPE: &str = "contentType";
/// The partition that a partitioned producer chose, under Spring's name.
pub const PARTITION: &str = "scst_partition";
/// The evaluated message key. RabbitMQ has no record key, so there the key travels in this header.
pub const MESSAGE_KEY: &str = "scst_messageKey";

/// Marks a message of which some headers could not be read. The runtime gives it to no handler: it is undecodable.
pub const UNREADABLE_HEADERS: &str = "x-bindery-unreadable-headers";

/// One header value. The variants are what AMQP tables and Spring's typed Kafka headers can say.
#[derive(Clone, Debug, PartialEq)]
pub enum HeaderValue {
    /// A header that is present without a value.
    Null,
    /// A truth value.
    Bool(bool),
    /// A 32-bit integer (`java.lang.Integer`).
    Int(i32),
    /// A 64-bit integer (`java.lang.Long`).
    Long(i64),
    /// A floating point number (`java.lang.Double`).
    Double(f64),
    /// UTF-8 text (`java.lang.String`).
    Text(Arc<str>),
    /// Bytes of which no type is known.
    Bytes(Bytes),
    /// Milliseconds since the epoch (AMQP timestamps have whole seconds).
    Timestamp(i64),
    /// A list of values.
    List(Vec<Self>),
    /// A table of values, in order.
    Map(Vec<(Arc<str>, Self)>),
    /// A value of another type, carried through as it came: its type name and its JSON text.
    Json {
        /// The type name that the writer gave, for example `java.math.BigDecimal`.
        class: Arc<str>,
        /// The value as JSON text.
        text: Arc<str>,
    },
}

impl HeaderValue {
    /// The value as text, if it is text or UTF-8 bytes.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            Self::Json { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The value as an integer, if it is one or is the text of one.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(i64::from(*value)),
            Self::Long(value) | Self::Timestamp(value) => Some(*value),
            other => other.as_text()?.trim().parse().ok(),
        }
    }

    /// The value as JSON, for expressions and for people. Bytes that are UTF-8 are text, others a list of numbers.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::from(*value),
            Self::Int(value) => Value::from(*value),
            Self::Long(value) | Self::Timestamp(value) => Value::from(*value),
            Self::Double(value) => Value::from(*value),
            Self::Text(text) => Value::from(&**text),
            Self::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Value::from(text),
                Err(_) => bytes.iter().copied().map(Value::from).collect(),
            },
            Self::List(values) => values.iter().map(Self::to_json).collect(),
            Self::Map(entries) => entries
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_json()))
                .collect(),
            Self::Json { text, .. } => serde_json::from_str(text).unwrap_or_else(|_| Value::from(&**text)),
        }
    }
}

macro_rules! from {
    ($($source:ty => |$value:ident| $made:expr),* $(,)?) => {
        $(impl From<$source> for HeaderValue {
            fn from($value: $source) -> Self {
                $made
            }
        })*
    };
}

from! {
    bool => |v| Self::Bool(v),
    i32 => |v| Self::Int(v),
    u32 => |v| Self::Long(i64::from(v)),
    i64 => |v| Self::Long(v),
    f64 => |v| Self::Double(v),
    &str => |v| Self::Text(v.into()),
    String => |v| Self::Text(v.into()),
    Arc<str> => |v| Self::Text(v),
    Bytes => |v| Self::Bytes(v),
    Vec<u8> => |v| Self::Bytes(v.into()),
}

/// Headers in a binder's own encoding.
///
/// A binder hands over what it received; the pairs are made when somebody asks for one.
#[derive(Clone, Debug)]
pub struct EncodedHeaders {
    /// The encoded pairs.
    pub bytes: Bytes,
    /// How they are read.
    pub encoding: &'static HeaderEncoding,
}

/// How a binder's headers are read.
#[derive(Debug)]
pub struct HeaderEncoding {
    /// Reads the pairs. Never panics; what it can't read it leaves as bytes or leaves out.
    pub read: fn(&Bytes) -> Vec<(Arc<str>, HeaderValue)>,
    /// Looks at what decoding asks of every message, without making the pairs.
    pub glance: fn(&Bytes) -> Glance<'_>,
}

/// What a glance at encoded headers tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glance<'a> {
    /// Every header can be read, and this is the content type as it came, if there is one: a text without quotes.
    ContentType(Option<&'a [u8]>),
    /// Something is unusual: the pairs tell.
    Unusual,
}

/// Names and values in order.
type Pairs = Arc<Vec<(Arc<str>, HeaderValue)>>;

/// The headers of a message: names and values in order; setting a name again replaces its value.
///
/// Cloning is cheap. Names are case-sensitive, as on the wire.
#[derive(Clone, Default)]
pub struct Headers {
    /// What a binder received, until something is changed.
    received: Option<Received>,
    /// What was made here.
    made: Option<Pairs>,
}

#[derive(Clone)]
struct Received {
    encoded: EncodedHeaders,
    /// Made when somebody asks for one.
    pairs: OnceLock<Pairs>,
}

impl Received {
    fn read(encoded: &EncodedHeaders) -> Pairs {
        Arc::new((encoded.encoding.read)(&encoded.bytes))
    }
}

impl Headers {
    /// No headers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Headers that are read from `encoded` when one is first asked for.
    pub fn from_encoded(encoded: EncodedHeaders) -> Self {
        let pairs = OnceLock::new();
        Self {
            received: Some(Received { encoded, pairs }),
            made: None,
        }
    }

    fn pairs(&self) -> &[(Arc<str>, HeaderValue)] {
        match &self.received {
            Some(Received { encoded, pairs }) => pairs.get_or_init(|| Received::read(encoded)),
            None => self.made.as_ref().map_or(&[], |pairs| pairs),
        }
    }

    fn pairs_mut(&mut self) -> &mut Vec<(Arc<str>, HeaderValue)> {
        if let Some(Received { encoded, pairs }) = self.received.take() {
            self.made = Some(pairs.into_inner().unwrap_or_else(|| Received::read(&encoded)));
        }
        Arc::make_mut(self.made.get_or_insert_default())
    }

    /// The content type at a glance, where that is quicker than to read all headers.
    pub(crate) fn glance(&self) -> Glance<'_> {
        match &self.received {
            Some(Received { encoded, pairs }) if pairs.get().is_none() => {
                (encoded.encoding.glance)(&encoded.bytes)
            }
            _ => Glance::Unusual,
        }
    }

    /// The encoded form, as long as nothing was changed.
    pub fn encoded(&self) -> Option<&EncodedHeaders> {
        self.received.as_ref().map(|received| &received.encoded)
    }

    /// The last value under `name`.
    pub fn get(&self, name: &str) -> Option<&HeaderValue> {
        self.pairs()
            .iter()
            .rev()
            .find(|(known, _)| &**known == name)
            .map(|(_, value)| value)
    }

    /// The value under `name` as text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_text()
    }

    /// The content type, without the quotes that some JVM senders put around it.
    pub fn content_type(&self) -> Option<Cow<'_, str>> {
        let text = self.text(CONTENT_TYPE)?;
        let bare = text.trim_matches('"');
        (!bare.is_empty()).then_some(Cow::Borrowed(bare))
    }

    /// Sets `name` to `value`, in place of every value it had.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, value: impl Into<HeaderValue>) {
        let name = name.into();
        let pairs = self.pairs_mut();
        pairs.retain(|(known, _)| *known != name);
        pairs.push((name, value.into()));
    }

    /// Removes every value under `name` and returns the last.
    pub fn remove(&mut self, name: &str) -> Option<HeaderValue> {
        self.get(name)?;
        let pairs = self.pairs_mut();
        let mut removed = None;
        pairs.retain_mut(|(known, value)| {
            let keep = &**known != name;
            if !keep {
                removed = Some(std::mem::replace(value, HeaderValue::Null));
            }
            keep
        });
        removed
    }

    /// Adds a pair even when the name is there already: the wire allows it, and a dead letter keeps it.
    pub fn append(&mut self, name: impl Into<Arc<str>>, value: impl Into<HeaderValue>) {
        self.pairs_mut().push((name.into(), value.into()));
    }

    /// All pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &HeaderValue)> {
        self.pairs().iter().map(|(name, value)| (&**name, value))
    }

    /// How many pairs there are.
    pub fn len(&self) -> usize {
        self.pairs().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.pairs().is_empty()
    }
}

impl std::fmt::Debug for Headers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        self.pairs() == other.pairs()
    }
}

impl<N: Into<Arc<str>>, V: Into<HeaderValue>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let pairs: Vec<_> = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        Self {
            received: None,
            made: Some(Arc::new(pairs)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_headers_are_read_once_asked_for_and_changed_in_a_copy() {
        let encoded = EncodedHeaders {
            bytes: Bytes::from_static(b"v"),
            encoding: &HeaderEncoding {
                read: |bytes| vec![("k".into(), HeaderValue::Bytes(bytes.clone()))],
                glance: |_| Glance::ContentType(None),
            },
        };
        let headers = Headers::from_encoded(encoded);
        let mut copy = headers.clone();
        copy.insert("k", 5);
        assert_eq!(headers.text("k"), Some("v"));
        assert_eq!(copy.get("k"), Some(&HeaderValue::Int(5)));
        assert!(headers.encoded().is_some() && copy.encoded().is_none());
    }

    #[test]
    fn headers_without_pairs_keep_nothing_however_they_are_read() {
        let none = Headers::new();
        assert!(none.is_empty() && none.get("k").is_none() && none.iter().next().is_none());
        assert!(none == Headers::from_iter::<[(&str, i32); 0]>([]));
        assert!(none.made.is_none());
    }

    #[test]
    fn a_quoted_content_type_is_read_without_its_quotes() {
        let headers: Headers = [(CONTENT_TYPE, "\"application/json\"")].into_iter().collect();
        assert_eq!(headers.content_type().as_deref(), Some("application/json"));
    }

    #[test]
    fn inserting_replaces_and_appending_adds() {
        let mut headers: Headers = [("a", 1), ("a", 2)].into_iter().collect();
        headers.append("a", 3);
        assert_eq!(
            (headers.len(), headers.get("a").and_then(HeaderValue::as_i64)),
            (3, Some(3))
        );
        headers.insert("a", 4);
        assert_eq!(headers.len(), 1);
        assert_eq!(headers.remove("a"), Some(HeaderValue::Int(4)));
        assert!(headers.is_empty());
    }
}
