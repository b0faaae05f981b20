//! Which client properties are secrets, and how a text is shown without them.

/// Whether the value of a client property must never be shown.
pub(crate) fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    [
        "password",
        "secret",
        "jaas",
        "token",
        ".pem",
        "keystore.key",
        "credentials",
        "user.info",
    ]
    .iter()
    .any(|part| key.contains(part))
}

/// A property's value for people: masked when it is a secret.
pub(crate) fn shown<'a>(key: &str, value: &'a str) -> &'a str {
    if is_secret(key) { "******" } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_keys_and_jaas_entries_are_masked() {
        for key in [
            "sasl.password",
            "ssl.key.password",
            "ssl.keystore.password",
            "sasl.jaas.config",
            "ssl.key.pem",
            "ssl.keystore.key",
            "sasl.oauthbearer.client.secret",
        ] {
            assert_eq!(shown(key, "hunter2"), "******", "{key}");
        }
        assert_eq!(shown("linger.ms", "5"), "5");
    }
}
