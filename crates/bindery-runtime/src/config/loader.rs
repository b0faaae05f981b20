//! The loader: finds and reads the sources, decides the profiles, and layers them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::environment::Environment;
use super::key::Key;
use super::layers::{Merged, merge};
use super::placeholder::Placeholders;
use super::properties::Properties;
use super::property::{Given, Layer, Property};
use super::yaml::{self, Document};
use super::{Origin, Problem, Problems, Warning, arguments, profiles};

const ACTIVE: &str = "spring.profiles.active";
const INCLUDE: &str = "spring.profiles.include";
const GROUP: &str = "spring.profiles.group";
const ON_PROFILE: &str = "spring.config.activate.on-profile";

/// Loads configuration. From the lowest precedence to the highest:
///
/// 1. defaults given by code ([`ConfigLoader::default_property`]);
/// 2. `application.yaml` in the directory, then in its `config/`, then YAML given by code;
/// 3. the same of `application-<profile>.yaml`, profile by profile;
/// 4. environment variables;
/// 5. the JSON in `SPRING_APPLICATION_JSON`;
/// 6. properties given by code ([`ConfigLoader::property`]);
/// 7. `--key=value` arguments.
///
/// Documents of one file (`---`) with `spring.config.activate.on-profile` count when their profile is active, the later
/// over the earlier.
///
/// ```
/// use bindery_runtime::config::ConfigLoader;
///
/// let properties = ConfigLoader::new()
///     .directory("/nonexistent")
///     .environment([("SHOP_RATE".to_owned(), "9".to_owned())])
///     .yaml("application.yaml", "shop: { rate: 5, name: '${NAME:parts}' }")
///     .load()?;
/// assert_eq!(properties.get("shop.rate").as_deref(), Some("9"));
/// assert_eq!(properties.get("shop.name").as_deref(), Some("parts"));
/// # Ok::<(), bindery_runtime::config::Problems>(())
/// ```
#[derive(Clone, Default)]
pub struct ConfigLoader {
    directory: Option<PathBuf>,
    profiles: Vec<String>,
    environment: Option<Environment>,
    arguments: Vec<String>,
    texts: Vec<(String, String)>,
    defaults: Vec<(String, String)>,
    overrides: Vec<(String, String)>,
}

impl std::fmt::Debug for ConfigLoader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfigLoader")
            .field("directory", &self.directory)
            .field("profiles", &self.profiles)
            .finish_non_exhaustive()
    }
}

impl ConfigLoader {
    /// A loader of the working directory and the process's environment, without arguments.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks for files here and in `config/` below.
    #[must_use]
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.directory = Some(path.into());
        self
    }

    /// Activates a profile. Profiles given so replace those of `spring.profiles.active`.
    #[must_use]
    pub fn profile(mut self, name: impl Into<String>) -> Self {
        self.profiles.push(name.into());
        self
    }

    /// Takes these variables in place of the process's environment.
    #[must_use]
    pub fn environment(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        self.environment = Some(Environment::new(variables));
        self
    }

    /// Takes the properties among these arguments, in place of earlier ones: `--key=value`, where the key has a dot.
    #[must_use]
    pub fn arguments(mut self, arguments: impl IntoIterator<Item = String>) -> Self {
        self.arguments = arguments.into_iter().collect();
        self
    }

    /// Adds YAML text under a file name, above the files of the directory. A name such as `application-kafka.yaml`
    /// counts only when its profile is active.
    #[must_use]
    pub fn yaml(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.texts.push((name.into(), text.into()));
        self
    }

    /// Gives a property, above everything but arguments.
    #[must_use]
    pub fn property(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.overrides.push((key.into(), value.into()));
        self
    }

    /// Gives a property, below everything.
    #[must_use]
    pub fn default_property(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.defaults.push((key.into(), value.into()));
        self
    }

    /// Reads every source.
    ///
    /// # Errors
    /// All problems that the texts have by themselves: unreadable files, malformed YAML, keys given twice.
    pub fn load(self) -> Result<Properties, Problems> {
        let mut loading = Loading::new(self);
        let base = loading.base_files();
        loading.profiles(&base);
        let below = loading.layers(&base);
        loading.finish(below)
    }
}

/// A file's name and its documents.
struct File {
    name: String,
    documents: Vec<Document>,
}

struct Loading {
    directory: PathBuf,
    given: ConfigLoader,
    environment: Environment,
    active: Vec<String>,
    files: Vec<String>,
    json: Layer,
    code: Layer,
    arguments: Layer,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
}

impl Loading {
    fn new(mut given: ConfigLoader) -> Self {
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
    fn base_files(&mut self) -> Vec<File> {
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

    /// Decides which profiles are active, before the files that depend on them are read.
    fn profiles(&mut self, base: &[File]) {
        let mut layers = vec![code_layer("defaults", &self.given.defaults, &mut Vec::new())];
        for document in base.iter().flat_map(|file| &file.documents) {
            if find(document, ON_PROFILE).is_none() {
                layers.push(Layer::new("file", document.properties.clone()));
            }
        }
        let upper = [&self.json, &self.code, &self.arguments];
        let known = merge(&layers.iter().chain(upper).cloned().collect::<Vec<_>>());
        layers.push(self.environment.layer(&known, None));
        layers.extend(upper.into_iter().cloned());
        let merged = merge(&layers);

        if self.active.is_empty() {
            self.active = self.names(&merged, ACTIVE, true);
        }
        let included = self.names(&merged, INCLUDE, true);
        self.active.splice(0..0, included);
        let mut expanded: Vec<String> = Vec::new();
        for profile in self.active.clone() {
            self.add_with_group(&merged, profile, &mut expanded);
        }
        self.active = expanded;
    }

    fn add_with_group(&mut self, merged: &Merged, profile: String, expanded: &mut Vec<String>) {
        if expanded.contains(&profile) {
            return;
        }
        expanded.push(profile.clone());
        for member in self.names(merged, &format!("{GROUP}.{profile}"), false) {
            self.add_with_group(merged, member, expanded);
        }
    }

    /// The names in a list of profiles.
    fn names(&mut self, merged: &Merged, key: &str, environment: bool) -> Vec<String> {
        let canonical = Key::parse(key).map(|key| key.canonical()).unwrap_or_default();
        let property = merged.get(&canonical).cloned().or_else(|| {
            let text = self.environment.get(key).filter(|_| environment)?;
            let at = Origin::Environment(key.to_uppercase().replace('.', "_").into());
            Some(Arc::new(Property::text(Key::parse(key).ok()?, text, at)))
        });
        let Some(property) = property else {
            return Vec::new();
        };
        let placeholders = Placeholders {
            merged,
            environment: &self.environment,
        };
        match placeholders.value_of(&property) {
            Ok(value) => words(&value),
            Err(message) => {
                self.problems
                    .push(Problem::new(property.value_at.clone(), &property.key, message));
                Vec::new()
            }
        }
    }

    /// The layers below the environment.
    fn layers(&mut self, base: &[File]) -> Vec<Layer> {
        let mut layers = vec![code_layer("defaults", &self.given.defaults, &mut self.problems)];
        for file in base {
            self.add(file, &mut layers);
        }
        for profile in self.active.clone() {
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
        match profiles::matches(&expression, &self.active) {
            Ok(counts) => counts,
            Err(message) => {
                let problem = Problem::new(condition.value_at.clone(), &condition.key, message);
                self.problems.push(problem.found(expression));
                false
            }
        }
    }

    fn finish(self, below: Vec<Layer>) -> Result<Properties, Problems> {
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
        };
        Problems::none_or(self.problems, ()).map(|()| properties.merged(None))
    }
}

fn find<'d>(document: &'d Document, key: &str) -> Option<&'d Property> {
    let canonical = Key::parse(key).ok()?.canonical();
    document
        .properties
        .iter()
        .find(|property| property.key.canonical() == canonical)
}

/// The texts of a list, or of one text with commas.
fn words(value: &Given) -> Vec<String> {
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

fn code_layer(name: &str, pairs: &[(String, String)], problems: &mut Vec<Problem>) -> Layer {
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
