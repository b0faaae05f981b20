//! The loader: finds and reads the sources, decides the profiles, and layers them.

mod active;
mod loading;

use std::path::PathBuf;

use super::Problems;
use super::environment::Environment;
use super::properties::Properties;
use loading::Loading;

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
    /// When a file can't be read or isn't YAML. Problems of single keys, such as one that is given twice, are reported
    /// by [`resolve`](super::resolve) with all others.
    pub fn load(self) -> Result<Properties, Problems> {
        let mut loading = Loading::new(self);
        let base = loading.base_files();
        loading.profiles(&base);
        let below = loading.layers(&base);
        loading.finish(below)
    }
}
