//! Thin doors to what reads and writes hostile bytes, for the fuzz targets. No part of the crate's interface.

use std::borrow::Cow;

use bindery_core::{BinderSpec, ConsumerSpec, EncodedHeaders, Failure, Headers, ProducerSpec, RawMessage};
use bytes::Bytes;

use crate::connection::Connection;
use crate::dead_letter;
use crate::headers::encoded::{self, Flags, TimestampType};
use crate::headers::patterns::Patterns;
use crate::headers::{self, Rendered};
use crate::options::{ConsumerOptions, ProducerOptions};

/// Encodes a record's headers as the poll thread does; a name that isn't UTF-8 is left out and flagged.
pub fn encode(pairs: &[(&[u8], Option<&[u8]>)]) -> Bytes {
    let names: Vec<_> = pairs.iter().map(|(name, _)| std::str::from_utf8(name)).collect();
    let mut buffer = Vec::new();
    encoded::put_flags(
        &mut buffer,
        Flags {
            timestamp: TimestampType::Create,
            unreadable: names.iter().any(Result::is_err),
        },
    );
    for (name, (_, value)) in names.iter().zip(pairs) {
        if let Ok(name) = name {
            encoded::put(&mut buffer, name, *value);
        }
    }
    buffer.into()
}

/// Headers as a handler sees them.
pub fn read(bytes: Bytes) -> Headers {
    Headers::from_encoded(EncodedHeaders {
        bytes,
        encoding: &headers::ENCODING,
    })
}

/// A record's headers as they go out under the given `header-patterns`.
pub fn render(headers: &Headers, patterns: &[String]) -> Vec<(String, Vec<u8>)> {
    let Rendered { pairs, .. } = headers::render(headers, &Patterns::new(patterns));
    let owned = |(name, value): (&str, Cow<'_, [u8]>)| (name.to_owned(), value.into_owned());
    pairs.into_iter().map(owned).collect()
}

/// A dead letter's headers; with `limit`, those of the second try, when the first was too large.
pub fn dead_letter(
    message: &RawMessage,
    failure: &Failure,
    limit: Option<usize>,
) -> Vec<(String, Option<Bytes>)> {
    dead_letter::headers(message, failure, limit)
}

/// What the client library would be configured with, without a client: every refusal.
pub fn refusals(
    binder: &BinderSpec,
    consumers: &[&ConsumerSpec],
    producers: &[&ProducerSpec],
) -> Vec<bindery_core::Error> {
    let connection = match Connection::new(binder) {
        Ok(connection) => connection,
        Err(error) => return vec![error],
    };
    let consumers = consumers.iter().map(|spec| {
        let options = ConsumerOptions::read(spec)?;
        connection.consumer(spec.group.as_deref(), "id", &options)
    });
    let producers = producers.iter().map(|spec| {
        let options = ProducerOptions::read(spec)?;
        connection.producer(&options, spec.confirm_timeout, spec.awaited)
    });
    consumers.chain(producers).filter_map(Result::err).collect()
}
