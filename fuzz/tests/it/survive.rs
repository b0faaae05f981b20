//! Every target survives the inputs that are kept, and some that are made of them: the same ones each time.

use std::time::Duration;

use fuzz::random::{self, Limits};
use fuzz::{TARGETS, corpus, targets};

const MADE: u64 = 1_000;

fn survives(name: &str) {
    let target = targets::named(name).unwrap();
    let kept = corpus::read(&[corpus::folder(target)]).unwrap();
    for (file, input) in &kept {
        if let Err(reason) = random::survive(target, input) {
            panic!("{}: {reason}", file.display());
        }
    }
    let kept: Vec<Vec<u8>> = kept.into_iter().map(|(_, input)| input).collect();
    let limits = Limits {
        runs: kept.len() as u64 + MADE,
        time: Duration::MAX,
        slowest: Duration::MAX,
    };
    let outcome = random::run(target, &kept, 1, limits, None).unwrap();
    if let Some((input, reason)) = outcome.failure {
        panic!("{:?}: {reason}", String::from_utf8_lossy(&input));
    }
}

macro_rules! survive {
    ($($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            survives(stringify!($name));
        })*

        #[test]
        fn no_target_is_left_out() {
            let tested = [$(stringify!($name)),*];
            assert_eq!(TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), tested);
        }
    };
}

survive!(
    avro,
    config,
    content_type,
    expression,
    kafka_dead_letter,
    kafka_headers,
    placeholder,
    rabbit_dead_letter,
    rabbit_headers,
);

#[test]
fn the_kept_inputs_are_few_and_small() {
    let mut bytes = 0;
    for target in TARGETS {
        let kept = corpus::read(&[corpus::folder(target)]).unwrap();
        assert!((5..200).contains(&kept.len()), "{}: {}", target.name, kept.len());
        bytes += kept.iter().map(|(_, input)| input.len()).sum::<usize>();
    }
    assert!(bytes < 300 * 1024, "{bytes} bytes");
}
