//! Where things are: the workspace, and the folder that holds everything the brokers write.

use std::path::{Path, PathBuf};

/// Returns the root of the workspace.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask is a folder of the workspace")
}

/// Returns the folder below which the brokers keep data, logs and process ids.
pub(crate) fn brokers() -> PathBuf {
    workspace().join("target/brokers")
}
