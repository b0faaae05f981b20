//! Headers that an output has from its input, or that it has alone.

use std::sync::Arc;

use bindery_core::{CONTENT_TYPE, EncodedHeaders, HeaderValue, Headers, MESSAGE_KEY, PARTITION, RawMessage};
use bytes::Bytes;

/// Copies the headers of a source's messages, and keeps the latest copy: who sends to a destination mostly says the same
/// with every message, and then the bytes are compared instead of read.
#[derive(Debug, Default)]
pub(crate) struct Copied {
    latest: Option<Latest>,
    /// The headers of an output that has no others, with their content type.
    bare: Option<(Arc<str>, Headers)>,
}

#[derive(Debug)]
struct Latest {
    encoded: Bytes,
    content_type: Arc<str>,
    headers: Headers,
}

impl Copied {
    /// The input's headers, without those that belong to its own way here, and with the output's content type.
    pub(crate) fn headers(&mut self, input: Option<&RawMessage>, content_type: Arc<str>) -> Headers {
        let Some(input) = input else {
            return self.bare(content_type);
        };
        let Some(encoded) = input.headers.encoded() else {
            return with_content_type(carried_on(input.headers.clone()), content_type);
        };
        if let Some(latest) = &self.latest
            && latest.encoded == encoded.bytes
            && latest.content_type == content_type
        {
            return latest.headers.clone();
        }
        // The input's own bytes are a part of all that came with it, which must not stay for their sake.
        let encoded = EncodedHeaders {
            bytes: Bytes::copy_from_slice(&encoded.bytes),
            encoding: encoded.encoding,
        };
        let headers = carried_on(Headers::from_encoded(encoded.clone()));
        let headers = with_content_type(headers, content_type.clone());
        self.latest = Some(Latest {
            encoded: encoded.bytes,
            content_type,
            headers: headers.clone(),
        });
        headers
    }

    /// What the listener gave, with the output's content type.
    pub(crate) fn given(&mut self, given: Headers, content_type: Arc<str>) -> Headers {
        match given.is_empty() {
            true => self.bare(content_type),
            false => with_content_type(given, content_type),
        }
    }

    fn bare(&mut self, content_type: Arc<str>) -> Headers {
        match &self.bare {
            Some((known, headers)) if *known == content_type => headers.clone(),
            _ => {
                let headers = with_content_type(Headers::new(), content_type.clone());
                self.bare = Some((content_type, headers.clone()));
                headers
            }
        }
    }
}

fn carried_on(mut headers: Headers) -> Headers {
    headers.remove(PARTITION);
    headers.remove(MESSAGE_KEY);
    headers
}

fn with_content_type(mut headers: Headers, content_type: Arc<str>) -> Headers {
    headers.insert(CONTENT_TYPE, HeaderValue::Text(content_type));
    headers
}

#[cfg(test)]
mod tests {
    use bindery_core::{Glance, HeaderEncoding, Origin};

    use super::*;

    /// Reads `name=value;name=value`.
    static PLAIN: HeaderEncoding = HeaderEncoding {
        read: |bytes| {
            let text = String::from_utf8_lossy(bytes).into_owned();
            let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
            pairs.map(|(name, value)| (name.into(), value.into())).collect()
        },
        glance: |_| Glance::Unusual,
    };

    fn message(headers: Headers) -> RawMessage {
        RawMessage {
            payload: None,
            key: None,
            headers,
            origin: Origin::default(),
        }
    }

    fn encoded(text: &'static str) -> RawMessage {
        message(Headers::from_encoded(EncodedHeaders {
            bytes: text.into(),
            encoding: &PLAIN,
        }))
    }

    fn texts(headers: &Headers) -> Vec<(String, String)> {
        let text = |value: &HeaderValue| value.as_text().unwrap_or_default().to_owned();
        headers
            .iter()
            .map(|(name, value)| (name.to_owned(), text(value)))
            .collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn each_input_has_its_own_headers_copied_whatever_came_before() {
        let mut copied = Copied::default();
        let json: Arc<str> = "application/json".into();
        let first = encoded("a=1;scst_partition=3;contentType=text/plain;scst_messageKey=k");
        let expected = pairs(&[("a", "1"), ("contentType", "application/json")]);
        for _ in 0..2 {
            assert_eq!(texts(&copied.headers(Some(&first), json.clone())), expected);
        }
        let other = copied.headers(Some(&encoded("a=2")), json.clone());
        let expected = pairs(&[("a", "2"), ("contentType", "application/json")]);
        assert_eq!(texts(&other), expected);
        let plain = copied.headers(Some(&encoded("a=2")), "text/plain".into());
        assert_eq!(texts(&plain), pairs(&[("a", "2"), ("contentType", "text/plain")]));
        let mut changed = Headers::new();
        changed.insert("b", "3");
        let changed = copied.headers(Some(&message(changed)), "text/plain".into());
        assert_eq!(
            texts(&changed),
            pairs(&[("b", "3"), ("contentType", "text/plain")])
        );
        let none = copied.headers(None, json);
        assert_eq!(texts(&none), pairs(&[("contentType", "application/json")]));
    }

    #[test]
    fn what_the_listener_gave_is_used_and_the_content_type_is_the_outputs() {
        let mut copied = Copied::default();
        for content_type in ["application/json", "text/plain", "text/plain"] {
            let none = copied.given(Headers::new(), content_type.into());
            assert_eq!(texts(&none), pairs(&[("contentType", content_type)]));
            let mut given = none;
            given.insert("a", "1");
            let given = copied.given(given, "text/html".into());
            assert_eq!(texts(&given), pairs(&[("a", "1"), ("contentType", "text/html")]));
        }
    }

    #[test]
    fn what_is_done_to_a_copy_is_not_done_to_the_next() {
        let mut copied = Copied::default();
        let input = encoded("a=1");
        let mut first = copied.headers(Some(&input), "text/plain".into());
        first.insert(PARTITION, 5);
        let second = copied.headers(Some(&input), "text/plain".into());
        assert_eq!(second.get(PARTITION), None);
        assert_eq!(input.headers.get(CONTENT_TYPE), None);
    }
}
