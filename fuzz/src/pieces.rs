//! Inputs of several parts: a separator that mutation moves, removes and adds as easily as any byte.

/// Stands between parts: ASCII's own record separator.
pub const SEPARATOR: u8 = 0x1e;

/// The parts of an input, the last one with every separator that is left; missing parts are empty.
pub fn split<const N: usize>(input: &[u8]) -> [&[u8]; N] {
    let mut parts = input.splitn(N, |byte| *byte == SEPARATOR);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// Names and values in turn; a value of the one byte `0xff` stands for none.
pub fn pairs(input: &[u8]) -> Vec<(&[u8], Option<&[u8]>)> {
    if input.is_empty() {
        return Vec::new();
    }
    let parts: Vec<&[u8]> = input.split(|byte| *byte == SEPARATOR).collect();
    parts
        .chunks(2)
        .map(|pair| match pair {
            [name, [0xff]] => (*name, None),
            [name, value] => (*name, Some(*value)),
            [name, ..] => (*name, None),
            [] => (&[][..], None),
        })
        .collect()
}

/// An input as text, what isn't UTF-8 replaced.
pub fn text(input: &[u8]) -> String {
    String::from_utf8_lossy(input).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_part_keeps_its_separators() {
        assert_eq!(split::<2>(b"a\x1eb\x1ec"), [b"a".as_slice(), b"b\x1ec"]);
        assert_eq!(split::<3>(b"a"), [b"a".as_slice(), b"", b""]);
    }

    #[test]
    fn names_and_values_take_turns() {
        let expected: [(&[u8], Option<&[u8]>); 3] = [(b"a", Some(b"1")), (b"b", None), (b"c", None)];
        assert_eq!(pairs(b"a\x1e1\x1eb\x1e\xff\x1ec"), expected);
        assert!(pairs(b"").is_empty());
    }
}
