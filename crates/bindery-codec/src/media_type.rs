//! Media types: `type/subtype; parameter=value`, as RFC 9110 writes them.

use std::fmt;
use std::str::FromStr;

use bindery_core::{Error, ErrorKind};

/// A content type, taken apart. Type, subtype and parameter names are in lower case.
///
/// ```
/// use bindery_codec::MediaType;
///
/// let parsed: MediaType = r#"Application/vnd.order+JSON ; Charset="utf-8""#.parse().unwrap();
/// assert_eq!(parsed.essence(), "application/vnd.order+json");
/// assert_eq!(parsed.suffix(), Some("json"));
/// assert_eq!(parsed.charset(), Some("utf-8"));
/// assert!("no content type".parse::<MediaType>().is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaType {
    essence: String,
    slash: usize,
    parameters: Vec<(String, String)>,
}

impl MediaType {
    /// `type/subtype`.
    pub fn essence(&self) -> &str {
        &self.essence
    }

    /// What is before the slash.
    pub fn main_type(&self) -> &str {
        &self.essence[..self.slash]
    }

    /// What is behind the slash.
    pub fn subtype(&self) -> &str {
        &self.essence[self.slash + 1..]
    }

    /// What is behind the last `+` of the subtype.
    pub fn suffix(&self) -> Option<&str> {
        self.subtype().rsplit_once('+').map(|(_, suffix)| suffix)
    }

    /// A parameter, by its name in lower case.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The `charset` parameter.
    pub fn charset(&self) -> Option<&str> {
        self.parameter("charset")
    }

    /// Whether text in it is UTF-8: its charset is that, or ASCII, or isn't given.
    pub fn is_utf8(&self) -> bool {
        let known = ["utf-8", "utf8", "us-ascii", "ascii"];
        self.charset()
            .is_none_or(|charset| known.iter().any(|name| charset.eq_ignore_ascii_case(name)))
    }

    /// Whether `other` is of this type, which may have `*` for the subtype, or in front of a suffix (`*+avro`).
    pub fn includes(&self, other: &Self) -> bool {
        if self.essence == "*/*" || self.essence == other.essence {
            return true;
        }
        self.main_type() == other.main_type()
            && match self.subtype().strip_prefix("*+") {
                Some(suffix) => other.suffix() == Some(suffix),
                None => self.subtype() == "*",
            }
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.essence)?;
        for (name, value) in &self.parameters {
            if !value.is_empty() && value.bytes().all(is_token) {
                write!(f, ";{name}={value}")?;
            } else {
                let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
                write!(f, ";{name}=\"{escaped}\"")?;
            }
        }
        Ok(())
    }
}

impl FromStr for MediaType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = || {
            let message = format!(
                "`{}` is no content type: write `type/subtype`",
                text.escape_debug()
            );
            Error::new(ErrorKind::Payload, message)
        };
        let mut rest = text.trim();
        let main_type = token(&mut rest).ok_or_else(refused)?;
        rest = rest.strip_prefix('/').ok_or_else(refused)?;
        let subtype = token(&mut rest).ok_or_else(refused)?;
        let mut parameters = Vec::new();
        loop {
            rest = rest.trim_start();
            if rest.is_empty() {
                break;
            }
            rest = rest.strip_prefix(';').ok_or_else(refused)?.trim_start();
            if let Some(name) = token(&mut rest) {
                rest = rest.strip_prefix('=').ok_or_else(refused)?;
                let value = quoted(&mut rest).or_else(|| token(&mut rest).map(str::to_owned));
                parameters.push((name.to_ascii_lowercase(), value.ok_or_else(refused)?));
            }
        }
        Ok(Self {
            slash: main_type.len(),
            essence: format!("{main_type}/{subtype}").to_ascii_lowercase(),
            parameters,
        })
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Takes a token from the front.
fn token<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let end = rest.bytes().take_while(|byte| is_token(*byte)).count();
    let (token, after) = rest.split_at(end);
    *rest = after;
    (!token.is_empty()).then_some(token)
}

/// Takes a quoted string from the front; nothing when there is none, or it isn't closed.
fn quoted(rest: &mut &str) -> Option<String> {
    let inner = rest.strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = inner.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => {
                *rest = &inner[index + 1..];
                return Some(value);
            }
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> MediaType {
        text.parse().unwrap()
    }

    #[test]
    fn parameters_are_read_quoted_and_plain() {
        let parsed = parse("text/plain; format=\"a \\\"quoted\\\" ; one\";charset=UTF-8;");
        assert_eq!(parsed.parameter("format"), Some("a \"quoted\" ; one"));
        assert!(parsed.is_utf8());
        assert_eq!(parse(&parsed.to_string()), parsed);
        assert!(!parse("text/plain;charset=iso-8859-1").is_utf8());
    }

    #[test]
    fn what_is_no_content_type_is_refused() {
        for text in [
            "",
            "/",
            "json",
            "a/b c",
            "a/b;c",
            "a/b;c=",
            "a/b;c=\"d",
            "ä/b",
            "a/b;c=\"d\\",
            "a/b/c",
        ] {
            assert!(text.parse::<MediaType>().is_err(), "{text}");
        }
    }

    #[test]
    fn wildcards_include_what_they_say() {
        let includes = |wide: &str, narrow: &str| parse(wide).includes(&parse(narrow));
        assert!(includes("*/*", "text/plain") && includes("text/*", "text/plain;charset=UTF-8"));
        assert!(includes("application/*+avro", "application/vnd.order.v1+avro"));
        assert!(!includes("application/*+avro", "application/avro") && !includes("text/*", "image/png"));
    }
}
