//! Where things are: the workspace, and the folder that holds everything the brokers write.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Returns the root of the workspace: of the one cargo runs this program for, or else of the one it was built in.
pub(crate) fn workspace() -> PathBuf {
    let manifest = env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    // A test of another package that runs this program leaves its own folder there.
    let root = Path::new(&manifest)
        .ancestors()
        .find(|folder| folder.join("xtask/Cargo.toml").exists());
    root.map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(".."),
        Path::to_path_buf,
    )
}

/// The variable that chooses a set of brokers; without it there is the one that everybody shares.
pub(crate) const SET: &str = "BINDERY_BROKERS_SET";

static DEFAULT_SET: OnceLock<&str> = OnceLock::new();

/// Chooses a set of brokers for this command, unless the environment chooses one.
pub(crate) fn set_by_default(name: &'static str) {
    // Whoever says it first decides for the whole command.
    DEFAULT_SET.set(name).ok();
}

/// Returns the name of the chosen set of brokers, empty for the one that everybody shares.
pub(crate) fn set() -> String {
    let by_default = || DEFAULT_SET.get().copied().unwrap_or_default().to_owned();
    env::var(SET).unwrap_or_else(|_| by_default())
}

/// Returns the folder below which the chosen brokers keep data, logs and process ids.
pub(crate) fn brokers() -> PathBuf {
    match set().as_str() {
        "" => shared_brokers(),
        set => workspace().join(format!("target/brokers-{set}")),
    }
}

/// Returns the folder for what every set of brokers may use alike.
pub(crate) fn shared_brokers() -> PathBuf {
    workspace().join("target/brokers")
}
