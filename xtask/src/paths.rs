//! Where things are: the workspace, and the folder that holds everything the brokers write.

use std::env;
use std::path::PathBuf;

/// Returns the root of the workspace: of the one cargo runs this program for, or else of the one it was built in.
pub(crate) fn workspace() -> PathBuf {
    let manifest = env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let mut folder = PathBuf::from(manifest);
    folder.pop();
    folder
}

/// Returns the folder below which the brokers keep data, logs and process ids.
pub(crate) fn brokers() -> PathBuf {
    workspace().join("target/brokers")
}
