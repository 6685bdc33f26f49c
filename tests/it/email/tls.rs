//! Encryption and authentication.

use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use relevo::adapters::{Adapter, ProviderBuildError};

use super::{assert_sent, build, email, evidence};
use crate::peers::{Smtp, scratch};

const PASSWORD: &str = "correct horse battery staple";

/// A certificate authority of a test's own, and a certificate of it for `localhost`.
pub struct Certificates {
    pub authority: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Certificates {
    /// New ones for the test `name`.
    pub fn new(name: &str) -> Self {
        let authority_key = KeyPair::generate().unwrap();
        let mut authority = CertificateParams::new(vec![]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
        let key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let leaf = leaf.signed_by(&key, &Issuer::new(authority, authority_key)).unwrap();
        let write = |kind: &str, pem: String| {
            let path = scratch(&format!("{name}-{kind}.pem"));
            std::fs::write(&path, pem).unwrap();
            path
        };
        Self {
            authority: write("authority", authority_pem),
            certificate: write("certificate", leaf.pem()),
            key: write("key", key.serialize_pem()),
        }
    }

    /// Starts an SMTP server with them.
    pub fn serve(&self, name: &str, tls: &str, more: &[&str]) -> Smtp {
        let path = |path: &PathBuf| path.to_str().unwrap().to_owned();
        let (certificate, key) = (path(&self.certificate), path(&self.key));
        let mut options = vec!["--tls", tls, "--certificate", &certificate, "--key", &key];
        options.extend(more);
        Smtp::start(name, &options)
    }

    /// Where the certificate and its key are.
    pub fn files(&self) -> (&Path, &Path) {
        (&self.certificate, &self.key)
    }

    /// The settings of an adapter that trusts them.
    pub fn trust(&self, tls: &str) -> String {
        format!("tls = '{tls}'\nca_file = '{}'\n", self.authority.display())
    }
}

/// A file for the test `name` with all the certificates of these files.
pub fn bundle(name: &str, files: &[&Path]) -> PathBuf {
    let path = scratch(&format!("{name}-bundle.pem"));
    let pem: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    std::fs::write(&path, pem).unwrap();
    path
}

fn login(password: &str) -> String {
    format!("username = 'shop'\npassword = {{ '$secret' = '{password}' }}\n")
}

#[tokio::test]
async fn starttls_and_authentication() {
    let certificates = Certificates::new("starttls");
    let peer = certificates.serve("starttls", "starttls", &["--user", &format!("shop:{PASSWORD}")]);
    let adapter = build(peer.port(), &(certificates.trust("starttls") + &login(PASSWORD))).unwrap();
    assert_sent(&adapter, &email("ana@example.org")).await;
    let taken = &peer.taken()[0];
    assert_eq!((&taken["encrypted"], &taken["authenticated"]), (&true.into(), &true.into()));
}

#[tokio::test]
async fn implicit_tls() {
    let certificates = Certificates::new("implicit");
    let peer = certificates.serve("implicit", "implicit", &[]);
    let adapter = build(peer.port(), &certificates.trust("implicit")).unwrap();
    assert_sent(&adapter, &email("ana@example.org")).await;
    assert_eq!(peer.taken()[0]["encrypted"], true);
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    let certificates = Certificates::new("theirs");
    let ours = Certificates::new("ours");
    for tls in ["starttls", "implicit"] {
        let peer = certificates.serve(&format!("theirs-{tls}"), tls, &[]);
        let adapter = build(peer.port(), &ours.trust(tls)).unwrap();
        let outcome = adapter.deliver(&email("ana@example.org")).await;
        assert_eq!(outcome.as_str(), "unavailable");
        assert!(evidence(&outcome).contains("certificate"), "{}", evidence(&outcome));
        assert!(peer.taken().is_empty());
    }
}

#[tokio::test]
async fn a_server_without_starttls_gets_nothing() {
    let peer = Smtp::start("without-starttls", &[]);
    let outcome = build(peer.port(), "").unwrap().deliver(&email("ana@example.org")).await;
    assert_eq!(outcome.as_str(), "misconfigured");
    assert_eq!(evidence(&outcome), "the server does not offer STARTTLS");
    assert!(peer.taken().is_empty());
}

#[tokio::test]
async fn wrong_credentials_are_misconfigured_and_never_told() {
    let peer = Smtp::start("wrong-password", &["--user", "shop:another"]);
    let adapter = build(peer.port(), &("tls = 'none'\n".to_owned() + &login(PASSWORD))).unwrap();
    let outcome = adapter.deliver(&email("ana@example.org")).await;
    assert_eq!(outcome.as_str(), "misconfigured");
    assert_eq!(evidence(&outcome), "535 the server refuses the credentials (at AUTH)");
    let adapter = build(peer.port(), &("tls = 'none'\n".to_owned() + &login("another"))).unwrap();
    assert_sent(&adapter, &email("ana@example.org")).await;
}

fn by_token(name: &str, token: &str) -> (PathBuf, String) {
    let file = scratch(&format!("{name}.token"));
    std::fs::write(&file, token).unwrap();
    let settings = format!("username = 'shop'\noauth2_token_file = '{}'\n", file.display());
    (file, settings)
}

#[tokio::test]
async fn an_access_token_is_read_anew_for_each_connection() {
    let certificates = Certificates::new("token");
    let said = "user=shop\x01auth=Bearer fresh\x01\x01";
    let peer = certificates.serve("token", "starttls", &["--token", said]);
    let (file, settings) = by_token("token", "stale\n");
    let adapter = build(peer.port(), &(certificates.trust("starttls") + &settings)).unwrap();
    let outcome = adapter.deliver(&email("ana@example.org")).await;
    assert_eq!(outcome.as_str(), "misconfigured");
    let expected = "535 the server refuses the access token (status 401) (at AUTH)";
    assert_eq!(evidence(&outcome), expected);
    std::fs::write(&file, "fresh\n").unwrap();
    assert_sent(&adapter, &email("ana@example.org")).await;
    let taken = &peer.taken()[0];
    assert_eq!((&taken["encrypted"], &taken["authenticated"]), (&true.into(), &true.into()));
    for unusable in ["", "two words"] {
        std::fs::write(&file, unusable).unwrap();
        let adapter = build(peer.port(), &(certificates.trust("starttls") + &settings)).unwrap();
        let outcome = adapter.deliver(&email("ana@example.org")).await;
        assert_eq!(outcome.as_str(), "misconfigured");
        assert!(evidence(&outcome).contains("oauth2_token_file"), "{}", evidence(&outcome));
    }
}

#[tokio::test]
async fn a_token_is_not_given_to_a_server_that_does_not_ask_for_one() {
    let peer = Smtp::start("no-token", &["--user", "shop:another"]);
    let (_, settings) = by_token("no-token", "fresh");
    let outcome = build(peer.port(), &format!("tls = 'none'\n{settings}"))
        .unwrap()
        .deliver(&email("a@example.org"))
        .await;
    assert_eq!(outcome.as_str(), "misconfigured");
    assert_eq!(evidence(&outcome), "the server does not offer AUTH XOAUTH2");
}

#[tokio::test]
async fn missing_credentials_are_misconfigured() {
    let peer = Smtp::start("no-password", &["--user", "shop:another"]);
    let outcome = build(peer.port(), "tls = 'none'").unwrap().deliver(&email("ana@example.org")).await;
    assert_eq!(outcome.as_str(), "misconfigured", "{}", evidence(&outcome));
}

#[test]
fn settings_that_would_tell_the_password_or_cannot_work_are_refused() {
    let setting = |text: &str| {
        let settings = toml::from_str(&format!("from = 'shop@example.com'\n{text}")).unwrap();
        match relevo::adapters::email::SmtpAdapter::new(&settings, &Default::default()) {
            Err(ProviderBuildError::Setting { setting, .. } | ProviderBuildError::File { setting, .. }) => {
                setting
            }
            Err(other) => panic!("{other}"),
            Ok(_) => "",
        }
    };
    let login = login(PASSWORD);
    assert_eq!(setting(&format!("host = 'mail.example.com'\ntls = 'none'\n{login}")), "tls");
    assert_eq!(setting(&format!("host = '127.0.0.1'\ntls = 'none'\n{login}")), "");
    assert_eq!(setting("host = 'mail.example.com'\nusername = 'shop'"), "password");
    let token = "username = 'shop'\noauth2_token_file = '/run/token'";
    assert_eq!(setting(&format!("host = 'mail.example.com'\ntls = 'none'\n{token}")), "tls");
    assert_eq!(
        setting(&format!("host = 'localhost'\n{login}oauth2_token_file = '/run/token'")),
        "oauth2_token_file"
    );
    let fallback = "tls = 'none'\nfallback_hosts = ['mail.example.com']";
    assert_eq!(setting(&format!("host = 'localhost'\n{fallback}\n{login}")), "tls");
    assert_eq!(setting("host = 'localhost'\nbounce_address = 'bounce@x.example'"), "bounce_secret");
    assert_eq!(setting("host = 'mail example com'"), "host");
    assert_eq!(setting("host = 'localhost'\nhello_name = \"a\\r\\nb\""), "hello_name");
    assert_eq!(setting("host = 'localhost'\nreply_to = 'nobody'"), "reply_to");
    assert_eq!(setting("host = 'localhost'\nca_file = '/nonexistent'"), "ca_file");
}

#[test]
fn secrets_are_not_in_debug_output() {
    let text = format!(
        "host = 'localhost'\nfrom = 'shop@example.com'\n{}[dkim]\ndomain = 'example.com'\nselector = 's'\n\
         private_key = {{ '$secret' = 'the private key' }}",
        login(PASSWORD)
    );
    let settings: relevo::adapters::email::SmtpSettings = toml::from_str(&text).unwrap();
    let debug_text = format!("{settings:?}");
    assert!(!debug_text.contains(PASSWORD) && !debug_text.contains("the private key"), "{debug_text}");
    let error = relevo::adapters::email::SmtpAdapter::new(&settings, &Default::default()).err().unwrap();
    assert!(!format!("{error} {error:?}").contains("the private key"));
}
