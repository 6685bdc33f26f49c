//! The API's certificate with its key, and the authority of its clients: read and checked when the configuration is, so that
//! nothing of them can fail once the gateway says that it is ready.

use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use x509_cert::der::Decode as _;
use x509_cert::time::Validity;

use super::settings::TlsSettings;
use crate::model::{SettingError, SettingErrors, Timestamp};

/// How long before its end a certificate is warned of: whatever renews it has had its time by then.
const RENEWAL: Duration = Duration::from_secs(30 * 24 * 3_600);

/// What TLS needs, checked. Its debug output shows no key.
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
    ends: Timestamp,
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("ends", &self.ends).finish_non_exhaustive()
    }
}

impl ServerTls {
    /// Reads the files, and checks that the certificates are valid at `now` and that the key is that of the first of them.
    ///
    /// # Errors
    /// Everything that is wrong, by the key below the table.
    pub fn read(settings: &TlsSettings, now: Timestamp) -> Result<Self, Vec<SettingError>> {
        let mut errors = SettingErrors::default();
        let chain = errors.take(PemCertificates::read("cert_file", &settings.cert_file));
        let key = errors.take(read_key(&settings.key_file));
        let ca = settings.client_ca_file.as_deref().map(|file| PemCertificates::read("client_ca_file", file));
        let ca = ca.and_then(|ca| errors.take(ca));
        if let (Some(chain), Some(key)) = (&chain, &key) {
            errors.take(fit(chain, key, settings));
        }
        let ends = chain.as_ref().and_then(|chain| errors.take(chain.validity(now)));
        if let Some(ca) = &ca {
            errors.take(ca.validity(now));
        }
        let verifier = ca.and_then(|ca| errors.take(ca.verifier()));
        let (Some(chain), Some(key), Some(ends)) = (chain, key, ends) else {
            return Err(errors.into_vec());
        };
        let errors = errors.into_vec();
        if !errors.is_empty() {
            return Err(errors);
        }
        let builder = ServerConfig::builder();
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        // What the server will do with it, which has rules of its own.
        let mut config = builder.with_single_cert(chain.certificates, key).map_err(|error| {
            vec![SettingError::new("cert_file", format!("must be a certificate that can be served: {error}"))]
        })?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Self { config: Arc::new(config), ends })
    }

    /// When the first of the server's certificates ends, if that is within 30 days of `now`.
    pub fn ends_soon(&self, now: Timestamp) -> Option<Timestamp> {
        let warned = now.saturating_add(RENEWAL).unwrap_or(Timestamp::MAX);
        (self.ends <= warned).then_some(self.ends)
    }

    /// Accepts TLS connections by it. HTTP/2 is all that is offered by ALPN.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

/// The certificates of one file.
struct PemCertificates<'a> {
    setting: &'static str,
    file: &'a Path,
    certificates: Vec<CertificateDer<'static>>,
}

impl<'a> PemCertificates<'a> {
    fn read(setting: &'static str, file: &'a Path) -> Result<Self, SettingError> {
        let pem = read(setting, file)?;
        let wrong = |what: &dyn fmt::Display| {
            SettingError::new(setting, format!("must hold certificates in PEM: {} {what}", file.display()))
        };
        let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
        let certificates = certificates.map_err(|error| wrong(&format_args!("is damaged ({error})")))?;
        if certificates.is_empty() {
            return Err(wrong(&"holds none"));
        }
        Ok(Self { setting, file, certificates })
    }

    /// Lets in the clients that have a certificate of one of these authorities.
    fn verifier(self) -> Result<Arc<dyn ClientCertVerifier>, SettingError> {
        let wrong = |what: &dyn fmt::Display| {
            let must = format!(
                "must hold authorities that can be trusted: {} does not ({what})",
                self.file.display()
            );
            SettingError::new(self.setting, must)
        };
        let mut roots = RootCertStore::empty();
        for certificate in self.certificates {
            roots.add(certificate).map_err(|error| wrong(&error))?;
        }
        WebPkiClientVerifier::builder(Arc::new(roots)).build().map_err(|error| wrong(&error))
    }

    /// When the first of them ends.
    fn validity(&self, now: Timestamp) -> Result<Timestamp, SettingError> {
        let ends = self.certificates.iter().map(|certificate| self.end(certificate, now));
        ends.collect::<Result<Vec<_>, _>>().map(|ends| ends.into_iter().min().unwrap_or(Timestamp::MAX))
    }

    fn end(&self, certificate: &CertificateDer<'_>, now: Timestamp) -> Result<Timestamp, SettingError> {
        let wrong = |what: String| {
            let must = format!("must be valid now: a certificate in {} {what}", self.file.display());
            SettingError::new(self.setting, must)
        };
        let certificate = x509_cert::Certificate::from_der(certificate)
            .map_err(|error| wrong(format!("cannot be read ({error})")))?;
        let (begins, ends) = dates(&certificate.tbs_certificate.validity);
        if now < begins {
            return Err(wrong(format!("begins on {}: wait, or set the machine's clock", shown(begins))));
        }
        if ends < now {
            return Err(wrong(format!("ended on {}: put a new one in its place", shown(ends))));
        }
        Ok(ends)
    }
}

fn dates(validity: &Validity) -> (Timestamp, Timestamp) {
    let date = |time: &x509_cert::time::Time| {
        i64::try_from(time.to_unix_duration().as_secs()).ok().and_then(|at| Timestamp::from_second(at).ok())
    };
    (
        date(&validity.not_before).unwrap_or(Timestamp::MIN),
        date(&validity.not_after).unwrap_or(Timestamp::MAX),
    )
}

fn shown(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d at %H:%M UTC").to_string()
}

fn read(setting: &'static str, file: &Path) -> Result<Vec<u8>, SettingError> {
    fs::read(file).map_err(|error| {
        let must = format!("must be a PEM file that can be read: {} cannot ({error})", file.display());
        SettingError::new(setting, must)
    })
}

fn read_key(file: &Path) -> Result<PrivateKeyDer<'static>, SettingError> {
    let pem = read("key_file", file)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| {
        let must = format!("must hold a private key in PEM: {} does not ({error})", file.display());
        SettingError::new("key_file", must)
    })
}

/// That the key is the certificate's.
fn fit(
    chain: &PemCertificates<'_>,
    key: &PrivateKeyDer<'static>,
    settings: &TlsSettings,
) -> Result<(), SettingError> {
    let (cert, key_file) = (settings.cert_file.display(), settings.key_file.display());
    let fitted =
        CertifiedKey::from_der(chain.certificates.clone(), key.clone_key(), &ring::default_provider());
    fitted.map(drop).map_err(|error| {
        let must = format!("must be the key of the first certificate in {cert}: {key_file} is not ({error})");
        SettingError::new("key_file", must)
    })
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    /// A folder with a server's certificate for one day, its key, and what else a test needs.
    struct Files(tempfile::TempDir);

    impl Files {
        fn new() -> Self {
            let files = Self(tempfile::tempdir().unwrap());
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            params.not_before = date_time_ymd(2026, 3, 1);
            params.not_after = date_time_ymd(2026, 6, 1);
            files.write("cert", &params.self_signed(&key).unwrap().pem());
            files.write("key", &key.serialize_pem());
            files.write("other-key", &KeyPair::generate().unwrap().serialize_pem());
            files.write("garbage", "garbage");
            files.write("damaged", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
            files
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.0.path().join(name), text).unwrap();
        }

        /// What is wrong with these files on this day, without the folder.
        fn errors(&self, cert: &str, key: &str, ca: Option<&str>, day: &str) -> Vec<String> {
            let at = |name: &str| self.0.path().join(name);
            let settings = TlsSettings { cert_file: at(cert), key_file: at(key), client_ca_file: ca.map(at) };
            let read = ServerTls::read(&settings, format!("{day}T00:00:00Z").parse().unwrap());
            let folder = format!("{}/", self.0.path().display());
            let told = |error: SettingError| error.to_string().replace(&folder, "");
            read.err().unwrap_or_default().into_iter().map(told).collect()
        }
    }

    #[test]
    fn what_the_server_would_refuse_is_told_with_its_setting() {
        let files = Files::new();
        let errors = |cert, key| files.errors(cert, key, None, "2026-04-01");
        assert!(errors("cert", "key").is_empty());
        assert!(files.errors("cert", "key", Some("cert"), "2026-04-01").is_empty());
        let holds_none = "must hold certificates in PEM: garbage holds none";
        assert_eq!(errors("garbage", "key"), [format!("cert_file {holds_none}")]);
        let told = errors("cert", "other-key");
        let mismatch = "key_file must be the key of the first certificate in cert: other-key is not (";
        assert!(told.len() == 1 && told[0].starts_with(mismatch), "{told:?}");
        let told = errors("damaged", "garbage");
        assert!(told[0].starts_with("key_file must hold a private key in PEM: garbage does not"), "{told:?}");
        assert!(told[1].starts_with("cert_file must be valid now: a certificate in damaged cannot be read"));
        let told = files.errors("cert", "key", Some("garbage"), "2026-04-01");
        assert_eq!(told, [format!("client_ca_file {holds_none}")]);
    }

    #[test]
    fn a_certificate_is_valid_on_its_days_and_is_warned_of_before_its_end() {
        let files = Files::new();
        let on = |day| files.errors("cert", "key", Some("cert"), day);
        let ended = "must be valid now: a certificate in cert ended on 2026-06-01 at 00:00 UTC: put a new one in its place";
        assert_eq!(on("2026-06-02"), [format!("cert_file {ended}"), format!("client_ca_file {ended}")]);
        assert!(on("2026-02-28")[0].contains("begins on 2026-03-01 at 00:00 UTC"));
        let at = |name: &str| files.0.path().join(name);
        let settings = TlsSettings { cert_file: at("cert"), key_file: at("key"), client_ca_file: None };
        let soon = |day: &str| {
            let now = format!("{day}T00:00:00Z").parse().unwrap();
            ServerTls::read(&settings, now).unwrap().ends_soon(now).is_some()
        };
        assert_eq!([soon("2026-05-01"), soon("2026-05-02"), soon("2026-05-31")], [false, true, true]);
    }
}
