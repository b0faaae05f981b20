//! What may be a secret and is therefore never shown.

use super::key::Key;

/// Parts of names whose values aren't shown.
const SECRET_WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "token",
    "credential",
    "jaas",
    "apikey",
    "privatekey",
    "keypem",
    "keystorekey",
    "oauthbearer",
    "userinfo",
];

/// The value as it may be shown under a key: nothing when the key's name suggests a secret, and an address without
/// its user information.
pub(crate) fn shown(key: &Key, value: &str) -> Option<String> {
    let name: String = key
        .to_string()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    if SECRET_WORDS.iter().any(|word| name.contains(word)) {
        return None;
    }
    if value.contains('@') {
        return None;
    }
    Some(value.to_owned())
}
