//! Dead letters on RabbitMQ: texts of any length and content beside headers that a stranger sent.

use bindery_core::HeaderValue;
use bindery_rabbit::fuzzing::dead_letter;

use super::{Target, failure, rabbit_headers};
use crate::pieces::split;

/// Parts: the error's type, its message, its trace; a message as for `rabbit_headers`.
pub const TARGET: Target = Target {
    name: "rabbit_dead_letter",
    words: &[
        "retry-count",
        "\x0bretry-countl\x7f\x7f\x7f\x7f\x7f\x7f\x7f\x7f",
        "\x0bretry-countS\0\0\0\x02-1",
        "x-death",
        "\x07x-deathA\0\0\0\x00",
        "x-exception-message",
        "x-exception-stacktrace",
        "x-original-exchange",
        "x-original-routingKey",
        "x-bindery-reason",
        "\n\tat ",
        "😀",
        "Caused by: ",
        "\x1e",
    ],
    run,
};

/// A frame is this large unless both sides agree on less.
const FRAME_BYTES: usize = 131_072;
/// What the properties beside the trace may take: the longest message, and what we add.
const OTHERS_BYTES: usize = 16 * 1024;

fn run(input: &[u8]) {
    let [error_type, message, trace, rest] = split(input);
    let Some(received) = rabbit_headers::message(rest) else {
        return;
    };
    let failure = failure(error_type, message, &trace.repeat(64));
    let before = received.headers.get("retry-count").and_then(HeaderValue::as_i64);
    for headroom in [0, 20_000, usize::MAX] {
        let (letter, size) = dead_letter(&received, &failure, headroom);
        assert!(
            size <= FRAME_BYTES || input.len() + OTHERS_BYTES > FRAME_BYTES,
            "{size} bytes"
        );
        let text = |name: &str| {
            letter
                .headers
                .text(name)
                .unwrap_or_else(|| panic!("`{name}` is missing"))
        };
        assert!(failure.trace.starts_with(text("x-exception-stacktrace")));
        assert!(failure.message.starts_with(text("x-exception-message")));
        assert_eq!(text("x-bindery-binding"), "charge-in-0");
        let count = letter.headers.get("retry-count").and_then(HeaderValue::as_i64);
        assert_eq!(count, Some(before.unwrap_or(0).max(0).saturating_add(1)));
        // It fails again, with what it says of itself among its headers.
        dead_letter(&letter, &failure, headroom);
    }
}
