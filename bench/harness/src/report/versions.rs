//! What ran, with its version, as far as this checkout and this machine tell. Brokers are asked by whoever starts them.

use std::path::Path;
use std::process::Command;

/// The product's commit, the compiler, the client libraries and Java. What can't be found out is left out.
pub fn versions(checkout: &Path) -> Vec<(String, String)> {
    let lock = std::fs::read_to_string(checkout.join("Cargo.lock")).unwrap_or_default();
    let found = [
        ("Bindery", commit(checkout)),
        ("rustc", first_line(Command::new("rustc").arg("--version"), false)),
        ("rdkafka", locked(&lock, "rdkafka")),
        ("librdkafka", Some(rdkafka::util::get_rdkafka_version().1)),
        ("lapin", locked(&lock, "lapin")),
        ("Java", first_line(Command::new("java").arg("-version"), true)),
    ];
    let known = |(name, version): (&str, Option<String>)| Some((name.to_owned(), version?));
    found.into_iter().filter_map(known).collect()
}

fn commit(checkout: &Path) -> Option<String> {
    let git =
        |arguments: &[&str]| first_line(Command::new("git").arg("-C").arg(checkout).args(arguments), false);
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some();
    Some(if changed {
        format!("{commit}, with changes")
    } else {
        commit
    })
}

/// Java says its version where others complain.
fn first_line(command: &mut Command, complains: bool) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = if complains { output.stderr } else { output.stdout };
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next()?.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// A lock file has a name's version in the line below the name.
fn locked(lock: &str, package: &str) -> Option<String> {
    let name = format!("name = \"{package}\"");
    let below = lock.lines().skip_while(|line| *line != name).nth(1)?;
    Some(below.strip_prefix("version = ")?.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_tells_a_version() {
        let lock = "[[package]]\nname = \"lapin-more\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"lapin\"\nversion = \"4.12.0\"\n";
        assert_eq!(locked(lock, "lapin").as_deref(), Some("4.12.0"));
        assert_eq!(locked(lock, "rdkafka"), None);
    }

    #[test]
    fn the_clients_of_this_checkout_are_known() {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let names: Vec<String> = versions(&checkout).into_iter().map(|(name, _)| name).collect();
        for name in ["rustc", "rdkafka", "librdkafka", "lapin"] {
            assert!(names.iter().any(|known| known == name), "{name} in {names:?}");
        }
    }
}
