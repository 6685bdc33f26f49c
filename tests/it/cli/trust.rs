//! Whose certificates are trusted: the authorities that the system names, which can be others only for a process of its own,
//! and beside them those of the configuration.

use std::path::Path;

use serde_json::json;

use super::provider_test::{row, tests_provider_where};
use crate::email::tls::{Certificates, bundle};
use crate::gateway::providers::{provider, resend, smtp};
use crate::peers::{Api, Smsc};

/// Tries every trust with the provider `x` that `configured` describes for a file of authorities, or none. Its certificate is
/// by `theirs`.
async fn trusts(kind: &str, theirs: &Path, to: &str, configured: impl Fn(&str) -> String) {
    let other = Certificates::new(&format!("trust-{kind}-other")).authority;
    let both = bundle(&format!("trust-{kind}"), &[&other, theirs]);
    for (system, file, is_trusted) in [
        (theirs, None, true),
        (theirs, Some(&other), true),
        (&other, Some(&both), true),
        (&other, None, false),
        (&other, Some(&other), false),
    ] {
        let settings = file.map_or(String::new(), |file| format!("ca_file = '{}'", file.display()));
        let done =
            tests_provider_where(&[("SSL_CERT_FILE", system)], &configured(&settings), "x", &["--to", to])
                .await;
        let outcome = row(&done, "outcome").split(',').next();
        let expected = if is_trusted { (0, Some("sent")) } else { (1, Some("unavailable")) };
        assert_eq!((done.code, outcome), expected, "{kind}: {system:?} {file:?}: {} {}", done.out, done.err);
        // The advice is about the certificate, and not about firewalls.
        let blames =
            done.out.contains("its certificate is not to be trusted") && !done.out.contains("firewall");
        assert_eq!(blames, !is_trusted, "{kind}: {}", done.out);
    }
}

/// Before a provider that cannot be trusted is given up.
const LIMITS: &str = "[providers.limits]\nconnect_timeout_ms = 1_000\ntimeout_ms = 3_000";

#[tokio::test]
async fn over_http() {
    let api = Api::start("trust-http", &[]);
    let mail = |settings: &str| format!("{}[providers.http]\n{settings}", resend("x", api.url()));
    trusts("http", api.authority(), "me@example.com", mail).await;
}

#[tokio::test]
async fn by_smtp() {
    for tls in ["starttls", "implicit"] {
        let certificates = Certificates::new(&format!("trust-{tls}"));
        let peer = certificates.serve(&format!("trust-{tls}"), tls, &[]);
        let mail = |settings: &str| smtp("x", peer.port(), &format!("tls = '{tls}'\n{settings}"), LIMITS);
        trusts(tls, &certificates.authority, "me@example.com", mail).await;
    }
}

#[tokio::test]
async fn by_smpp() {
    let certificates = Certificates::new("trust-smpp");
    let (cert, key) = certificates.files();
    let smsc = Smsc::start("trust", &json!({ "cert": cert, "key": key }));
    let carrier = |settings: &str| {
        let adapter = format!(
            "[providers.smpp]\nhost = 'localhost'\nport = {}\nsystem_id = 'acme'\npassword = {{ file = 'secret' }}\n\
             response_timeout_ms = 1_000\n{settings}",
            smsc.port()
        );
        provider("x", "sms", LIMITS, &adapter)
    };
    trusts("smpp", &certificates.authority, "+34600123456", carrier).await;
}
