//! Property definitions: which configuration keys exist, what they accept, and what becomes of those we don't honour.

/// What a property accepts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PropertyType {
    /// `true`, `false`, and Boot's `on`/`off`, `yes`/`no`.
    Flag,
    /// A whole number within bounds, both included.
    Integer {
        /// The least value.
        min: i64,
        /// The greatest value.
        max: i64,
    },
    /// A number of at least `min`.
    Number {
        /// The least value.
        min: f64,
    },
    /// Any text.
    Text,
    /// Text that is never shown.
    Secret,
    /// One of some words, compared relaxed; resolved to the spelling given here.
    Choice(&'static [&'static str]),
    /// A duration: a bare number of milliseconds, `500ms`, `30s`, `1m`, or ISO-8601. Resolved to milliseconds.
    Millis,
    /// Like [`PropertyType::Millis`], but a bare number counts seconds. Resolved to milliseconds.
    Seconds,
    /// A list: a YAML sequence, a comma-separated text, or indexed keys.
    List,
    /// An expression; parsed at startup.
    Expression,
    /// A map from text to text; its keys may contain dots and are kept as given.
    Map,
    /// Anything below this name, kept as it is.
    Any,
}

/// What becomes of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It works.
    Works,
    /// Spring knows it, we don't yet: one warning.
    NotYet,
    /// It only means something on the JVM: one warning that says what happens instead.
    JvmOnly(&'static str),
    /// Another spelling of the named property at the same level.
    AliasOf(&'static str),
}

/// One property of one level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PropertyDef {
    /// The canonical kebab-case name; nested groups are dotted.
    pub name: &'static str,
    /// What it accepts.
    pub accepts: PropertyType,
    /// What becomes of it.
    pub support: Support,
}

impl PropertyDef {
    /// A property that works.
    pub const fn new(name: &'static str, accepts: PropertyType) -> Self {
        Self {
            name,
            accepts,
            support: Support::Works,
        }
    }

    /// A property that Spring knows and we don't support yet.
    pub const fn not_yet(name: &'static str) -> Self {
        Self {
            name,
            accepts: PropertyType::Any,
            support: Support::NotYet,
        }
    }

    /// A property that only means something on the JVM.
    pub const fn jvm_only(name: &'static str, instead: &'static str) -> Self {
        Self {
            name,
            accepts: PropertyType::Any,
            support: Support::JvmOnly(instead),
        }
    }

    /// Another spelling of `of`.
    pub const fn alias(name: &'static str, of: &'static str) -> Self {
        Self {
            name,
            accepts: PropertyType::Any,
            support: Support::AliasOf(of),
        }
    }
}

/// The properties of one binder kind.
#[derive(Clone, Copy, Debug)]
pub struct PropertyCatalog {
    /// `<kind>.binder.*`.
    pub binder: &'static [PropertyDef],
    /// `<kind>.bindings.<name>.consumer.*` and `<kind>.default.consumer.*`.
    pub consumer: &'static [PropertyDef],
    /// `<kind>.bindings.<name>.producer.*` and `<kind>.default.producer.*`.
    pub producer: &'static [PropertyDef],
    /// Spring Boot's own root for the kind, such as `spring.rabbitmq`, if it has one.
    pub connection_root: Option<&'static str>,
    /// The properties below that root.
    pub connection: &'static [PropertyDef],
    /// The producer property whose expression gives the record's key, such as `message-key-expression`.
    pub key_expression: Option<&'static str>,
    /// The producer property whose expression gives the record's routing key, such as `routing-key-expression`.
    pub routing_key_expression: Option<&'static str>,
}

impl PropertyCatalog {
    /// No properties.
    pub const EMPTY: Self = Self {
        binder: &[],
        consumer: &[],
        producer: &[],
        connection_root: None,
        connection: &[],
        key_expression: None,
        routing_key_expression: None,
    };
}
