//! TLS, and mutual TLS.

use std::path::Path;

use rcgen::{CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use relevo::api::TlsSettings;
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

use super::*;

/// A certificate authority and what it issued.
struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, in PEM.
struct Issued {
    cert: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn issue(&self, name: &str) -> Issued {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        Issued { cert: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }
}

fn write(folder: &Path, name: &str, text: &str) -> std::path::PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// A gateway that shows a certificate for `localhost`, and lets in clients of `clients` only, if given.
async fn gateway(authority: &Authority, clients: Option<&Authority>) -> (Gateway, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let issued = authority.issue("localhost");
    let tls = TlsSettings {
        cert_file: write(folder.path(), "cert.pem", &issued.cert),
        key_file: write(folder.path(), "key.pem", &issued.key),
        client_ca_file: clients.map(|authority| write(folder.path(), "clients.pem", &authority.pem())),
    };
    let settings = ApiSettings { tls: Some(tls), ..ApiSettings::default() };
    (Gateway::with(Stores::memory(), settings).await, folder)
}

/// Calls over TLS, trusting `authority` and showing `identity`, if given.
async fn call(gateway: &Gateway, authority: &Authority, identity: Option<Issued>) -> Result<(), String> {
    let tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(authority.pem()))
        .domain_name("localhost");
    let tls = match identity {
        Some(certificate) => tls.identity(Identity::from_pem(certificate.cert, certificate.key)),
        None => tls,
    };
    let endpoint = Endpoint::from_shared(format!("https://{}", gateway.address)).unwrap();
    let connection = endpoint.tls_config(tls).unwrap().connect_lazy();
    let bearer = Bearer(Some(format!("Bearer {}", gateway.acme().await).parse().unwrap()));
    let mut messages = MessageServiceClient::with_interceptor(connection, bearer);
    let answer = messages.list_messages(v1::ListMessagesRequest::default()).await;
    answer.map(drop).map_err(|status| format!("{status:?}"))
}

#[tokio::test]
async fn a_client_that_trusts_the_authority_is_served_over_tls() {
    let authority = Authority::new();
    let (gateway, _folder) = gateway(&authority, None).await;
    call(&gateway, &authority, None).await.unwrap();
    call(&gateway, &Authority::new(), None)
        .await
        .expect_err("another authority's certificate is not trusted");
    let plain =
        gateway.messages(&gateway.acme().await).list_messages(v1::ListMessagesRequest::default()).await;
    assert!(plain.is_err(), "plain text is not served");
}

#[tokio::test]
async fn mutual_tls_lets_in_clients_of_its_authority_only() {
    let (authority, clients) = (Authority::new(), Authority::new());
    let (gateway, _folder) = gateway(&authority, Some(&clients)).await;
    call(&gateway, &authority, Some(clients.issue("shop"))).await.unwrap();
    call(&gateway, &authority, None).await.expect_err("no certificate");
    call(&gateway, &authority, Some(authority.issue("shop")))
        .await
        .expect_err("another authority's certificate");
}

#[test]
fn a_certificate_that_cannot_be_used_is_told_by_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let missing = TlsSettings {
        cert_file: folder.path().join("missing.pem"),
        key_file: folder.path().join("missing.pem"),
        client_ca_file: None,
    };
    let nonsense = write(folder.path(), "nonsense.pem", "nonsense");
    let nonsense = TlsSettings { cert_file: nonsense.clone(), key_file: nonsense, client_ca_file: None };
    for (tls, file) in [(missing, "missing.pem"), (nonsense, "nonsense.pem")] {
        for error in ServerTls::read(&tls, START).unwrap_err() {
            assert!(error.to_string().contains(file), "{error}");
        }
    }
}
