//! Getting files over HTTP: proxies from the environment, the system's certificate authorities or a file of them.

use super::error::{PullError, file_error};
use super::{Report, Step};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ureq2::{Agent, AgentBuilder, Response};
use url::Url;

/// No server takes this long to say the next thing.
const PATIENCE: Duration = Duration::from_secs(60);
const CHUNK: usize = 1 << 18;

/// What may help where nobody answers.
pub(super) const NO_NETWORK: &str = "behind a proxy set HTTPS_PROXY; with a certificate authority of your own set \
    SSL_CERT_FILE";

/// A client; `certificates` replaces the system's authorities.
pub(super) fn agent(certificates: Option<&Path>) -> Result<Agent, PullError> {
    let mut builder = AgentBuilder::new()
        .try_proxy_from_env(true)
        .timeout_connect(PATIENCE)
        .timeout_read(PATIENCE)
        .user_agent(concat!("alike/", env!("CARGO_PKG_VERSION")));
    if let Some(file) = certificates {
        builder = builder.tls_config(Arc::new(trust(file)?));
    }
    Ok(builder.build())
}

/// TLS that trusts the authorities in a PEM file and no others.
fn trust(file: &Path) -> Result<rustls::ClientConfig, PullError> {
    let unusable = |reason: String| PullError::BadFile {
        origin: "certificate authorities (PIP_CERT)".to_owned(),
        file: file.display().to_string(),
        reason,
    };
    let mut roots = rustls::RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| unusable(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        // Old authorities that this library can't read are passed over, as pip does.
        let _ = roots.add(certificate);
    }
    if roots.is_empty() {
        return Err(unusable("it has no usable certificate".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// An address to show: without name and password.
pub(super) fn shown(url: &str) -> String {
    let Ok(mut parsed) = Url::parse(url) else {
        return url.to_owned();
    };
    if !parsed.username().is_empty() || parsed.password().is_some() {
        let _ = parsed.set_username("");
        let _ = parsed.set_password(None);
    }
    parsed.to_string()
}

/// What a failed call means, by status.
pub(super) fn failure(url: &str, error: &ureq2::Error, meaning: impl Fn(u16) -> String) -> PullError {
    match error {
        ureq2::Error::Status(status, _) => PullError::Refused {
            url: shown(url),
            status: *status,
            meaning: meaning(*status),
        },
        ureq2::Error::Transport(transport) => PullError::Unreachable {
            url: shown(url),
            reason: transport
                .message()
                .map_or_else(|| transport.kind().to_string(), str::to_owned),
            remedy: NO_NETWORK,
        },
    }
}

/// Writes a response's body to `target` and checks its sha256.
pub(super) fn save(
    response: Response,
    name: &str,
    target: &Path,
    sha256: &str,
    report: &Report<'_>,
) -> Result<(), PullError> {
    let url = response.get_url().to_owned();
    let total = response
        .header("content-length")
        .and_then(|length| length.parse().ok());
    let mut file = File::create(target).map_err(file_error(target, "can't be written"))?;
    let mut digest = Sha256::new();
    let mut reader = response.into_reader();
    let (mut chunk, mut done) = (vec![0; CHUNK], 0_u64);
    loop {
        let read = reader.read(&mut chunk).map_err(|error| PullError::Unreachable {
            url: shown(&url),
            reason: format!("the download of {name} broke off after {done} bytes: {error}"),
            remedy: "try again",
        })?;
        if read == 0 {
            break;
        }
        digest.update(&chunk[..read]);
        file.write_all(&chunk[..read])
            .map_err(file_error(target, "can't be written"))?;
        done += read as u64;
        report(Step::Downloading {
            file: name,
            done,
            total,
        });
    }
    compare(name, sha256, &hex(&digest.finalize()))
}

/// Refuses a file whose sha256 is not the expected one.
pub(super) fn check_sha256(name: &str, path: &Path, expected: &str) -> Result<(), PullError> {
    let mut file = File::open(path).map_err(file_error(path, "can't be read"))?;
    let mut digest = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = file.read(&mut chunk).map_err(file_error(path, "can't be read"))?;
        if read == 0 {
            return compare(name, expected, &hex(&digest.finalize()));
        }
        digest.update(&chunk[..read]);
    }
}

fn compare(name: &str, expected: &str, found: &str) -> Result<(), PullError> {
    if found == expected {
        return Ok(());
    }
    Err(PullError::Digest {
        file: name.to_owned(),
        expected: expected.to_owned(),
        found: found.to_owned(),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(shown("https://me:secret@index/simple"), "https://index/simple");
        assert_eq!(shown("https://index/simple"), "https://index/simple");
        assert_eq!(shown("not an address"), "not an address");
    }

    #[test]
    fn a_file_without_certificates_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        for content in ["", "no certificate"] {
            std::fs::write(&file, content).unwrap();
            let message = agent(Some(&file)).unwrap_err().to_string();
            assert!(
                message.contains("ca.pem") && message.contains("PIP_CERT"),
                "{message}"
            );
        }
        std::fs::remove_file(&file).unwrap();
        assert!(agent(Some(&file)).unwrap_err().to_string().contains("ca.pem"));
    }

    #[test]
    fn a_digest_names_the_file_and_both_values() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("abc");
        std::fs::write(&file, "abc").unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        check_sha256("abc", &file, abc).unwrap();
        let message = check_sha256("abc", &file, "0123").unwrap_err().to_string();
        assert!(
            message.starts_with("abc is damaged") && message.contains(abc),
            "{message}"
        );
    }
}
