//! What comes from the broker, made readable for the client library: frame by frame, in place.
//!
//! The library ends the connection at a name that isn't UTF-8, and the process at tables nested a thousand levels deep,
//! which recursion reads on a small stack. Either would come again with the next delivery. So bytes that are no text
//! become [`SUBSTITUTE`], and a table below [`MAX_DEPTH`] becomes a byte array: both keep every length as it is.

use crate::convert::MAX_DEPTH;

/// Stands for a byte that is no text: the control character that Unicode has for it.
pub(crate) const SUBSTITUTE: u8 = 0x1a;

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
/// Kind, channel and size.
const HEAD_BYTES: usize = 7;
/// No frame that has to be seen whole is larger; a larger one is the library's to refuse.
const WHOLE_MOST_BYTES: usize = 16 << 20;
const BASIC: u16 = 60;
const RETURN: u16 = 50;
const DELIVER: u16 = 60;
const GET_OK: u16 = 71;

/// Where the stream stands between frames.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    /// So much of the current frame goes on as it is.
    passing: usize,
    /// What comes is not AMQP as we know it, and goes on as it is.
    is_off: bool,
}

impl Screen {
    /// Mends what begins here, and returns how much of it may go on; the rest waits until more of its frame is here.
    pub(crate) fn mend(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        loop {
            let passing = if self.is_off { usize::MAX } else { self.passing };
            let step = passing.min(bytes.len() - at);
            self.passing = self.passing.saturating_sub(step);
            at += step;
            let Some((head, _)) = bytes[at..].split_first_chunk::<HEAD_BYTES>() else {
                return at;
            };
            let size = usize::try_from(u32::from_be_bytes([head[3], head[4], head[5], head[6]]));
            let whole = size.unwrap_or(usize::MAX).saturating_add(HEAD_BYTES + 1);
            match head[0] {
                METHOD | HEADER if whole <= WHOLE_MOST_BYTES => {
                    if bytes.len() - at < whole {
                        return at;
                    }
                    let kind = head[0];
                    // What is malformed is left for the library to refuse.
                    let _ = frame(kind, &mut bytes[at + HEAD_BYTES..at + whole - 1]);
                    self.passing = whole;
                }
                BODY | HEARTBEAT | METHOD | HEADER => self.passing = whole,
                _ => self.is_off = true,
            }
        }
    }
}

fn frame(kind: u8, payload: &mut [u8]) -> Option<()> {
    let mut rest = Cursor(payload);
    if kind == HEADER {
        // Class, weight and the size of the body.
        rest.skip(2 + 2 + 8)?;
        return properties(&mut rest);
    }
    match (rest.u16()?, rest.u16()?) {
        (BASIC, DELIVER) => {
            rest.text()?;
            rest.skip(8 + 1)?;
        }
        (BASIC, GET_OK) => rest.skip(8 + 1)?,
        (BASIC, RETURN) => {
            rest.skip(2)?;
            rest.text()?;
        }
        _ => return Some(()),
    }
    // Exchange and routing key.
    rest.text()?;
    rest.text()
}

/// The properties of a message follow their flags, the highest first.
fn properties(rest: &mut Cursor<'_>) -> Option<()> {
    let flags = rest.u16()?;
    for bit in (2..16).rev().filter(|bit| flags & (1 << bit) != 0) {
        match bit {
            13 => {
                let length = rest.length()?;
                table(rest.take(length)?, 0)?;
            }
            // Delivery mode and priority.
            12 | 11 => rest.skip(1)?,
            // The timestamp.
            6 => rest.skip(8)?,
            _ => rest.text()?,
        }
    }
    Some(())
}

/// `None` when it can't be followed to its end; then the values before are mended all the same.
fn table(entries: &mut [u8], depth: usize) -> Option<()> {
    let mut rest = Cursor(entries);
    while !rest.0.is_empty() {
        rest.text()?;
        value(&mut rest, depth)?;
    }
    Some(())
}

fn list(values: &mut [u8], depth: usize) -> Option<()> {
    let mut rest = Cursor(values);
    while !rest.0.is_empty() {
        value(&mut rest, depth)?;
    }
    Some(())
}

fn value(rest: &mut Cursor<'_>, depth: usize) -> Option<()> {
    let kind = rest.take(1)?.first_mut()?;
    match *kind {
        b't' | b'b' | b'B' => rest.skip(1),
        b's' | b'U' | b'u' => rest.skip(2),
        b'I' | b'i' | b'f' => rest.skip(4),
        b'D' => rest.skip(5),
        b'L' | b'l' | b'd' | b'T' => rest.skip(8),
        b'V' => Some(()),
        b'S' | b'x' => {
            let length = rest.length()?;
            rest.skip(length)
        }
        b'F' | b'A' => {
            let length = rest.length()?;
            let inner = rest.take(length)?;
            let readable = match *kind {
                // One level deeper than what is read as a header, so that it is left out there and not taken for bytes.
                _ if depth > MAX_DEPTH => None,
                b'F' => table(inner, depth + 1),
                _ => list(inner, depth + 1),
            };
            if readable.is_none() {
                *kind = b'x';
            }
            Some(())
        }
        _ => None,
    }
}

/// What is left to look at.
struct Cursor<'a>(&'a mut [u8]);

impl<'a> Cursor<'a> {
    fn take(&mut self, count: usize) -> Option<&'a mut [u8]> {
        let (taken, rest) = std::mem::take(&mut self.0).split_at_mut_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(drop)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    fn length(&mut self) -> Option<usize> {
        usize::try_from(u32::from_be_bytes(self.take(4)?.try_into().ok()?)).ok()
    }

    /// A short string, which has to be UTF-8.
    fn text(&mut self) -> Option<()> {
        let length = usize::from(*self.take(1)?.first()?);
        let mut text = self.take(length)?;
        while let Err(error) = std::str::from_utf8(text) {
            let from = error.valid_up_to();
            let to = error.error_len().map_or(text.len(), |length| from + length);
            text[from..to].fill(SUBSTITUTE);
            text = &mut text[to..];
        }
        Some(())
    }
}

#[cfg(test)]
#[path = "screen_tests.rs"]
mod tests;
