//! What the configuration says of an SMTP server.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::adapters::BuildError;
use crate::secret::Secret;

/// An SMTP server's own settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The server's name or IP address; its certificate must be for it.
    pub host: String,
    /// The server's port: 587 with `starttls`, 465 with `implicit`, 25 with `none` when absent.
    pub port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: Tls,
    /// A file of certificates in PEM to trust besides the system's, for a server with a private certificate authority.
    pub ca_file: Option<PathBuf>,
    /// The user name; no authentication when absent.
    pub username: Option<String>,
    /// The password that goes with `username`.
    pub password: Option<Secret>,
    /// The sender for brands without one of their own: `Shop <shop@example.com>` or an address alone.
    pub from: String,
    /// Where answers go, when not to the sender.
    pub reply_to: Option<String>,
    /// How the gateway introduces itself: a domain name. The machine's host name when absent.
    pub hello_name: Option<String>,
    /// How many connections to keep open between messages.
    #[serde(default = "default_max_idle_connections")]
    pub max_idle_connections: usize,
    /// How long to keep a connection open between messages, in milliseconds. Shorter than the server's own patience.
    #[serde(default = "default_idle_timeout_ms")]
    pub idle_timeout_ms: u64,
    /// Signs messages (RFC 6376).
    pub dkim: Option<Dkim>,
}

/// How the connection to a server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// By `STARTTLS` (RFC 3207), which the server must offer.
    #[default]
    Starttls,
    /// From the first byte (RFC 8314).
    Implicit,
    /// Not at all. Credentials are then sent to this machine only.
    None,
}

/// Signs messages (RFC 6376).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dkim {
    /// The domain that signs.
    pub domain: String,
    /// The selector under which its public key is published.
    pub selector: String,
    /// The private key in PEM: PKCS #8, or for RSA also PKCS #1.
    pub private_key: Secret,
    /// The kind of key.
    #[serde(default)]
    pub algorithm: DkimAlgorithm,
}

/// The kind of a DKIM key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DkimAlgorithm {
    /// RSA, which every receiver verifies.
    #[default]
    Rsa,
    /// Ed25519 (RFC 8463), which not every receiver verifies yet.
    Ed25519,
}

fn default_max_idle_connections() -> usize {
    10
}

fn default_idle_timeout_ms() -> u64 {
    30_000
}

impl Settings {
    /// The port, given or by convention (RFC 8314, section 3.3; RFC 5321, section 4.5.4.2).
    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            Tls::Starttls => 587,
            Tls::Implicit => 465,
            Tls::None => 25,
        })
    }

    pub(super) fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    pub(super) fn validate(&self) -> Result<(), BuildError> {
        check(is_host(&self.host), "host", "must be a host name or an IP address")?;
        check(
            self.hello_name.as_deref().is_none_or(is_host),
            "hello_name",
            "must be a domain name such as gateway.example.com",
        )?;
        check(
            self.username.is_some() == self.password.is_some(),
            "password",
            "must be given if and only if username is",
        )?;
        check(
            self.username.is_none() || self.tls != Tls::None || is_this_machine(&self.host),
            "tls",
            "must not be \"none\" with a username: the password would cross the network in clear",
        )
    }
}

pub(super) fn check(right: bool, setting: &'static str, must: &'static str) -> Result<(), BuildError> {
    if right { Ok(()) } else { Err(BuildError::Setting { setting, must }) }
}

fn is_host(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    !text.is_empty() && text.len() <= 255 && text.chars().all(allowed)
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(more: &str) -> Result<Settings, toml::de::Error> {
        toml::from_str(&format!("host = 'mail.example.com'\nfrom = 'shop@example.com'\n{more}"))
    }

    #[test]
    fn encryption_is_the_default_and_chooses_the_port() {
        let port = |more: &str| settings(more).unwrap().port();
        assert_eq!(settings("").unwrap().tls, Tls::Starttls);
        assert_eq!(
            [port(""), port("tls = 'implicit'"), port("tls = 'none'"), port("port = 2525")],
            [587, 465, 25, 2525]
        );
    }

    #[test]
    fn a_misspelt_setting_and_a_password_in_the_file_are_refused() {
        assert!(settings("tsl = 'none'").unwrap_err().to_string().contains("tsl"));
        let error = settings("username = 'shop'\npassword = 'hunter2'").unwrap_err();
        assert!(!error.message().contains("hunter2"), "{error}");
    }
}
