//! Mutation: a few random changes to an input that is known to reach somewhere.

use rand::Rng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;

/// The longest input that mutation makes, in bytes.
pub const MAX_LENGTH: usize = 4096;

/// Bytes that mean something to many readers.
const BYTES: &[u8] = b"\x00\x01\x1e\x7f\x80\xff{}[]()<>\"'\\:;,.$%&*!|-+=?/# \n\t09azAZ";

/// Numbers at which something ends.
const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "127",
    "255",
    "256",
    "32768",
    "65536",
    "2147483647",
    "-2147483648",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551616",
    "1e400",
    "-0.0",
    "NaN",
];

/// Makes an input of one that is kept; `other` is a second one to take a part of, `words` mean something to the target.
pub fn mutate(input: &[u8], other: &[u8], words: &[&str], rng: &mut StdRng) -> Vec<u8> {
    let mut bytes = input.to_vec();
    let changes = 1 << rng.random_range(0..5);
    for _ in 0..rng.random_range(1..=changes) {
        change(&mut bytes, other, words, rng);
        bytes.truncate(MAX_LENGTH);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], words: &[&str], rng: &mut StdRng) {
    let at = rng.random_range(0..=bytes.len());
    match rng.random_range(0..12) {
        0 if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
        1 if at < bytes.len() => bytes[at] = rng.random(),
        2 if at < bytes.len() => bytes[at] = *BYTES.choose(rng).unwrap_or(&0),
        3 => insert(bytes, at, &[*BYTES.choose(rng).unwrap_or(&0)]),
        4 => {
            let random: [u8; 8] = rng.random();
            insert(bytes, at, &random[..rng.random_range(1..=8)]);
        }
        5 => drop(bytes.drain(range(bytes.len(), rng))),
        6 => {
            let copy = bytes[range(bytes.len(), rng)].to_vec();
            insert(bytes, at, &copy);
        }
        7 => {
            let part = &bytes[range(bytes.len().min(16), rng)];
            let times = 1 << rng.random_range(1..11);
            let run = part.repeat(times);
            insert(bytes, at, &run);
        }
        8 => {
            let part = other[range(other.len(), rng)].to_vec();
            insert(bytes, at, &part);
        }
        9 => {
            bytes.truncate(at);
            let rest = rng.random_range(0..=other.len());
            bytes.extend_from_slice(&other[rest..]);
        }
        10 => insert(bytes, at, NUMBERS.choose(rng).unwrap_or(&"0").as_bytes()),
        _ => insert(bytes, at, words.choose(rng).unwrap_or(&"").as_bytes()),
    }
}

/// A range within so many bytes, more often a short one.
fn range(length: usize, rng: &mut StdRng) -> std::ops::Range<usize> {
    let start = rng.random_range(0..=length);
    let longest = match rng.random_range(0..3) {
        0 => length,
        1 => 32,
        _ => 4,
    };
    start..rng.random_range(start..=length.min(start + longest))
}

fn insert(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    bytes.splice(at..at, part.iter().copied());
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn mutations_differ_and_stay_short() {
        let mut rng = StdRng::seed_from_u64(1);
        let made: std::collections::BTreeSet<Vec<u8>> = (0..1_000)
            .map(|_| mutate(b"stream: { group: a }", b"other", &["word"], &mut rng))
            .collect();
        assert!(made.len() > 900, "{} of 1000", made.len());
        assert!(made.iter().all(|input| input.len() <= MAX_LENGTH));
    }

    #[test]
    fn nothing_at_all_can_be_mutated() {
        let mut rng = StdRng::seed_from_u64(1);
        for _ in 0..1_000 {
            mutate(b"", b"", &[], &mut rng);
        }
    }
}
