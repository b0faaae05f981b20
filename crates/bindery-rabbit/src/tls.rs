//! Encrypted connections: whom we trust, who we are, and what it means when a handshake fails.

use std::io;

use async_rs::Tokio;
use async_rs::traits::Reactor;
use bindery_core::{ErrorKind, Options, Result};
use lapin::tcp::{AsyncTcpStream, RustlsConnector, RustlsConnectorConfig};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{AlertDescription, CertificateError, Error as TlsError};

use crate::error::{Refusal, misconfigured};
use crate::screened::Connected;
use crate::settings::Address;

/// The certificates of a binder, by the files that hold them.
#[derive(Clone, Default)]
pub(crate) struct Certificates {
    trust_store: Option<String>,
    key_store: Option<KeyStore>,
}

#[derive(Clone)]
struct KeyStore {
    path: String,
    is_pem: bool,
    password: String,
}

const TRUST: &str = "spring.rabbitmq.ssl.trust-store";
const KEY: &str = "spring.rabbitmq.ssl.key-store";

impl Certificates {
    /// Reads `spring.rabbitmq.ssl.*`, but no file.
    pub(crate) fn read(options: &Options) -> Result<Self> {
        let trust_store = options.text("ssl.trust-store").map(|path| file(TRUST, path));
        let trust_store = trust_store.transpose()?;
        let kind = options.text("ssl.trust-store-type");
        if trust_store
            .as_ref()
            .is_some_and(|path| !is_pem(kind, path, "PEM"))
        {
            return Err(no_java_store(TRUST));
        }
        let key_store = options.text("ssl.key-store").map(|path| {
            let path = file(KEY, path)?;
            let kind = options.text("ssl.key-store-type");
            if is_java(kind, &path) {
                return Err(no_java_store(KEY));
            }
            Ok(KeyStore {
                is_pem: is_pem(kind, &path, "PKCS12"),
                path,
                password: options
                    .text("ssl.key-store-password")
                    .unwrap_or_default()
                    .to_owned(),
            })
        });
        Ok(Self {
            trust_store,
            key_store: key_store.transpose()?,
        })
    }

    /// Adds what a connection that ended during the login may have lacked. The broker says so too, but its words and the
    /// end of the connection come in any order.
    pub(crate) fn supplement(&self, address: &Address, mut refusal: Refusal) -> Refusal {
        if address.tls && self.key_store.is_none() && refusal.kind == ErrorKind::Unavailable {
            refusal.message += &format!("; perhaps it wants a client certificate: `{KEY}` is not set");
        }
        refusal
    }

    /// What makes encrypted connections. The files are read anew each time, so that renewed ones count.
    ///
    /// A trust store replaces the authorities that the system trusts.
    pub(crate) fn connector(&self) -> Result<RustlsConnector, Refusal> {
        let trusted = match &self.trust_store {
            Some(path) => {
                let mut config = RustlsConnectorConfig::default();
                config.add_parsable_certificates(certificates(TRUST, path, &bytes(TRUST, path)?)?);
                config
            }
            None => RustlsConnectorConfig::new_with_native_certs().map_err(|error| {
                Refusal::temporary(
                    ErrorKind::Configuration,
                    format!("the system trusts no authority: {error}; set `{TRUST}` to a PEM file"),
                )
            })?,
        };
        let connector = match &self.key_store {
            Some(store) => {
                let (chain, key) = store.load()?;
                trusted.connector_with_single_cert(chain, key)
            }
            None => trusted.connector_with_no_client_auth(),
        };
        connector.map_err(|error| {
            let place = if self.key_store.is_some() { KEY } else { TRUST };
            Refusal::temporary(
                ErrorKind::Configuration,
                format!("`{place}` can't be used: {error}"),
            )
        })
    }
}

impl KeyStore {
    /// The certificate with those that signed it, and its key. No error shows what the file holds.
    fn load(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), Refusal> {
        let content = bytes(KEY, &self.path)?;
        if self.is_pem {
            let key = PrivateKeyDer::from_pem_slice(&content).map_err(|_| {
                unreadable(
                    KEY,
                    &self.path,
                    "holds no private key in PEM, or an encrypted one",
                )
            })?;
            return Ok((certificates(KEY, &self.path, &content)?, key));
        }
        let store = p12_keystore::KeyStore::from_pkcs12(&content, &self.password).map_err(|_| {
            unreadable(
                KEY,
                &self.path,
                "isn't PKCS#12, or `ssl.key-store-password` is wrong",
            )
        })?;
        let (_, identity) = store
            .private_key_chain()
            .ok_or_else(|| unreadable(KEY, &self.path, "holds no private key"))?;
        let chain = identity.chain().iter();
        Ok((
            chain
                .map(|certificate| CertificateDer::from(certificate.as_der().to_vec()))
                .collect(),
            PrivatePkcs8KeyDer::from(identity.key().to_vec()).into(),
        ))
    }
}

/// Connects to an address, encrypted if that is asked for. Nothing is ever tried without encryption instead.
pub(crate) async fn connect(address: &Address, certificates: &Certificates) -> Result<Connected, Refusal> {
    let connector = address.tls.then(|| certificates.connector()).transpose()?;
    let stream = AsyncTcpStream::Plain(reach(address).await.map_err(|error| refused(&error))?);
    match connector {
        Some(connector) => stream
            .into_rustls(&connector, &address.host)
            .await
            .map_err(|error| refused(&error)),
        None => Ok(stream),
    }
}

/// Tries every address that the host's name stands for.
async fn reach(address: &Address) -> io::Result<<Tokio as Reactor>::TcpStream> {
    let reactor = Tokio::current();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host's name stands for no address");
    for place in tokio::net::lookup_host((address.host.as_str(), address.port)).await? {
        match reactor.tcp_connect_addr(place).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn refused(error: &io::Error) -> Refusal {
    explained(error).unwrap_or_else(|| Refusal::temporary(ErrorKind::Unavailable, error.to_string()))
}

/// What a broken connection means when certificates broke it: that is for a person to put right.
pub(crate) fn explained(error: &io::Error) -> Option<Refusal> {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return Some(Refusal::temporary(
            ErrorKind::Unavailable,
            "the broker ended the connection",
        ));
    }
    let error = error.get_ref()?.downcast_ref::<TlsError>()?;
    let message = match error {
        TlsError::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the broker's certificate is for another name: put the name that it is for into \
             `spring.rabbitmq.addresses`, or have one issued for the broker's name"
            .to_owned(),
        TlsError::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the broker's certificate has expired: have a new one issued".to_owned()
        }
        TlsError::InvalidCertificate(CertificateError::UnknownIssuer) => format!(
            "the broker's certificate is not trusted: set `{TRUST}` to a PEM file with the authority that signed it"
        ),
        TlsError::InvalidCertificate(reason) => {
            format!("the broker's certificate is not trusted: {reason:?}; see `{TRUST}`")
        }
        TlsError::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            | AlertDescription::UnknownCA
            | AlertDescription::HandshakeFailure,
        ) => format!("the broker wants a client certificate that it trusts: check `{KEY}`"),
        _ => return None,
    };
    Some(Refusal::temporary(ErrorKind::Unauthorized, message))
}

/// Boot takes resources; a file is the only kind that means something here.
fn file(property: &str, location: &str) -> Result<String> {
    if location.starts_with("classpath:") {
        return Err(misconfigured(format!(
            "`{property}` is `{location}`: there is no class path; give the path of a file"
        )));
    }
    Ok(location.strip_prefix("file:").unwrap_or(location).to_owned())
}

/// Whether a store is PEM: as it is named, else by the file's ending, else by the default.
fn is_pem(kind: Option<&str>, path: &str, default: &str) -> bool {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    match (kind, ending.to_ascii_lowercase().as_str()) {
        (Some(kind), _) => kind.eq_ignore_ascii_case("PEM"),
        (None, "pem" | "crt" | "cer") => true,
        (None, "jks" | "p12" | "pfx") => false,
        (None, _) => default == "PEM",
    }
}

fn is_java(kind: Option<&str>, path: &str) -> bool {
    kind.map_or_else(
        || path.to_ascii_lowercase().ends_with(".jks"),
        |kind| kind.eq_ignore_ascii_case("JKS"),
    )
}

fn no_java_store(property: &str) -> bindery_core::Error {
    let accepted = if property == KEY { "PEM and PKCS12" } else { "PEM" };
    misconfigured(format!(
        "`{property}` names a store of Java's, which can't be read; accepted is {accepted}: export it (`keytool \
         -exportcert -rfc`, `openssl pkcs12`) and set `{property}-type`"
    ))
}

fn certificates(property: &str, path: &str, content: &[u8]) -> Result<Vec<CertificateDer<'static>>, Refusal> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(content).collect();
    found
        .ok()
        .filter(|certificates| !certificates.is_empty())
        .ok_or_else(|| unreadable(property, path, "holds no certificate in PEM"))
}

fn bytes(property: &str, path: &str) -> Result<Vec<u8>, Refusal> {
    // It may be mounted or renewed later.
    std::fs::read(path).map_err(|error| {
        Refusal::temporary(
            ErrorKind::Configuration,
            format!("`{property}`: file `{path}`: {error}"),
        )
    })
}

fn unreadable(property: &str, path: &str, what: &str) -> Refusal {
    Refusal::temporary(
        ErrorKind::Configuration,
        format!("`{property}`: file `{path}` {what}"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(ssl: serde_json::Value) -> Result<Certificates> {
        let serde_json::Value::Object(entries) = ssl else {
            unreachable!("the tests pass objects");
        };
        Certificates::read(&Options(entries.into_iter().collect()))
    }

    fn refusal(ssl: serde_json::Value) -> String {
        match read(ssl).unwrap().connector() {
            Ok(_) => panic!("it was accepted"),
            Err(refusal) => refusal.message,
        }
    }

    #[test]
    fn stores_of_java_are_refused_with_the_way_out() {
        for ssl in [
            json!({"ssl.trust-store": "/trust.jks"}),
            json!({"ssl.trust-store": "/trust", "ssl.trust-store-type": "JKS"}),
            json!({"ssl.trust-store": "/trust.p12"}),
            json!({"ssl.key-store": "/key.jks"}),
            json!({"ssl.key-store": "/key.p12", "ssl.key-store-type": "JKS"}),
            json!({"ssl.key-store": "classpath:key.p12"}),
        ] {
            let Err(error) = read(ssl.clone()) else {
                panic!("{ssl} was accepted");
            };
            let says_how = error.message().contains("PEM") || error.message().contains("path of a file");
            assert!(says_how && error.message().contains("-store"), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_missing_or_holds_something_else_is_named() {
        let missing = refusal(json!({"ssl.trust-store": "file:/nowhere/ca.pem"}));
        assert!(missing.contains("file `/nowhere/ca.pem`"), "{missing}");
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let trust = refusal(json!({"ssl.trust-store": manifest}));
        assert!(trust.contains("holds no certificate in PEM"), "{trust}");
    }

    #[test]
    fn a_password_of_a_store_is_in_no_error() {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let store = refusal(json!({"ssl.key-store": manifest, "ssl.key-store-password": "canary"}));
        assert!(
            store.contains("ssl.key-store-password") && !store.contains("canary"),
            "{store}"
        );
    }
}
