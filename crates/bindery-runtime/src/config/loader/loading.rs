//! One loading at work: files are read, documents that count become layers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ConfigLoader;
use super::active::{ACTIVE, ON_PROFILE};
use crate::config::environment::Environment;
use crate::config::key::Key;
use crate::config::properties::Properties;
use crate::config::property::{Given, Layer, Property};
use crate::config::yaml::{self, Document};
use crate::config::{Origin, Problem, Problems, Warning, arguments, profiles};

/// A file's name and its documents.
pub(super) struct File {
    name: String,
    pub(super) documents: Vec<Document>,
}

pub(super) struct Loading {
    directory: PathBuf,
    pub(super) given: ConfigLoader,
    pub(super) environment: Environment,
    pub(super) active: Vec<String>,
    files: Vec<String>,
    pub(super) json: Layer,
    pub(super) code: Layer,
    pub(super) arguments: Layer,
    pub(super) problems: Vec<Problem>,
    warnings: Vec<Warning>,
}

impl Loading {
    pub(super) fn new(mut given: ConfigLoader) -> Self {
        let mut problems = Vec::new();
        let environment = given.environment.take().unwrap_or_else(Environment::of_process);
        let arguments = arguments::layer(&given.arguments, &mut problems);
        let json = match environment.get("SPRING_APPLICATION_JSON") {
            Some(text) => yaml::parse("SPRING_APPLICATION_JSON", text, &mut problems)
                .into_iter()
                .flat_map(|document| document.properties)
                .collect(),
            None => Vec::new(),
        };
        let code = code_layer("code", &given.overrides, &mut problems);
        Self {
            directory: given.directory.clone().unwrap_or_else(|| PathBuf::from(".")),
            environment,
            active: given.profiles.clone(),
            files: Vec::new(),
            json: Layer::new("SPRING_APPLICATION_JSON", json),
            code,
            arguments,
            problems,
            warnings: Vec::new(),
            given,
        }
    }

    /// The files without a profile in their name: of the directory, then those given by code.
    pub(super) fn base_files(&mut self) -> Vec<File> {
        self.warn_of_properties_files();
        let mut files = self.read("application");
        for (name, text) in self.given.texts.clone() {
            if profile_of(&name).is_none() {
                files.push(File {
                    documents: yaml::parse(&name, &text, &mut self.problems),
                    name,
                });
            }
        }
        files
    }

    fn profile_files(&mut self, profile: &str) -> Vec<File> {
        let mut files = self.read(&format!("application-{profile}"));
        for (name, text) in self.given.texts.clone() {
            if profile_of(&name) == Some(profile) {
                files.push(File {
                    documents: yaml::parse(&name, &text, &mut self.problems),
                    name,
                });
            }
        }
        files
    }

    fn read(&mut self, stem: &str) -> Vec<File> {
        let mut files = Vec::new();
        for folder in ["", "config/"] {
            for extension in ["yml", "yaml"] {
                let name = format!("{folder}{stem}.{extension}");
                match read_text(&self.directory.join(&name)) {
                    Ok(Some(text)) => files.push(File {
                        documents: yaml::parse(&name, &text, &mut self.problems),
                        name,
                    }),
                    Ok(None) => {}
                    Err(message) => {
                        self.problems.push(Problem::new(start_of(&name), "", message));
                    }
                }
            }
        }
        files
    }

    fn warn_of_properties_files(&mut self) {
        for name in ["application.properties", "config/application.properties"] {
            if self.directory.join(name).is_file() {
                self.warnings.push(Warning::new(
                    start_of(name),
                    name,
                    "not supported yet: the file isn't read; write it as YAML",
                ));
            }
        }
    }

    /// The layers below the environment.
    pub(super) fn layers(&mut self, base: &[File]) -> Vec<Layer> {
        let mut layers = vec![code_layer("defaults", &self.given.defaults, &mut self.problems)];
        for file in base {
            self.add(file, &mut layers);
        }
        for profile in self.matched() {
            for file in self.profile_files(&profile) {
                self.add(&file, &mut layers);
            }
        }
        layers
    }

    fn add(&mut self, file: &File, layers: &mut Vec<Layer>) {
        self.files.push(file.name.clone());
        for document in &file.documents {
            if self.counts(document) {
                layers.push(Layer::new(file.name.as_str(), document.properties.clone()));
            }
        }
    }

    /// The profiles that files and documents are matched with: `default` when none is active, as in Boot.
    fn matched(&self) -> Vec<String> {
        if self.active.is_empty() {
            vec!["default".to_owned()]
        } else {
            self.active.clone()
        }
    }

    fn counts(&mut self, document: &Document) -> bool {
        let Some(condition) = find(document, ON_PROFILE) else {
            return true;
        };
        if let Some(active) = find(document, ACTIVE) {
            self.problems.push(Problem::new(
                active.key_at(),
                &active.key,
                "a document that depends on a profile can't activate profiles",
            ));
        }
        let expression = words(&condition.value).join(" | ");
        match profiles::matches(&expression, &self.matched()) {
            Ok(counts) => counts,
            Err(message) => {
                let problem = Problem::new(condition.value_at.clone(), &condition.key, message);
                self.problems.push(problem.found(expression));
                false
            }
        }
    }

    /// What was read. A file that can't be read, or only up to a point, stops here: every key may be missing.
    pub(super) fn finish(self, below: Vec<Layer>) -> Result<Properties, Problems> {
        let unreadable =
            |problem: &Problem| problem.key.is_empty() && matches!(problem.origin, Origin::File { .. });
        if self.problems.iter().any(unreadable) {
            return Err(Problems::new(self.problems));
        }
        let properties = Properties {
            directory: self.directory,
            profiles: self.active,
            files: self.files,
            below,
            environment: self.environment,
            above: vec![self.json, self.code, self.arguments],
            merged: Arc::default(),
            overrides: 0,
            warnings: self.warnings,
            problems: self.problems,
        };
        Ok(properties.merged(None))
    }
}

pub(super) fn find<'d>(document: &'d Document, key: &str) -> Option<&'d Property> {
    let canonical = Key::parse(key).ok()?.canonical();
    document
        .properties
        .iter()
        .find(|property| property.key.canonical() == canonical)
}

/// The texts of a list, or of one text with commas.
pub(super) fn words(value: &Given) -> Vec<String> {
    let texts: Vec<&str> = match value {
        Given::Null => Vec::new(),
        Given::Scalar { text, .. } => text.split(',').collect(),
        Given::List(items) => items.iter().map(|(text, _)| text.as_str()).collect(),
    };
    texts
        .into_iter()
        .map(|text| text.trim().to_owned())
        .filter(|text| !text.is_empty())
        .collect()
}

pub(super) fn code_layer(name: &str, pairs: &[(String, String)], problems: &mut Vec<Problem>) -> Layer {
    let mut properties: Vec<Property> = Vec::new();
    for (key, value) in pairs {
        match Key::parse(key) {
            Ok(key) => {
                let canonical = key.canonical();
                properties.retain(|known| known.key.canonical() != canonical);
                properties.push(Property::text(key, value, Origin::Code));
            }
            Err(message) => problems.push(Problem::new(Origin::Code, "", message)),
        }
    }
    Layer::new(name, properties)
}

/// The profile in a file name such as `config/application-kafka.yaml`.
fn profile_of(name: &str) -> Option<&str> {
    let file = Path::new(name).file_name()?.to_str()?;
    let stem = file.strip_suffix(".yaml").or_else(|| file.strip_suffix(".yml"))?;
    stem.strip_prefix("application-")
}

fn read_text(path: &Path) -> Result<Option<String>, String> {
    match std::fs::read(path) {
        Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|error| {
            format!(
                "the file is no UTF-8 from byte {}",
                error.utf8_error().valid_up_to()
            )
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("the file can't be read: {error}")),
    }
}

fn start_of(file: &str) -> Origin {
    Origin::File {
        file: file.into(),
        line: 1,
        column: 1,
    }
}
