//! Whatever the text: no panic, and no secret in what is printed.

use bindery_core::Headers;
use bindery_runtime::config::{ConfigLoader, report, resolve};
use bindery_runtime::expression::{Expression, java_hash};
use proptest::prelude::*;

use crate::{factories, listeners};

const CANARY: &str = "s3cr3t-canary";

/// Loads and resolves; everything that a person could be shown.
fn everything_shown(text: &str) -> String {
    let loader = ConfigLoader::new()
        .directory("/nonexistent")
        .environment([("CANARY".to_owned(), CANARY.to_owned())])
        .yaml("application.yaml", text);
    let model = loader
        .load()
        .and_then(|properties| resolve(properties, &listeners::shop(), &factories::all()));
    match model {
        Err(problems) => format!("{problems} {problems:?}"),
        Ok(model) => {
            let warnings: Vec<String> = model.warnings.iter().map(ToString::to_string).collect();
            let table = report::table(&model, &factories::all());
            format!(
                "{} {table} {} {model:?}",
                report::banner(&model),
                warnings.join("\n")
            )
        }
    }
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "stream", "spring.cloud.stream", "spring", "bindings", "default", "binders", "kafka", "rabbit", "binder",
            "charge-in-0", "charge-out-0", "reserve_stock-in-0", "consumer", "producer", "environment", "group",
            "destination", "max-attempts", "retry", "jitter", "strategy", "configuration", "rabbitmq", "spring.rabbitmq",
            "management", "server.port", "function.bindings", "required-groups[0]", "<<", "type", "output-bindings",
            "partition-key-expression", "spring.config.activate.on-profile", "a[b", "a..b", "x[3]",
        ]).prop_map(str::to_owned),
        1 => "[ -~é]{0,12}",
    ]
}

fn scalar() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec![
            "1", "-1", "true", "maybe", "kafka", "payload.id", "headers['k'] ?: 'x'", "${a}", "${a:${b:c}}", "${", "~",
            "99999999999999999999", "10s", "*a", "&a x", "payload.(((((", "!!binary x", "",
        ]).prop_map(str::to_owned),
        1 => "[ -~é\n\t]{0,20}",
    ]
}

/// Documents that have the structure of a configuration, or nearly.
fn document() -> impl Strategy<Value = String> {
    let leaf = scalar().prop_map(|value| format!("{value:?}"));
    let tree = leaf.prop_recursive(6, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec((key(), inner.clone()), 0..6).prop_map(|entries| {
                let entries: Vec<String> = entries
                    .into_iter()
                    .map(|(key, value)| format!("{key:?}: {value}"))
                    .collect();
                format!("{{ {} }}", entries.join(", "))
            }),
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[ {} ]", items.join(", "))),
        ]
    });
    prop::collection::vec((key(), tree), 0..6).prop_map(|entries| {
        let lines: Vec<String> = entries
            .into_iter()
            .map(|(key, value)| format!("{key}: {value}"))
            .collect();
        lines.join("\n")
    })
}

#[test]
fn texts_that_nest_or_repeat_without_end_are_refused() {
    for part in [
        "[", "{", "{a: ", "- ", "? ", "&a ", "*a ", "!x ", "|\n ", "a:\n", "---\n", "\"", "${", "x: ${", ": ",
    ] {
        everything_shown(&part.repeat(20_000));
        everything_shown(&format!("stream: {}", part.repeat(5_000)));
    }
    let doubling: Vec<String> = (0..40)
        .map(|i| format!("p{}: ${{p{i}}}${{p{i}}}", i + 1))
        .collect();
    everything_shown(&format!(
        "p0: xxxxxxxx\n{}\nstream.default-binder: ${{p40}}",
        doubling.join("\n")
    ));
    let nested = format!(
        "stream.default-binder: {}x{}",
        "${a:".repeat(5_000),
        "}".repeat(5_000)
    );
    everything_shown(&nested);
}

#[test]
fn a_variable_whose_name_has_very_many_parts_is_read_once() {
    for name in [
        format!("STREAM_BINDINGS{}", "_C".repeat(1_000)),
        format!("STREAM_BINDINGS_CHARGEIN0_CONSUMER{}", "_MAX".repeat(1_000)),
        format!("SPRING_KAFKA_PROPERTIES{}", "_A".repeat(1_000)),
    ] {
        let loader = ConfigLoader::new()
            .directory("/nonexistent")
            .environment([(name, "1".to_owned())]);
        let properties = loader.load().unwrap();
        let _ = resolve(properties, &listeners::shop(), &factories::all());
    }
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn no_document_makes_the_program_panic(text in document()) {
        everything_shown(&text);
    }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn no_text_at_all_makes_the_program_panic(text in "[-:{}\\[\\],&*!|>'\"%@`#?a-c0-9. \n\t${}é]{0,120}") {
        everything_shown(&text);
    }

    #[test]
    fn a_secret_is_shown_by_no_document(text in document(), place in 0..6_usize) {
        let secret = [
            format!("spring.rabbitmq.password: {CANARY}"),
            format!("spring.rabbitmq: {{ password: [{CANARY}] }}"),
            format!("spring.rabbitmq: {{ password: {{ x: {CANARY} }}, port: x }}"),
            format!("spring.rabbitmq.addresses: amqp://user:{CANARY}@host"),
            "spring.kafka: { ssl.key-password: '${CANARY}', properties: { sasl.jaas.config: '${CANARY}' } }".to_owned(),
            format!("stream.binders.k: {{ type: kafka, environment: {{ spring.kafka.ssl.key-password: {CANARY} }} }}"),
        ];
        let text = format!("{}\n---\n{text}", secret[place]);
        let shown = everything_shown(&text);
        prop_assert!(!shown.contains(CANARY), "{shown}");
    }
}

/// Parses and evaluates a text, and takes the partition of what comes out.
fn evaluated(text: &str) {
    let payload = serde_json::json!({ "id": i64::MIN, "name": "é😀", "list": [1, null], "null": null });
    let headers: Headers = [("k", "key"), ("", "")].into_iter().collect();
    if let Ok(expression) = Expression::parse(text)
        && let Ok(value) = expression.evaluate(|| payload, &headers)
    {
        assert!((0..7).contains(&java_hash::partition(&value, 7)), "{text}");
    }
}

#[test]
fn expressions_that_nest_or_repeat_without_end_are_refused() {
    for part in [
        "(", "[", "{", "!", "-", "not ", "a.", "1+", "1-", "a?", "a?:", "'", "payload.", "T(", "a&&", "x(",
        "?.", "a?b:",
    ] {
        for count in [10, 30, 100, 1_000, 50_000] {
            evaluated(&part.repeat(count));
            evaluated(&format!("{}payload.id", part.repeat(count)));
        }
    }
    for (open, close) in [
        ("(", ")"),
        ("payload[", "]"),
        ("{", "}"),
        ("T(java.lang.Math).abs(", ")"),
        ("a?", ":b"),
    ] {
        for count in [10, 30, 100, 1_000] {
            evaluated(&format!(
                "{}payload.id{}",
                open.repeat(count),
                close.repeat(count)
            ));
        }
    }
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn no_expression_makes_the_program_panic(
        parts in prop::collection::vec(prop_oneof![
            prop::sample::select(vec![
                "payload", ".id", ".name", "headers", "['k']", "[0]", "'text'", "\"", "'", "(", ")", "[", "]", "?:", "?",
                ":", " + ", " - ", " * ", "/", "%", "==", " eq ", " and ", "||", "!", " not ", ".length()", ".hashCode()",
                ".toString()", ".substring(1, 99)", "T(java.lang.Math).abs(", "new String(", ".bytes", "#root", "#this",
                "?.", "0", "1.5", "9223372036854775807", "null", "true", "é", " ", ",", "{", "}", "@bean", "$", "\\",
            ]).prop_map(str::to_owned),
            "[ -~é]{0,4}",
        ], 0..14),
    ) {
        evaluated(&parts.concat());
    }
}
