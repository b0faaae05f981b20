//! Wrong configurations: one small file each, with what the program prints beside it.
//!
//! A file may begin with directives: `#env NAME=value`, `#arg --key=value`, `#profile name`.

use std::path::{Path, PathBuf};

use bindery_runtime::config::{ConfigLoader, Model, Problems, resolve};

use crate::{factories, listeners};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/cases")
}

fn run(text: &str) -> Result<Model, Problems> {
    let directives = |word: &'static str| {
        text.lines()
            .filter_map(move |line| line.strip_prefix(word))
            .map(|rest| rest.trim().to_owned())
    };
    let environment = directives("#env").filter_map(|pair| {
        pair.split_once('=')
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    });
    let loader = ConfigLoader::new()
        .directory("/nonexistent")
        .environment(environment)
        .arguments(directives("#arg"))
        .yaml("application.yaml", text);
    let loader = directives("#profile").fold(loader, ConfigLoader::profile);
    resolve(loader.load()?, &listeners::shop(), &factories::all())
}

#[test]
fn every_wrong_configuration_is_explained() {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    assert!(files.len() >= 40, "{} cases", files.len());
    let mut resolved = Vec::new();
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let printed = match run(&text) {
            Err(problems) => problems.to_string(),
            Ok(_) => {
                resolved.push(name.to_owned());
                continue;
            }
        };
        assert!(!printed.contains("canary"), "`{name}` shows a secret");
        insta::with_settings!({
            snapshot_path => "cases",
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!(name, printed);
        });
    }
    assert!(resolved.is_empty(), "these resolve: {resolved:?}");
}
