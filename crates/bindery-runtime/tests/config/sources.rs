//! Sources and which of them wins.

use std::path::Path;

use bindery_core::BindingName;
use bindery_runtime::config::{ConfigLoader, Problems, resolve};
use serde::Deserialize;

use crate::{factories, listeners};

fn loader() -> ConfigLoader {
    ConfigLoader::new().directory("/nonexistent").environment([])
}

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// The group of `charge-in-0` that wins.
fn group(loader: ConfigLoader) -> Option<String> {
    let model = resolve(loader.load().unwrap(), &listeners::shop(), &factories::all()).unwrap();
    let input = model.input(&BindingName::new("charge-in-0")).unwrap();
    input.consumers[0].group.as_deref().map(str::to_owned)
}

fn write(directory: &Path, name: &str, group: &str) {
    let path = directory.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("stream.bindings.charge-in-0.group: {group}\n")).unwrap();
}

#[test]
fn each_source_goes_over_those_below_it() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let key = "stream.bindings.charge-in-0.group";
    let mut loader = ConfigLoader::new()
        .directory(root)
        .environment([])
        .default_property(key, "default");
    assert_eq!(group(loader.clone()).as_deref(), Some("default"));
    for name in [
        "application.yaml",
        "config/application.yaml",
        "application-kafka.yaml",
        "config/application-kafka.yaml",
        "application-mixed.yaml",
    ] {
        write(root, name, &name.replace(['/', '.'], "-"));
        let now = group(loader.clone().profile("kafka").profile("mixed"));
        assert_eq!(now, Some(name.replace(['/', '.'], "-")), "{name}");
    }
    loader = loader.profile("kafka").profile("mixed");
    let variable = env(&[("STREAM_BINDINGS_CHARGEIN0_GROUP", "variable")]);
    loader = loader.environment(variable);
    assert_eq!(group(loader.clone()).as_deref(), Some("variable"));
    loader = loader.property("spring.cloud.stream.bindings.charge-in-0.group", "code");
    assert_eq!(group(loader.clone()).as_deref(), Some("code"));
    loader = loader.arguments(["--orders=5".to_owned(), format!("--{key}=argument")]);
    assert_eq!(group(loader).as_deref(), Some("argument"));
}

#[test]
fn the_sources_are_listed_for_people() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "application.yaml", "a");
    write(directory.path(), "application-kafka.yaml", "b");
    let properties = ConfigLoader::new()
        .directory(directory.path())
        .environment(env(&[("STREAM_BINDINGS_CHARGEIN0_GROUP", "x"), ("PATH", "/bin")]))
        .arguments(["--spring.profiles.active=kafka".to_owned()])
        .load()
        .unwrap();
    assert_eq!(properties.profiles(), ["kafka"]);
    assert_eq!(
        properties.sources(),
        [
            "application.yaml",
            "application-kafka.yaml",
            "1 from environment",
            "1 from arguments"
        ]
    );
}

const DOCUMENTS: &str = "
stream.bindings.charge-in-0.group: base
---
spring.config.activate.on-profile: kafka | rabbit
stream.bindings.charge-in-0.group: broker
---
spring.config.activate.on-profile: '!kafka & prod'
stream.bindings.charge-in-0.group: prod
";

#[test]
fn documents_count_when_their_profile_is_active() {
    for (active, expected) in [
        ("", "base"),
        ("kafka", "broker"),
        ("rabbit,prod", "prod"),
        ("kafka,prod", "broker"),
    ] {
        let mut loader = loader().yaml("application.yaml", DOCUMENTS);
        if !active.is_empty() {
            loader = loader.environment(env(&[("SPRING_PROFILES_ACTIVE", active)]));
        }
        assert_eq!(group(loader).as_deref(), Some(expected), "{active}");
    }
}

#[test]
fn the_default_profile_is_matched_when_none_is_active() {
    let loader = loader()
        .yaml("application.yaml", "stream.bindings.charge-in-0.group: base")
        .yaml(
            "application-default.yaml",
            "stream.bindings.charge-in-0.group: default",
        );
    assert_eq!(group(loader.clone()).as_deref(), Some("default"));
    assert_eq!(group(loader.profile("kafka")).as_deref(), Some("base"));
}

#[test]
fn profiles_come_from_any_source_and_from_groups() {
    let yaml = "
spring.profiles: { active: local, group.local: [kafka, dev], include: always }
";
    let properties = loader().yaml("application.yaml", yaml).load().unwrap();
    assert_eq!(properties.profiles(), ["always", "local", "kafka", "dev"]);
    let properties = loader()
        .yaml("application.yaml", yaml)
        .arguments(["--spring.profiles.active=rabbit".to_owned()])
        .load()
        .unwrap();
    assert_eq!(properties.profiles(), ["always", "rabbit"]);
}

#[test]
fn all_forms_of_a_variable_override_a_binding() {
    for name in [
        "SPRING_CLOUD_STREAM_BINDINGS_CHARGEIN0_GROUP",
        "SPRING_CLOUD_STREAM_BINDINGS_CHARGE_IN_0_GROUP",
        "STREAM_BINDINGS_CHARGEIN0_GROUP",
        "STREAM_BINDINGS_CHARGE_IN_0_GROUP",
        "spring.cloud.stream.bindings.charge-in-0.group",
    ] {
        for yaml in [
            "stream.bindings.charge-in-0.group: yaml",
            "stream.bindings.charge-in-0.destination: d",
            "{}",
        ] {
            let loader = loader()
                .yaml("application.yaml", yaml)
                .environment(env(&[(name, "variable")]));
            assert_eq!(group(loader).as_deref(), Some("variable"), "{name} over {yaml}");
        }
    }
}

#[test]
fn variables_reach_maps_lists_and_connections() {
    let loader = loader().environment(env(&[
        ("SPRING_CLOUD_STREAM_DEFAULTBINDER", "kafka"),
        ("SPRING_CLOUD_STREAM_KAFKA_BINDER_BROKERS", "one:9092,two:9092"),
        ("STREAM_KAFKA_BINDER_CONFIGURATION_SECURITY_PROTOCOL", "SSL"),
        ("SPRING_KAFKA_PROPERTIES_CLIENT_RACK", "r1"),
        ("STREAM_BINDINGS_CHARGEOUT0_PRODUCER_REQUIREDGROUPS_0", "g"),
        ("INSTANCE_INDEX", "3"),
        ("STREAM_URL", "left alone"),
    ]));
    let model = resolve(loader.load().unwrap(), &listeners::shop(), &factories::all()).unwrap();
    let binder = &model.binders[0];
    assert_eq!(
        binder.options.get("brokers"),
        Some(&serde_json::json!(["one:9092", "two:9092"]))
    );
    assert_eq!(
        binder.options.text_map("configuration")["security.protocol"],
        "SSL"
    );
    assert_eq!(binder.connection.text_map("properties")["client.rack"], "r1");
    let output = model.output(&BindingName::new("charge-out-0")).unwrap();
    assert_eq!(&*output.producer.required_groups[0], "g");
    assert_eq!(model.inputs[0].consumers[0].instance_index, 3);
}

#[test]
fn placeholders_see_every_source() {
    let yaml = "
shop.prefix: it
kafka-group: ${shop.prefix}-${GROUP:payment}
stream.bindings.charge-in-0.group: ${kafka-group}
";
    assert_eq!(
        group(loader().yaml("application.yaml", yaml)).as_deref(),
        Some("it-payment")
    );
    let other = loader()
        .yaml("application.yaml", yaml)
        .environment(env(&[("GROUP", "money"), ("SHOP_PREFIX", "${not-expanded}")]));
    assert_eq!(group(other).as_deref(), Some("${not-expanded}-money"));
}

#[test]
fn a_secret_is_read_from_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "pass: word\n").unwrap();
    let yaml = format!("spring.rabbitmq.password: ${{file:{}}}", file.display());
    let model = resolve(
        loader().yaml("application.yaml", yaml).load().unwrap(),
        &listeners::shop(),
        &factories::all(),
    )
    .unwrap();
    assert_eq!(model.binders[0].connection.text("password"), Some("pass: word"));
}

#[test]
fn json_in_a_variable_goes_over_other_variables() {
    let loader = loader().environment(env(&[
        (
            "SPRING_APPLICATION_JSON",
            r#"{"stream": {"bindings": {"charge-in-0": {"group": "json"}}}}"#,
        ),
        ("STREAM_BINDINGS_CHARGEIN0_GROUP", "variable"),
    ]));
    assert_eq!(group(loader).as_deref(), Some("json"));
}

#[test]
fn a_null_gives_the_default_back() {
    let loader = loader()
        .yaml("application.yaml", "stream.bindings.charge-in-0.group: base")
        .yaml("application-none.yaml", "stream.bindings.charge-in-0.group: ~");
    assert_eq!(group(loader.clone()).as_deref(), Some("base"));
    assert_eq!(group(loader.profile("none")), None);
}

#[derive(Debug, Deserialize, PartialEq)]
struct Shop {
    max_rate: u32,
    open: bool,
    names: Vec<String>,
    nested: Nested,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Nested {
    price: f64,
}

#[test]
fn the_programs_own_keys_can_be_read() {
    let properties = loader()
        .yaml("application.yaml", "shop: { max-rate: 5, open: true, names: [a, b], nested.price: 1.5 }\nlogging.level: { a: x, a.b: y }")
        .environment(env(&[("SHOP_MAXRATE", "7"), ("SHOP_SEED", "3")]))
        .load()
        .unwrap();
    let shop: Shop = properties.bind("shop").unwrap();
    let expected = Shop {
        max_rate: 7,
        open: true,
        names: vec!["a".to_owned(), "b".to_owned()],
        nested: Nested { price: 1.5 },
    };
    assert_eq!(shop, expected);
    assert_eq!(properties.get("shop.maxRate").as_deref(), Some("7"));
    assert_eq!(properties.get("shop.seed").as_deref(), Some("3"));
    assert_eq!(properties.get("shop.names").as_deref(), Some("a,b"));
    assert_eq!(
        (
            properties.get("logging.level.a"),
            properties.get("logging.level.a.b")
        ),
        (Some("x".to_owned()), Some("y".to_owned()))
    );
    assert_eq!(properties.get("shop.none"), None);
    assert!(properties.bind::<Shop>("other").is_err());
}

#[test]
fn unreadable_files_are_named() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("application.yaml"), [b'a', b':', 0xff]).unwrap();
    std::fs::create_dir(directory.path().join("application.yml")).unwrap();
    let problems: Problems = ConfigLoader::new()
        .directory(directory.path())
        .environment([])
        .load()
        .unwrap_err();
    let text = problems.to_string();
    assert!(
        text.contains("application.yaml:1:1\n      the file is no UTF-8 from byte 2"),
        "{text}"
    );
    assert!(
        text.contains("application.yml:1:1\n      the file can't be read"),
        "{text}"
    );
}
