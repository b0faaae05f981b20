//! Content types: parsed, written and looked up.

use std::sync::LazyLock;

use bindery_codec::{AvroCodec, ContentTypes, MediaType};
use bindery_core::{CONTENT_TYPE, Codecs, Headers};

use super::Target;
use crate::pieces::{split, text};

/// Parts: a content type, and another one.
pub const TARGET: Target = Target {
    name: "content_type",
    words: &[
        "application/",
        "text/",
        "json",
        "*/*",
        "*+avro",
        "+json",
        ";charset=",
        "utf-8",
        "=\"",
        "\\\"",
        "; ",
        "avro/binary",
    ],
    run,
};

static CODECS: LazyLock<ContentTypes> = LazyLock::new(|| {
    let schema = AvroCodec::from_schema_str("\"long\"").expect("`long` is a schema");
    ContentTypes::new()
        .with_schema("application/*+avro", schema)
        .expect("this is a content type")
});

fn run(input: &[u8]) {
    let [first, second] = split(input).map(text);
    let headers: Headers = [(CONTENT_TYPE, first.as_str())].into_iter().collect();
    headers.content_type();
    CODECS.codec(&first);
    let Ok(parsed) = first.parse::<MediaType>() else {
        return;
    };
    let written = parsed.to_string();
    assert_eq!(
        written.parse::<MediaType>().ok().as_ref(),
        Some(&parsed),
        "{written:?}"
    );
    assert!(parsed.includes(&parsed), "{written:?}");
    assert_eq!(
        format!("{}/{}", parsed.main_type(), parsed.subtype()),
        parsed.essence()
    );
    if let Ok(other) = second.parse::<MediaType>() {
        parsed.includes(&other);
    }
}
