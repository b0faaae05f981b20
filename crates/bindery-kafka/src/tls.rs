//! Key and trust stores of the JVM client as librdkafka's files: PEM, and PKCS#12 for keys.

use bindery_core::Result;
use rdkafka::ClientConfig;

use crate::connection::Properties;
use crate::options::configuration;

const STORE_PROPERTIES: &[&str] = &[
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.keystore.key",
    "ssl.keystore.certificate.chain",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
    "ssl.truststore.certificates",
];

/// Whether a property belongs to a store: those are read together by [`translate`].
pub(crate) fn is_store_property(key: &str) -> bool {
    STORE_PROPERTIES.contains(&key)
}

/// Adds librdkafka's properties for the stores that `given` names.
pub(crate) fn translate(given: &Properties, translated: &mut Properties) -> Result<()> {
    for key in ["ssl.truststore.location", "ssl.keystore.location"] {
        if let Some(location) = given
            .get(key)
            .filter(|location| location.starts_with("classpath:"))
        {
            return Err(configuration(format!(
                "`{key}` is `{location}`: there is no class path; give the path of a file"
            )));
        }
    }
    let mut set = |key: &str, value: &str| translated.insert(key.to_owned(), value.to_owned());
    if let Some(certificates) = given.get("ssl.truststore.certificates") {
        set("ssl.ca.pem", certificates);
    }
    if let Some(location) = given.get("ssl.truststore.location") {
        match kind(given.get("ssl.truststore.type"), location) {
            Kind::Pem => set("ssl.ca.location", location),
            Kind::Pkcs12 | Kind::Jks => {
                return Err(not_pem("ssl.truststore.location", location, "ssl.ca.location"));
            }
        };
    }
    if let Some(key) = given.get("ssl.keystore.key") {
        set("ssl.key.pem", key);
    }
    if let Some(chain) = given.get("ssl.keystore.certificate.chain") {
        set("ssl.certificate.pem", chain);
    }
    if let Some(location) = given.get("ssl.keystore.location") {
        match kind(given.get("ssl.keystore.type"), location) {
            Kind::Pem => {
                set("ssl.certificate.location", location);
                set("ssl.key.location", location);
            }
            Kind::Pkcs12 => {
                set("ssl.keystore.location", location);
                if let Some(password) = given.get("ssl.keystore.password") {
                    set("ssl.keystore.password", password);
                }
            }
            Kind::Jks => {
                return Err(not_pem(
                    "ssl.keystore.location",
                    location,
                    "ssl.certificate.location` and `ssl.key.location",
                ));
            }
        }
    }
    Ok(())
}

/// Says what a configuration leaves open: it is allowed, but nobody should have it without knowing.
pub(crate) fn warn_of_exposure(config: &ClientConfig, binder: &str) {
    for line in exposures(config) {
        tracing::warn!(binder.name = binder, "{line}");
    }
}

fn exposures(config: &ClientConfig) -> Vec<&'static str> {
    let is = |key, value: &str| {
        config
            .get(key)
            .is_some_and(|found| found.eq_ignore_ascii_case(value))
    };
    let mut lines = Vec::new();
    if is("security.protocol", "SASL_PLAINTEXT") {
        lines.push("the login isn't encrypted: set `security.protocol` to `SASL_SSL`");
    }
    if is("enable.ssl.certificate.verification", "false") {
        lines.push(
            "the broker's certificate isn't verified, so the login may go to a stranger: remove \
             `enable.ssl.certificate.verification`",
        );
    }
    if is("ssl.endpoint.identification.algorithm", "none") {
        lines.push(
            "the broker's name isn't verified, so the login may go to a stranger: remove \
             `ssl.endpoint.identification.algorithm`",
        );
    }
    lines
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pem,
    Pkcs12,
    Jks,
}

/// The kind of a store: as it is named, else by the file's ending. The JVM's default is JKS.
fn kind(named: Option<&String>, location: &str) -> Kind {
    let ending = location.rsplit_once('.').map_or("", |(_, ending)| ending);
    match named.map_or(ending, String::as_str).to_ascii_lowercase().as_str() {
        "pem" | "crt" | "cer" | "key" => Kind::Pem,
        "pkcs12" | "p12" | "pfx" => Kind::Pkcs12,
        _ => Kind::Jks,
    }
}

fn not_pem(property: &str, location: &str, instead: &str) -> bindery_core::Error {
    configuration(format!(
        "`{property}` names the Java store `{location}`, which can't be read: export it as PEM (`openssl pkcs12`, \
         `keytool -exportcert -rfc`) and set `{instead}`, or the store's type to `PEM`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn translated(pairs: &[(&str, &str)]) -> Result<Properties> {
        let given = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let mut translated = Properties::new();
        translate(&given, &mut translated)?;
        Ok(translated)
    }

    #[test]
    fn pem_stores_become_files() {
        let got = translated(&[
            ("ssl.truststore.location", "/ca.pem"),
            ("ssl.keystore.location", "/me.store"),
            ("ssl.keystore.type", "PEM"),
        ])
        .unwrap();
        assert_eq!(got["ssl.ca.location"], "/ca.pem");
        assert_eq!(
            (
                got["ssl.certificate.location"].as_str(),
                got["ssl.key.location"].as_str()
            ),
            ("/me.store", "/me.store")
        );
    }

    #[test]
    fn what_a_configuration_leaves_open_is_said() {
        let exposed = |key: &str, value: &str| exposures(ClientConfig::new().set(key, value)).len();
        assert_eq!(exposed("security.protocol", "sasl_plaintext"), 1);
        assert_eq!(exposed("enable.ssl.certificate.verification", "false"), 1);
        assert_eq!(exposed("ssl.endpoint.identification.algorithm", "none"), 1);
        assert_eq!(exposed("security.protocol", "SASL_SSL"), 0);
    }

    #[test]
    fn a_pkcs12_key_store_stays_one() {
        let got = translated(&[
            ("ssl.keystore.location", "/me.p12"),
            ("ssl.keystore.password", "x"),
        ])
        .unwrap();
        assert_eq!(
            (
                got["ssl.keystore.location"].as_str(),
                got["ssl.keystore.password"].as_str()
            ),
            ("/me.p12", "x")
        );
    }

    #[test]
    fn java_stores_are_refused_with_the_way_out() {
        for key in ["ssl.keystore.location", "ssl.truststore.location"] {
            let error = translated(&[(key, "classpath:store.pem")]).unwrap_err();
            assert!(error.message().contains("path of a file"), "{error}");
            let error = translated(&[(key, "/store.jks")]).unwrap_err();
            assert!(
                error.message().contains("PEM") && error.message().contains(key),
                "{error}"
            );
        }
    }
}
