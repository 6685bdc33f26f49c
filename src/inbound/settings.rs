//! How providers reach the gateway, and the bounds on their calls.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use crate::model::{DAY_MS, MAX_COUNT, SettingError, SettingErrors};

/// Before the provider's name in the path of its calls.
pub(super) const WEBHOOK_PATH: &str = "/providers/";

/// The settings of the listener for providers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InboundSettings {
    /// Where to listen for HTTP. TLS is for the proxy in front.
    pub listen: SocketAddr,
    /// The URL by which providers reach this listener, without the path: providers sign the URL they were given, and
    /// behind a proxy a call does not show which that was.
    pub public_url: String,
    /// The largest body of a call, in bytes.
    #[serde(default = "default_max_body_bytes")]
    pub max_body_bytes: usize,
    /// Bytes that the bodies of all calls may hold in memory; providers are told to call again with what goes beyond.
    /// Connections on which no authentic call came yet hold at most half. At least `max_body_bytes`.
    #[serde(default = "default_max_request_bytes")]
    pub max_request_bytes: usize,
    /// How long a call may take, from its first byte to the answer, in milliseconds.
    #[serde(default = "default_request_timeout_ms")]
    pub request_timeout_ms: u64,
    /// How long a connection may take nothing of what it is sent, in milliseconds; then it ends.
    #[serde(default = "default_write_timeout_ms")]
    pub write_timeout_ms: u64,
    /// Connections open at once. One more ends the oldest of those on which no call of a provider was taken yet; without one
    /// it waits.
    #[serde(default = "default_max_connections")]
    pub max_connections: usize,
    /// Authentic calls a second, on average; the providers are told to call again with what goes beyond. Calls that no
    /// provider made are refused and count for nothing.
    #[serde(default = "default_max_calls_per_second")]
    pub max_calls_per_second: f64,
    /// Where mail servers hand over reports on mail. Nowhere when absent.
    pub mail: Option<MailSettings>,
}

/// The settings of the listener for mail.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailSettings {
    /// Where to listen for LMTP. It is for a mail server on this machine or a private network: there is no TLS.
    pub listen: SocketAddr,
    /// The largest mail, in bytes.
    #[serde(default = "default_max_message_bytes")]
    pub max_message_bytes: usize,
    /// How long a client may be silent, and how long the text of a mail may take, in milliseconds.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
    /// How long a client may take nothing of what it is sent, in milliseconds; then its connection ends.
    #[serde(default = "default_write_timeout_ms")]
    pub write_timeout_ms: u64,
    /// Connections open at once. One more ends the oldest of those that named no recipient of ours yet; without one it waits.
    #[serde(default = "default_max_mail_connections")]
    pub max_connections: usize,
}

fn default_max_message_bytes() -> usize {
    1 << 20
}

/// RFC 5321, section 4.5.3.2.7.
fn default_timeout_ms() -> u64 {
    300_000
}

fn default_max_mail_connections() -> usize {
    20
}

fn default_max_body_bytes() -> usize {
    1 << 20
}

fn default_max_request_bytes() -> usize {
    64 << 20
}

fn default_request_timeout_ms() -> u64 {
    10_000
}

fn default_write_timeout_ms() -> u64 {
    10_000
}

fn default_max_connections() -> usize {
    1_000
}

fn default_max_calls_per_second() -> f64 {
    2_000.0
}

impl InboundSettings {
    /// Every setting that is not valid, by its key.
    pub fn errors(&self) -> Vec<SettingError> {
        let mut errors = SettingErrors::default();
        let counts = 1..=MAX_COUNT as usize;
        errors.within("max_body_bytes", self.max_body_bytes, 1..=MAX_BODY_BYTES);
        errors.within("max_request_bytes", self.max_request_bytes, 1..=MAX_BUDGET_BYTES);
        let fits = self.max_request_bytes >= self.max_body_bytes;
        errors.require(fits, "max_request_bytes", "must be at least max_body_bytes");
        errors.within("request_timeout_ms", self.request_timeout_ms, 1..=DAY_MS);
        errors.within("write_timeout_ms", self.write_timeout_ms, 1..=DAY_MS);
        errors.within("max_connections", self.max_connections, counts.clone());
        errors.within("max_calls_per_second", self.max_calls_per_second, 0.001..=f64::from(MAX_COUNT));
        let must = "must be a URL such as https://hooks.example.com, without credentials, query or fragment";
        errors.require(is_public_url(&self.public_url), "public_url", must);
        if let Some(mail) = &self.mail {
            errors.within("mail.max_message_bytes", mail.max_message_bytes, 1..=MAX_BODY_BYTES);
            errors.within("mail.timeout_ms", mail.timeout_ms, 1..=DAY_MS);
            errors.within("mail.write_timeout_ms", mail.write_timeout_ms, 1..=DAY_MS);
            errors.within("mail.max_connections", mail.max_connections, counts);
        }
        errors.into_vec()
    }

    /// The URL of the webhook of `provider`, to be entered in the provider's own settings.
    pub fn url(&self, provider: &str) -> String {
        format!("{}{}{provider}", self.public_url.trim_end_matches('/'), WEBHOOK_PATH)
    }

    pub(super) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    pub(super) fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }
}

impl MailSettings {
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(super) fn write_timeout(&self) -> Duration {
        Duration::from_millis(self.write_timeout_ms)
    }

    /// How long mail in flight may take when the gateway stops: not as long as a client that is merely slow.
    pub(super) fn stop_timeout(&self) -> Duration {
        self.timeout().min(Duration::from_secs(10))
    }
}

/// A tebibyte: more than one machine has.
const MAX_BUDGET_BYTES: usize = 1 << 40;

/// Far more than any call of a provider has: what each may make the gateway hold in memory.
const MAX_BODY_BYTES: usize = 256 << 20;

fn is_public_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    })
}
