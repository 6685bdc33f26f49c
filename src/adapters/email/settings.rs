//! The settings of an SMTP server.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::bounces::{self, BounceAddresses};
use crate::adapters::settings::{HOST_MUST, is_host, require, within};
use crate::adapters::{ProviderBuildError, ProviderContext};
use crate::model::DAY_MS;
use crate::secret::Secret;

/// The settings of an SMTP server, and of those in its place.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpSettings {
    /// The server's name or IP address; its certificate must be for it.
    pub host: String,
    /// Servers to use in its place while it cannot be reached, in this order: each a name or an IP address, with a port of its
    /// own after a colon if it has one.
    #[serde(default)]
    pub fallback_hosts: Vec<String>,
    /// The server's port: 587 with `starttls`, 465 with `implicit`, 25 with `none` when absent.
    pub port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: SmtpTls,
    /// A file of certificates in PEM to trust besides the system's, for a server with a private certificate authority.
    pub ca_file: Option<PathBuf>,
    /// The user name; no authentication when absent.
    pub username: Option<String>,
    /// The password that goes with `username`.
    pub password: Option<Secret>,
    /// A file with an OAuth 2.0 access token to use instead of a password. It is read for each connection, because tokens
    /// expire: whatever refreshes them replaces the file.
    pub oauth2_token_file: Option<PathBuf>,
    /// The sender for brands without one of their own: `Shop <shop@example.com>` or an address alone.
    pub from: String,
    /// Where answers go, when not to the sender.
    pub reply_to: Option<String>,
    /// How the gateway introduces itself: a domain name. The machine's host name when absent.
    pub hello_name: Option<String>,
    /// Where reports on undelivered mail go: each message gets an envelope sender of its own, which is this address with a
    /// signed token. The message's own sender when absent, and then no report comes back here.
    pub bounce_address: Option<String>,
    /// What signs the tokens: any text that nobody can guess. When the secret changes, reports on earlier mail are refused.
    pub bounce_secret: Option<Secret>,
    /// Which reports to ask for of servers that let themselves be asked (RFC 3461).
    #[serde(default)]
    pub notices: DsnRequest,
    /// How many connections to keep open between messages.
    #[serde(default = "default_max_idle_connections")]
    pub max_idle_connections: usize,
    /// How long to keep a connection open between messages, in milliseconds. Shorter than the server's own patience.
    #[serde(default = "default_idle_timeout_ms")]
    pub idle_timeout_ms: u64,
    /// How long the server may take to answer the final dot, in milliseconds, apart from the time of the steps before it. By
    /// default ten minutes (RFC 5321, section 4.5.3.2.6): a server may do its work on a message before it answers, and has
    /// taken it then.
    #[serde(default = "default_final_reply_timeout_ms")]
    pub final_reply_timeout_ms: u64,
    /// How messages are signed (DKIM, RFC 6376); they are not when absent.
    pub dkim: Option<DkimSettings>,
}

/// Which reports on a delivery are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DsnRequest {
    /// Those that the servers make of themselves: mostly of failures.
    #[default]
    Default,
    /// Of failures and delays.
    Failure,
    /// Of deliveries too.
    All,
}

/// How the connection to a server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// By `STARTTLS` (RFC 3207), which the server must offer.
    #[default]
    Starttls,
    /// From the first byte (RFC 8314).
    Implicit,
    /// Not at all. Credentials are then sent to this machine only.
    None,
}

/// The settings of the signature on messages (DKIM, RFC 6376).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DkimSettings {
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

fn default_final_reply_timeout_ms() -> u64 {
    600_000
}

/// An hour, as for a whole call.
const MAX_FINAL_REPLY_TIMEOUT_MS: u64 = 3_600_000;

/// More than any server lets one client have open.
const MAX_IDLE_CONNECTIONS: usize = 10_000;

/// Where a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ServerAddress<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
}

impl SmtpSettings {
    /// The same settings with paths that can be opened.
    pub(super) fn resolved(&self, context: &ProviderContext<'_>) -> Self {
        Self {
            ca_file: context.resolve(self.ca_file.as_deref()),
            oauth2_token_file: context.resolve(self.oauth2_token_file.as_deref()),
            ..self.clone()
        }
    }

    /// Every server, the first in turn first.
    pub(super) fn servers(&self) -> impl Iterator<Item = ServerAddress<'_>> {
        let port = self.port();
        let first = ServerAddress { host: &self.host, port };
        // An IPv6 address has more than one colon, and then no port.
        let other = move |text| match str::rsplit_once(text, ':') {
            Some((host, port)) if !host.contains(':') => {
                ServerAddress { host, port: port.parse().unwrap_or(0) }
            }
            _ => ServerAddress { host: text, port },
        };
        std::iter::once(first).chain(self.fallback_hosts.iter().map(String::as_str).map(other))
    }

    /// The envelope senders by which reports find their message, if there are to be any.
    ///
    /// # Errors
    /// When the address cannot carry a token, or one setting is there without the other.
    pub(super) fn bounces(&self) -> Result<Option<BounceAddresses>, ProviderBuildError> {
        match (&self.bounce_address, &self.bounce_secret) {
            (None, None) => Ok(None),
            (Some(address), Some(secret)) => {
                let wrong = ProviderBuildError::Setting {
                    setting: "bounce_address",
                    must: bounces::BOUNCE_ADDRESS_MUST,
                };
                BounceAddresses::new(address, secret).map(Some).ok_or(wrong)
            }
            _ => Err(ProviderBuildError::Setting {
                setting: "bounce_secret",
                must: "must be given if and only if bounce_address is",
            }),
        }
    }

    /// The port, given or by convention (RFC 8314, section 3.3; RFC 5321, section 4.5.4.2).
    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            SmtpTls::Starttls => 587,
            SmtpTls::Implicit => 465,
            SmtpTls::None => 25,
        })
    }

    pub(super) fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms)
    }

    pub(super) fn final_reply_timeout(&self) -> Duration {
        Duration::from_millis(self.final_reply_timeout_ms)
    }

    pub(super) fn validate(&self) -> Result<(), ProviderBuildError> {
        require(is_host(&self.host), "host", HOST_MUST)?;
        within(self.port(), 1..=u16::MAX, "port")?;
        within(self.max_idle_connections, 0..=MAX_IDLE_CONNECTIONS, "max_idle_connections")?;
        within(self.idle_timeout_ms, 1..=DAY_MS, "idle_timeout_ms")?;
        within(self.final_reply_timeout_ms, 1..=MAX_FINAL_REPLY_TIMEOUT_MS, "final_reply_timeout_ms")?;
        require(
            self.hello_name.as_deref().is_none_or(is_host),
            "hello_name",
            "must be a domain name such as gateway.example.com",
        )?;
        require(
            self.servers().skip(1).all(|at| is_host(at.host) && at.port > 0),
            "fallback_hosts",
            "must be host names or IP addresses, with :PORT after them or without",
        )?;
        require(
            self.password.is_none() || self.oauth2_token_file.is_none(),
            "oauth2_token_file",
            "must not be given together with password",
        )?;
        require(
            self.username.is_some() == (self.password.is_some() || self.oauth2_token_file.is_some()),
            "password",
            "or oauth2_token_file must be given if and only if username is",
        )?;
        require(
            self.username.is_none()
                || self.tls != SmtpTls::None
                || self.servers().all(|at| is_this_machine(at.host)),
            "tls",
            "must not be \"none\" with a username: the password would cross the network in clear",
        )
    }
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(more: &str) -> Result<SmtpSettings, toml::de::Error> {
        toml::from_str(&format!("host = 'mail.example.com'\nfrom = 'shop@example.com'\n{more}"))
    }

    #[test]
    fn encryption_is_the_default_and_chooses_the_port() {
        let port = |more: &str| settings(more).unwrap().port();
        assert_eq!(settings("").unwrap().tls, SmtpTls::Starttls);
        assert_eq!(
            [port(""), port("tls = 'implicit'"), port("tls = 'none'"), port("port = 2525")],
            [587, 465, 25, 2525]
        );
    }

    #[test]
    fn further_servers_have_the_port_of_the_first_or_their_own() {
        let settings =
            settings("fallback_hosts = ['mx2.example.com', 'mx3.example.com:2525', '::1', '']").unwrap();
        let servers: Vec<_> = settings.servers().map(|at| (at.host, at.port)).collect();
        let expected =
            [("mail.example.com", 587), ("mx2.example.com", 587), ("mx3.example.com", 2525), ("::1", 587)];
        assert_eq!(servers[..4], expected);
        let wrong = |entry: &str| SmtpSettings { fallback_hosts: vec![entry.to_owned()], ..settings.clone() };
        for entry in ["", "mx:", "mx:0", "mx:65536", "two words", ":25"] {
            assert!(
                wrong(entry).validate().unwrap_err().to_string().starts_with("fallback_hosts"),
                "{entry}"
            );
        }
        wrong("mx2.example.com").validate().unwrap();
    }

    #[test]
    fn a_bounce_address_can_carry_a_token_and_has_a_secret() {
        let bounces = |more: &str| settings(more).unwrap().bounces().map(|addresses| addresses.is_some());
        let secret = "bounce_secret = { '$secret' = 'the secret' }\n";
        assert_eq!(bounces(""), Ok(false));
        assert_eq!(bounces(&format!("{secret}bounce_address = 'bounce@x.example'")), Ok(true));
        for (more, setting) in [
            (secret.to_owned(), "bounce_secret"),
            ("bounce_address = 'bounce@x.example'".to_owned(), "bounce_secret"),
            (format!("{secret}bounce_address = 'x.example'"), "bounce_address"),
        ] {
            assert!(bounces(&more).unwrap_err().to_string().starts_with(setting), "{more}");
        }
    }
}
