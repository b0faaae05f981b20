//! A record's headers as one run of bytes: copied once on the poll thread, parsed only when somebody asks.
//!
//! One byte of flags, then for each header the name's length (u32), the name, the value's length (u32; all ones is
//! no value) and the value; numbers are little endian.

use bytes::Bytes;

const NO_VALUE: u32 = u32::MAX;

/// What a record says besides its headers, and that doesn't fit elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flags {
    /// What the record's timestamp means.
    pub(crate) timestamp: TimestampType,
    /// Whether a header was left out because its name isn't UTF-8.
    pub(crate) unreadable: bool,
}

/// What a record's timestamp means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TimestampType {
    /// There is none.
    #[default]
    None,
    /// The sender's time.
    Create,
    /// The broker's time.
    LogAppend,
}

impl TimestampType {
    /// The name as the JVM writes it into dead letters.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::None => "NoTimestampType",
            Self::Create => "CreateTime",
            Self::LogAppend => "LogAppendTime",
        }
    }
}

/// Writes the flags: the first byte.
pub(crate) fn put_flags(into: &mut Vec<u8>, flags: Flags) {
    into.push(flag_byte(flags));
}

/// Sets the flags of headers that are encoded already.
pub(crate) fn set_flags(encoded: &mut [u8], flags: Flags) {
    if let Some(first) = encoded.first_mut() {
        *first = flag_byte(flags);
    }
}

fn flag_byte(flags: Flags) -> u8 {
    flags.timestamp as u8 | u8::from(flags.unreadable) << 2
}

/// Adds a header.
pub(crate) fn put(into: &mut Vec<u8>, name: &str, value: Option<&[u8]>) {
    put_bytes(into, name.as_bytes());
    match value {
        Some(value) => put_bytes(into, value),
        None => into.extend_from_slice(&NO_VALUE.to_le_bytes()),
    }
}

/// Names and values of a Kafka record are below 2 GiB: the protocol counts them in 32 bits.
fn put_bytes(into: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(NO_VALUE - 1);
    into.extend_from_slice(&length.to_le_bytes());
    into.extend_from_slice(bytes);
}

/// The flags of encoded headers.
pub(crate) fn flags(encoded: &Bytes) -> Flags {
    let byte = encoded.first().copied().unwrap_or_default();
    Flags {
        timestamp: match byte & 0b11 {
            1 => TimestampType::Create,
            2 => TimestampType::LogAppend,
            _ => TimestampType::None,
        },
        unreadable: byte & 0b100 != 0,
    }
}

/// The headers in order, as slices of `encoded`.
pub(crate) fn pairs(encoded: &Bytes) -> impl Iterator<Item = (&str, Option<Bytes>)> {
    raw_pairs(encoded).filter_map(|(name, value)| {
        let name = std::str::from_utf8(name).ok()?;
        Some((name, value.map(|value| encoded.slice_ref(value))))
    })
}

/// The headers in order, borrowed.
pub(crate) fn raw_pairs(encoded: &[u8]) -> Pairs<'_> {
    Pairs { encoded, at: 1 }
}

/// See [`raw_pairs`].
pub(crate) struct Pairs<'a> {
    encoded: &'a [u8],
    at: usize,
}

impl<'a> Pairs<'a> {
    fn length(&mut self) -> Option<u32> {
        let bytes = self.encoded.get(self.at..self.at.checked_add(4)?)?;
        self.at += 4;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    }

    fn range(&mut self, length: u32) -> Option<std::ops::Range<usize>> {
        let start = self.at;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        (end <= self.encoded.len()).then(|| {
            self.at = end;
            start..end
        })
    }
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let length = self.length()?;
        let range = self.range(length)?;
        let name = &self.encoded[range];
        let value = match self.length()? {
            NO_VALUE => None,
            length => {
                let range = self.range(length)?;
                Some(&self.encoded[range])
            }
        };
        Some((name, value))
    }
}
