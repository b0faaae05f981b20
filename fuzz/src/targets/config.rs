//! Configuration text, from YAML to the model and to the client libraries' own settings, with the real binders.

use std::sync::{Arc, LazyLock};

use bindery_core::{BinderFactory, Error, ListenerDefinition, kinds};
use bindery_runtime::config::{ConfigLoader, Model, Origin, Problems, report, resolve};
use serde_json::Value;

use super::Target;
use crate::pieces::text;

/// YAML. Lines may begin with `#env NAME=value`, `#arg --key=value` or `#profile name`.
pub const TARGET: Target = Target {
    name: "config",
    words: &[
        "stream:",
        "spring.cloud.stream:",
        "spring:",
        "bindings:",
        "charge-in-0:",
        "charge-out-0:",
        "consumer:",
        "producer:",
        "default:",
        "binders:",
        "environment:",
        "kafka:",
        "rabbit:",
        "memory:",
        "binder:",
        "configuration:",
        "destination: ",
        "group: ",
        "max-attempts: ",
        "retry.",
        "ordering: key",
        "partition-key-expression: ",
        "message-key-expression: ",
        "required-groups",
        "\n  ",
        "\n    ",
        "\n---\n",
        ": ",
        "{ ",
        " }",
        "[",
        "]",
        "&a ",
        "*a",
        "<<: ",
        "|\n",
        ">\n",
        "'",
        "\"",
        "${",
        "~",
        "null",
        "!!binary ",
        "#profile p\n",
        "#env A=",
        "#arg --a.b=",
        "spring.config.activate.on-profile: ",
    ],
    run,
};

/// Put beside every secret; it may never be shown.
pub const CANARY: &str = "s3cr3t-canary";

/// Below every text: secrets that it may override and must not bring to light.
const SECRETS: [(&str, &str); 4] = [
    ("spring.rabbitmq.password", CANARY),
    ("spring.rabbitmq.ssl.key-store-password", CANARY),
    ("spring.kafka.ssl.key-password", CANARY),
    ("spring.kafka.properties[sasl.password]", CANARY),
];

/// The binders that a program has with every feature.
pub static FACTORIES: LazyLock<Vec<Arc<dyn BinderFactory>>> = LazyLock::new(|| {
    vec![
        Arc::new(bindery_memory::MemoryBinderFactory::default()),
        Arc::new(bindery_kafka::KafkaBinderFactory),
        Arc::new(bindery_rabbit::RabbitBinderFactory),
    ]
});

/// What a program with these functions makes of a text.
///
/// # Errors
/// Everything that is wrong with it.
pub fn model(text: &str) -> Result<Model, Problems> {
    let directive = |word: &'static str| {
        text.lines()
            .filter_map(move |line| line.strip_prefix(word))
            .map(|rest| rest.trim().to_owned())
    };
    let environment = directive("#env ").filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    let loader = ConfigLoader::new()
        .directory("/nonexistent")
        .environment(environment)
        .arguments(directive("#arg "))
        .yaml("application.yaml", text);
    let loader = directive("#profile ").fold(loader, ConfigLoader::profile);
    let loader = SECRETS.iter().fold(loader, |loader, (key, value)| {
        loader.default_property(*key, *value)
    });
    resolve(loader.load()?, &listeners(), &FACTORIES)
}

/// Everything that a person could be shown of it, and of what the client libraries say.
pub fn shown(result: &Result<Model, Problems>) -> String {
    let model = match result {
        Ok(model) => model,
        Err(problems) => return format!("{problems}\n{problems:?}"),
    };
    let mut shown = format!(
        "{}\n{}\n{model:?}\n{:?}\n{:?}\n",
        report::banner(model),
        report::table(model, &FACTORIES),
        model.inputs,
        model.outputs,
    );
    for warning in &model.warnings {
        shown.push_str(&format!("{warning}\n{warning:?}\n"));
    }
    for error in refusals(model) {
        shown.push_str(&format!("{error}\n{error:?}\n{}\n", error.report()));
    }
    shown
}

/// What the binders refuse when they are made, and what the Kafka client would refuse when something is bound.
pub fn refusals(model: &Model) -> Vec<Error> {
    let mut errors = Vec::new();
    for spec in &model.binders {
        let factory = FACTORIES.iter().find(|factory| factory.kind() == &*spec.kind);
        match factory.map(|factory| factory.create(spec)) {
            Some(Ok(binder)) => drop(format!("{binder:?} {:?}", binder.health())),
            Some(Err(error)) => errors.push(error),
            None => {}
        }
        if &*spec.kind == "kafka" {
            let inputs = model.inputs.iter().filter(|input| input.binder == spec.name);
            let consumers: Vec<_> = inputs.flat_map(|input| &input.consumers).collect();
            let outputs = model.outputs.iter().filter(|output| output.binder == spec.name);
            let producers: Vec<_> = outputs.map(|output| &output.producer).collect();
            errors.extend(bindery_kafka::fuzzing::refusals(spec, &consumers, &producers));
        }
    }
    errors
}

/// The shop's functions: a supplier, a consumer, a function.
pub fn listeners() -> Vec<ListenerDefinition> {
    async fn consume(_: Value) {}
    async fn apply(value: Value) -> Value {
        value
    }
    async fn supply() -> Value {
        Value::Null
    }
    vec![
        ListenerDefinition::supplier("place_order", supply, kinds::One),
        ListenerDefinition::listener("audit", consume, kinds::Nothing),
        ListenerDefinition::listener("charge", apply, kinds::One),
    ]
}

/// Whether each problem says where to look: a key, a place in a file, an argument or a variable.
pub fn every_problem_has_a_place(problems: &Problems) -> bool {
    problems
        .iter()
        .all(|problem| !problem.key.is_empty() || !matches!(problem.origin, Origin::Code | Origin::Program))
}

fn run(input: &[u8]) {
    let text = text(input);
    let result = model(&text);
    if let Err(problems) = &result {
        assert!(every_problem_has_a_place(problems), "{problems}");
    }
    let shown = shown(&result);
    // A text that names a secret in a placeholder asks for it.
    let asked_for = text.contains("${") || text.contains(CANARY);
    assert!(asked_for || !shown.contains(CANARY), "{shown}");
}
