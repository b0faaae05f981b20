//! Two thousand documents, made by a grammar of real keys and wrong values: the same ones each time.

use fuzz::mutate::mutate;
use fuzz::targets::config::{CANARY, every_problem_has_a_place, model, shown};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

use crate::catalogue::{KEYS, Key};

const DOCUMENTS: u64 = 2_000;

/// Values as YAML has them in its flow form, right for some key and wrong for most.
const VALUES: [&str; 40] = [
    "true",
    "maybe",
    "1",
    "0",
    "-1",
    "3.5",
    "1e400",
    "99999999999999999999",
    "010",
    "0x1F",
    ".inf",
    ".nan",
    "~",
    "''",
    "plain",
    "'quo''ted'",
    "10s",
    "PT16S",
    "-5ms",
    "kafka",
    "rabbit",
    "charge",
    "main",
    "payload.id",
    "\"headers['k'] ?: 'x'\"",
    "'payload.((((('",
    "'${missing:5}'",
    "'${stream.default-binder}'",
    "'${missing}'",
    "'${'",
    "'a,b,,c'",
    "[a, b]",
    "[]",
    "{}",
    "{ a.b: 1, c: { d: [2] } }",
    "[[1], { a: b }]",
    "\"ünï😀\\u202e\"",
    "\"nul\\0\"",
    "*anchor",
    "&anchor again",
];

/// A part of a key that nobody knows.
const STRANGE: [&str; 10] = [
    "", "x", "é", "a b", "[0]", "[a.b", "<<", "\\0", "consumer", "bindings",
];

fn document(rng: &mut StdRng) -> String {
    let mut text = match rng.random_range(0..4) {
        0 => "stream.default-binder: kafka\n".to_owned(),
        1 => "stream: { default-binder: rabbit, bindings: { charge-in-0: { group: g } } }\n".to_owned(),
        2 => "x: &anchor { group: g }\n".to_owned(),
        _ => String::new(),
    };
    for _ in 0..rng.random_range(1..8) {
        let Some(key) = KEYS.choose(rng) else {
            continue;
        };
        text.push_str(&entry(key, rng));
    }
    match rng.random_range(0..8) {
        0 => text.push_str("---\nspring.config.activate.on-profile: '!p'\nstream.default.group: other\n"),
        1 => {
            let bytes = mutate(
                text.as_bytes(),
                b"stream: { bindings: {",
                &[": ", "- ", "{", "&a ", "\t"],
                rng,
            );
            // What changes by chance may take a secret from where it is one, so it has none.
            return String::from_utf8_lossy(&bytes).replace(CANARY, "secret");
        }
        _ => {}
    }
    text
}

fn entry(key: &Key, rng: &mut StdRng) -> String {
    let value = if key.may_be_secret() && rng.random_bool(0.8) {
        secret(key, rng)
    } else {
        (*VALUES.choose(rng).unwrap_or(&"")).to_owned()
    };
    let mut parts: Vec<&str> = key.text.split('.').collect();
    match rng.random_range(0..12) {
        0 => drop(parts.remove(rng.random_range(0..parts.len() - 1))),
        1 => parts.insert(
            rng.random_range(0..parts.len()),
            STRANGE.choose(rng).unwrap_or(&""),
        ),
        2 => parts.push(STRANGE.choose(rng).unwrap_or(&"")),
        _ => {}
    }
    let nested_from = rng.random_range(1..=parts.len());
    let (above, below) = parts.split_at(nested_from);
    let is_list = rng.random_bool(0.05);
    let mut text = format!("\"{}\": ", above.join("."));
    for part in below {
        text.push_str(&format!("{{ \"{part}\": "));
    }
    text.push_str(&if is_list { format!("[{value}]") } else { value });
    text.push_str(&" }".repeat(below.len()));
    text.push('\n');
    text
}

fn secret(key: &Key, rng: &mut StdRng) -> String {
    let forms = if key.has_addresses() {
        vec![
            format!("amqp://user:{CANARY}@host/v"),
            format!("['amqps://u:{CANARY}@h:99999', h2]"),
        ]
    } else {
        vec![
            CANARY.to_owned(),
            format!("[{CANARY}]"),
            format!("{{ value: {CANARY} }}"),
            format!("\"{CANARY}\\0\""),
        ]
    };
    forms.choose(rng).cloned().unwrap_or_default()
}

#[test]
fn two_thousand_documents_do_no_harm() {
    let (mut good, mut bad) = (0, 0);
    for seed in 0..DOCUMENTS {
        let text = document(&mut StdRng::seed_from_u64(seed));
        let result = model(&text);
        let everything = shown(&result);
        assert!(
            !everything.contains(CANARY),
            "document {seed}:\n{text}\n{everything}"
        );
        match result {
            Ok(_) => good += 1,
            Err(problems) => {
                bad += 1;
                assert!(
                    every_problem_has_a_place(&problems),
                    "document {seed}:\n{text}\n{problems}"
                );
            }
        }
    }
    assert!(good > 100 && bad > 1_000, "{good} resolve, {bad} don't");
}
