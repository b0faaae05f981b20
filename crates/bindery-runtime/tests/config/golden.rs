//! Every configuration that a JVM program was run with resolves as it is.

use std::path::Path;

use bindery_runtime::config::{ConfigLoader, Model, Problems, Properties, report, resolve};

use crate::{factories, listeners};

/// Loads one text, with nothing else.
pub fn load(name: &str, text: &str) -> Result<Properties, Problems> {
    ConfigLoader::new()
        .directory("/nonexistent")
        .environment([])
        .yaml(name, text)
        .load()
}

fn captured(name: &str) -> Model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/config/golden")
        .join(format!("{name}.yaml"));
    let text = std::fs::read_to_string(path).unwrap();
    let properties = load("application.yaml", &text).unwrap();
    resolve(properties, &listeners::captured(), &factories::all())
        .unwrap_or_else(|problems| panic!("{problems}"))
}

fn shown(model: &Model) -> String {
    let mut text = report::table(model, &factories::all());
    for warning in &model.warnings {
        text.push_str(&format!("\n! {warning}"));
    }
    text
}

#[test]
fn every_captured_configuration_resolves() {
    for name in [
        "k01_types",
        "k02_keys",
        "k03_upper_dlq",
        "k05_pass",
        "k06_dlq_options",
        "k07_nodlq",
        "k12_key_expr",
        "k13_key_fn",
        "k14_output_bindings",
        "r01_types",
        "r03_topology",
        "r04_dlq_republish",
        "r05_dlq_reject",
        "r06_nodlq",
        "r07_out",
        "r10_anonymous",
        "r12_partitioned_default_groups",
        "r14_required_partition_dlq",
    ] {
        insta::with_settings!({ snapshot_path => "snapshots/golden" }, {
            insta::assert_snapshot!(name, shown(&captured(name)));
        });
    }
}
