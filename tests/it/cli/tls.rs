//! Mutual TLS between the program and the API.

use relevo::api;

use super::Gateway;

#[tokio::test]
async fn a_server_of_plain_text_is_known_as_one() {
    let gateway = Gateway::start().await;
    let server = gateway.url.replace("http", "https");
    let done = gateway.run(&["contact", "list", "--server", &server]).await;
    assert_eq!(done.code, 3);
    assert!(done.err.contains("the server does not speak TLS: begin --server with http://"), "{}", done.err);
}

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
    let told = async |line: &[&str], words: &str| {
        let done = gateway.run(line).await;
        assert!(done.code == 3 && done.err.contains(words), "{} {}", done.code, done.err);
        assert!(!done.err.contains("is the gateway running"), "{}", done.err);
    };
    told(&trusting, "give one with --client-cert and --client-key").await;
    told(&["contact", "list"], "name a file with that authority's certificate by --ca-file").await;
    let plain = gateway.url.replace("https", "http");
    told(&["contact", "list", "--server", &plain], "the server speaks TLS: begin --server with https://")
        .await;
    let by_address = gateway.url.replace("localhost", "127.0.0.1");
    let elsewhere = [&trusting[..], &client[..], &["--server", &by_address]].concat();
    told(&elsewhere, "its certificate is for another name").await;
}
