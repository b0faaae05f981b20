//! What the brokers, the build and the tests need from the system: what is missing, why it is needed, and its
//! installation with apt.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::{brokers, process};

/// Kafka 4 wants at least this Java.
const JAVA: u32 = 17;

const QUESTION: Duration = Duration::from_secs(20);

/// One thing that the system lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Missing {
    /// The package to install, or several alternatives of which the first that exists is taken.
    packages: &'static [&'static str],
    why: &'static str,
}

impl Missing {
    fn new(packages: &'static [&'static str], why: &'static str) -> Self {
        Self { packages, why }
    }

    fn line(&self) -> String {
        format!("  {:<24} {}", self.packages[0], self.why)
    }
}

/// Looks for what compiling everything needs.
pub(crate) fn missing_for_the_build() -> Vec<Missing> {
    let mut missing = Vec::new();
    if process::find("make").is_none() {
        missing.push(Missing::new(&["make"], "builds librdkafka and OpenSSL"));
    }
    // Debian's minimal perl lacks modules that OpenSSL's configuration imports.
    let perl = ["-MIPC::Cmd", "-MFindBin", "-MFile::Compare", "-e", "1"];
    if process::quick(Command::new("perl").args(perl), QUESTION).is_none() {
        missing.push(Missing::new(&["perl"], "configures OpenSSL, for Kafka with TLS"));
    }
    missing
}

/// Looks for what the tests run besides the brokers.
pub(crate) fn missing_for_the_tests() -> Vec<Missing> {
    let counts = "counts instructions, for the guard of what a message costs";
    let valgrind = process::find("valgrind").is_none();
    valgrind
        .then(|| Missing::new(&["valgrind"], counts))
        .into_iter()
        .collect()
}

/// Looks for what running the brokers from packages needs.
pub(crate) fn missing_for_the_brokers() -> Vec<Missing> {
    let mut missing = Vec::new();
    if brokers::rabbit::program("rabbitmq-server").is_none() {
        missing.push(Missing::new(
            &["rabbitmq-server"],
            "RabbitMQ itself; its system service is not started",
        ));
    }
    if java_version().is_none_or(|version| version < JAVA) {
        let jre: &[&str] = &[
            "openjdk-17-jre-headless",
            "openjdk-21-jre-headless",
            "default-jre-headless",
        ];
        missing.push(Missing::new(jre, "Java 17 or newer, which Kafka runs on"));
    }
    if process::find("mvn").is_none() {
        missing.push(Missing::new(&["maven"], "fetches Kafka's jars"));
    }
    missing
}

/// Installs what is missing, or says how to get it.
///
/// # Errors
/// Without `install` when anything is missing; otherwise when apt, or the right to use it, is not there.
pub(crate) fn provide(missing: &[Missing], install: bool) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = missing.iter().map(Missing::line).collect();
    let list = list.join("\n");
    if !install {
        bail!(
            "the tests need what this machine does not have:\n{list}\nrun `cargo xtask test --install` on Debian or \
             Ubuntu, or install them yourself"
        );
    }
    if process::find("apt-get").is_none() {
        bail!("there is no `apt-get` to install these with; install them yourself:\n{list}");
    }
    println!("installing with apt:\n{list}");
    process::run(&mut as_root(&script(missing))?).context("the installation failed")
}

/// The script that installs. While it runs, packages may not start services: a RabbitMQ of the system would be of no
/// use here and could get in the way of somebody else's.
fn script(missing: &[Missing]) -> String {
    let choices: Vec<String> = missing
        .iter()
        .map(|item| format!("\"$(first {})\"", item.packages.join(" ")))
        .collect();
    format!(
        r#"set -eu
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' > "$policy"
  chmod +x "$policy"
fi
first() {{
  for package in "$@"; do
    if apt-cache show "$package" > /dev/null 2>&1; then echo "$package"; return; fi
  done
  echo "$1"
}}
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -qy --no-install-recommends {}
"#,
        choices.join(" ")
    )
}

fn as_root(script: &str) -> Result<Command> {
    let id = process::output(Command::new("id").arg("-u"))?;
    if id.trim() == "0" {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        return Ok(command);
    }
    let Some(sudo) = process::find("sudo") else {
        bail!("installing needs root, and there is no `sudo`")
    };
    let mut command = Command::new(sudo);
    command.args(["sh", "-c", script]);
    Ok(command)
}

fn java_version() -> Option<u32> {
    let java = process::find("java")?;
    let output = Command::new(java).arg("-version").output().ok()?;
    java_major(&String::from_utf8_lossy(&output.stderr))
}

/// Reads the major version from what `java -version` prints, such as `openjdk version "17.0.15" 2025-04-15`.
fn java_major(text: &str) -> Option<u32> {
    let version = text.split('"').nth(1)?;
    let digits: String = version.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_java_version_is_read() {
        assert_eq!(java_major("openjdk version \"17.0.15\" 2025-04-15"), Some(17));
        assert_eq!(java_major("openjdk version \"21\" 2023-09-19"), Some(21));
        assert_eq!(java_major("command not found"), None);
    }

    #[test]
    fn without_install_the_missing_is_named() {
        let missing = [Missing::new(&["maven"], "fetches Kafka's jars")];
        let error = provide(&missing, false).unwrap_err().to_string();
        assert!(error.contains("maven"), "{error}");
        assert!(error.contains("cargo xtask test --install"), "{error}");
    }

    #[test]
    fn the_script_takes_the_first_package_that_exists() {
        let missing = [Missing::new(&["a", "b"], ""), Missing::new(&["c"], "")];
        assert!(script(&missing).ends_with("--no-install-recommends \"$(first a b)\" \"$(first c)\"\n"));
    }
}
