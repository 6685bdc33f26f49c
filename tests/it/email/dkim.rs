//! Signatures, as dkimpy verifies them.

use super::{assert_sent, build, content};
use crate::peers::{Smtp, scratch};

/// A key made by OpenSSL, and the record that publishes it.
fn key(name: &str, options: &[&str]) -> (String, String) {
    let openssl = |arguments: &[&str]| {
        let output = std::process::Command::new("openssl").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let path = scratch(&format!("{name}.pem"));
    let path = path.to_str().unwrap();
    openssl(&[&["genpkey", "-out", path], options].concat());
    let public = openssl(&["pkey", "-in", path, "-pubout", "-outform", "DER"]);
    use base64::Engine;
    let encode = |bytes: &[u8]| base64::prelude::BASE64_STANDARD.encode(bytes);
    let record = if name.contains("ed25519") {
        // RFC 8463, section 4: the bare key, which ends the DER.
        format!("v=DKIM1; k=ed25519; p={}", encode(&public[public.len() - 32..]))
    } else {
        format!("v=DKIM1; k=rsa; p={}", encode(&public))
    };
    (std::fs::read_to_string(path).unwrap(), record)
}

async fn is_verified(name: &str, algorithm: &str, pem: &str, record: &str) -> bool {
    let peer = Smtp::start(name, &["--dkim-record", record]);
    let settings = format!(
        "tls = 'none'\nreply_to = 'help@example.com'\n[dkim]\ndomain = 'example.com'\nselector = 'mail2026'\n\
         algorithm = '{algorithm}'\nprivate_key = {{ '$secret' = '''{pem}''' }}"
    );
    let adapter = build(peer.port(), &settings).unwrap();
    let envelope = content(
        "ana@example.org",
        "Tu pedido, señora Muñoz, que ya está en camino desde hace unos días 🎉",
        Some("¡Olé!  \n\n.\n"),
        Some("<p>¡Olé!</p>"),
    );
    assert_sent(&adapter, &envelope).await;
    let taken = &peer.taken()[0];
    assert_eq!(taken["dkim"]["asked"][0], "mail2026._domainkey.example.com.");
    let signature = taken["parsed"]["headers"]["dkim-signature"].as_str().unwrap();
    assert!(signature.contains("c=relaxed/relaxed") && signature.contains(":reply-to:"), "{signature}");
    taken["dkim"]["verified"].as_bool().unwrap()
}

#[tokio::test]
async fn rsa_signatures_are_verified() {
    let (pem, record) = key("dkim-rsa", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    assert!(is_verified("dkim-rsa", "rsa", &pem, &record).await);
    let (_, other) = key("dkim-rsa-other", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    assert!(!is_verified("dkim-rsa-other", "rsa", &pem, &other).await);
}

#[tokio::test]
async fn ed25519_signatures_are_verified() {
    let (pem, record) = key("dkim-ed25519", &["-algorithm", "ED25519"]);
    assert!(is_verified("dkim-ed25519", "ed25519", &pem, &record).await);
}

#[test]
fn a_key_of_another_kind_is_refused() {
    let (rsa, _) = key("dkim-kind", &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]);
    for (algorithm, pem) in [("ed25519", rsa.as_str()), ("rsa", "no key at all")] {
        let settings = format!(
            "[dkim]\ndomain = 'example.com'\nselector = 's'\nalgorithm = '{algorithm}'\n\
             private_key = {{ '$secret' = '''{pem}''' }}"
        );
        let error = build(25, &settings).err().unwrap();
        assert!(error.to_string().starts_with("dkim.private_key "), "{error}");
    }
}
