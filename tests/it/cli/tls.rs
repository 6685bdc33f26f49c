//! Mutual TLS between the program and the API.

use relevo::api;

use super::Gateway;

#[tokio::test]
async fn mutual_tls_is_spoken() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let ca_key = rcgen::KeyPair::generate().unwrap();
    let mut ca = rcgen::CertificateParams::default();
    ca.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    std::fs::write(path("ca.pem"), ca.self_signed(&ca_key).unwrap().pem()).unwrap();
    let issuer = rcgen::Issuer::new(ca, ca_key);
    for name in ["server", "client"] {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        std::fs::write(path(&format!("{name}.pem")), params.signed_by(&key, &issuer).unwrap().pem()).unwrap();
        std::fs::write(path(&format!("{name}.key")), key.serialize_pem()).unwrap();
    }
    let tls = api::TlsSettings {
        cert_file: path("server.pem"),
        key_file: path("server.key"),
        client_ca_file: Some(path("ca.pem")),
    };
    let gateway = Gateway::with(api::ApiSettings { tls: Some(tls), ..Default::default() }, "https").await;
    let (ca, cert, key) = (path("ca.pem"), path("client.pem"), path("client.key"));
    let trusting = ["contact", "list", "--ca-file", ca.to_str().unwrap()];
    let client = ["--client-cert", cert.to_str().unwrap(), "--client-key", key.to_str().unwrap()];
    gateway.ok(&[&trusting[..], &client[..]].concat()).await;
    assert_eq!(gateway.run(&trusting).await.code, 3, "without a client certificate");
    assert_eq!(gateway.run(&["contact", "list"]).await.code, 3, "without trust in the authority");
}
