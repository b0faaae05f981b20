//! Certificates and passwords for the encrypted listeners: made once for each set of brokers, trusted by nobody else.
//!
//! The server's certificate is for `localhost` and `127.0.0.1`. Its name doesn't match for a client that comes in at
//! another address of the loopback, such as `127.0.0.2`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use serde::{Deserialize, Serialize};

use crate::paths;

/// Who logs in at Kafka's encrypted listener; the password is in `password`.
pub(super) const USER: &str = "bindery";

/// The ports of the encrypted listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TlsPorts {
    /// Kafka with SASL: SCRAM-SHA-256, SCRAM-SHA-512 and PLAIN.
    pub(crate) kafka_sasl: u16,
    /// Kafka with certificates on both sides.
    pub(crate) kafka_ssl: u16,
    /// RabbitMQ with certificates on both sides.
    pub(crate) rabbit: u16,
}

/// Makes what is missing.
///
/// | file | what it is |
/// | --- | --- |
/// | `ca.pem` | the authority that signed everything but `other-*` |
/// | `server.pem`, `server-key.pem`, `server-store.pem` | the brokers' certificate, its key, and both in one file |
/// | `client.pem`, `client-key.pem`, `client-store.pem` | a client's |
/// | `other-ca.pem`, `other-client-store.pem` | an authority that no broker trusts, and a client that it signed |
/// | `password` | of the user `bindery` at Kafka |
pub(super) fn provide() -> Result<()> {
    // Written last: an interrupted run has none and starts again.
    if file("password").exists() {
        return Ok(());
    }
    fs::create_dir_all(folder()).with_context(|| format!("cannot create `{}`", folder().display()))?;
    let ours = Authority::new("bindery test authority")?;
    let other = Authority::new("an authority that nobody trusts")?;
    write("ca.pem", &ours.certificate)?;
    write("other-ca.pem", &other.certificate)?;
    let hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
    let server = ours.sign("localhost", hosts, ExtendedKeyUsagePurpose::ServerAuth)?;
    server.write("server")?;
    ours.sign(USER, Vec::new(), ExtendedKeyUsagePurpose::ClientAuth)?
        .write("client")?;
    other
        .sign(USER, Vec::new(), ExtendedKeyUsagePurpose::ClientAuth)?
        .write("other-client")?;
    write("password", &format!("canary{}", super::rabbit::random_letters()?))
}

/// Where the files are.
pub(super) fn folder() -> PathBuf {
    paths::brokers().join("tls")
}

pub(super) fn file(name: &str) -> PathBuf {
    folder().join(name)
}

pub(super) fn password() -> Result<String> {
    let file = file("password");
    fs::read_to_string(&file).with_context(|| format!("cannot read `{}`", file.display()))
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

impl Authority {
    fn new(name: &str) -> Result<Self> {
        let mut parameters = CertificateParams::new(Vec::new())?;
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let certificate = parameters.self_signed(&key)?.pem();
        Ok(Self {
            issuer: Issuer::new(parameters, key),
            certificate,
        })
    }

    fn sign(&self, name: &str, hosts: Vec<String>, purpose: ExtendedKeyUsagePurpose) -> Result<Identity> {
        let mut parameters = CertificateParams::new(hosts)?;
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages = vec![purpose];
        parameters.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &self.issuer)?.pem();
        Ok(Identity {
            certificate,
            key: key.serialize_pem(),
        })
    }
}

struct Identity {
    certificate: String,
    key: String,
}

impl Identity {
    fn write(&self, name: &str) -> Result<()> {
        write(&format!("{name}.pem"), &self.certificate)?;
        write(&format!("{name}-key.pem"), &self.key)?;
        // Kafka and Spring take one file with both.
        write(
            &format!("{name}-store.pem"),
            &format!("{}{}", self.key, self.certificate),
        )
    }
}

/// Keys and passwords are the caller's alone.
fn write(name: &str, text: &str) -> Result<()> {
    let file = file(name);
    write_private(&file, text).with_context(|| format!("cannot write `{}`", file.display()))
}

fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    fs::write(file, text)?;
    fs::set_permissions(file, fs::Permissions::from_mode(0o600))
}
