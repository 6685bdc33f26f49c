//! What stands between us and a provider: TLS with HTTP/2, and a proxy.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{Peer, installed, root, scratch};
use crate::email::tls::Certificates;

/// A provider's API behind TLS for `localhost`; `tests/peers/api.js` says what it does.
pub struct Api {
    peer: Peer,
    certificates: Certificates,
}

impl Api {
    /// Starts one, with `options` after its certificate.
    pub fn start(name: &str, options: &[&str]) -> Self {
        let certificates = Certificates::new(name);
        let peer = Peer::start(name, |port| {
            let mut command = node("api.js");
            command.arg(port.to_string()).arg(&certificates.certificate).arg(&certificates.key).args(options);
            command
        });
        Self { peer, certificates }
    }

    /// Its base URL, by the name that its certificate is for.
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.peer.port())
    }

    /// The setting that trusts its certificate.
    pub fn trust(&self) -> String {
        format!("ca_file = '{}'\n", self.authority().display())
    }

    /// The file with the authority of its certificate.
    pub fn authority(&self) -> &Path {
        &self.certificates.authority
    }

    /// What was posted so far: the version of HTTP, and the connection.
    pub async fn posted(&self) -> Vec<(String, u64)> {
        let authority = std::fs::read(&self.certificates.authority).unwrap();
        let authority = reqwest::Certificate::from_pem(&authority).unwrap();
        let client = reqwest::Client::builder().no_proxy().add_root_certificate(authority).build().unwrap();
        let posted: Vec<Value> = client.get(self.url()).send().await.unwrap().json().await.unwrap();
        let read = |request: &Value| {
            (request["version"].as_str().unwrap().to_owned(), request["connection"].as_u64().unwrap())
        };
        posted.iter().map(read).collect()
    }
}

/// An HTTP proxy for the user `relevo` with the password `open sesame`; `tests/peers/proxy.js` says what it does.
pub struct Proxy {
    peer: Peer,
    name: String,
    scheme: &'static str,
}

impl Proxy {
    /// Starts one.
    pub fn start(name: &str) -> Self {
        Self::reached_by("http", name, &[])
    }

    /// Starts one that is itself reached by TLS.
    pub fn encrypted(name: &str, certificates: &Certificates) -> Self {
        let (certificate, key) = certificates.files();
        Self::reached_by("https", name, &[certificate, key])
    }

    fn reached_by(scheme: &'static str, name: &str, files: &[&Path]) -> Self {
        let peer = Peer::start(name, |port| {
            let mut command = node("proxy.js");
            command.args([&port.to_string(), "relevo", "open sesame"]).args(files);
            command
        });
        Self { peer, name: name.to_owned(), scheme }
    }

    /// Its URL, by the name that a certificate is for.
    pub fn url(&self) -> String {
        format!("{}://localhost:{}", self.scheme, self.peer.port())
    }

    /// The settings that lead through it, with a password.
    pub fn settings(&self, password: &str) -> String {
        let url = self.url();
        format!(
            "proxy = '{url}'\nproxy_username = 'relevo'\nproxy_password = {{ '$secret' = '{password}' }}\n"
        )
    }

    /// What it let through, in order.
    pub fn passed(&self) -> Vec<String> {
        let log = std::fs::read_to_string(scratch(&format!("{}.log", self.name))).unwrap();
        log.lines().map(str::to_owned).collect()
    }
}

fn node(script: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(root().join("tests/peers").join(script)).env("NODE_PATH", installed("node_modules"));
    command
}
