//! The settings of an SMSC.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::receipts::MessageIdFormat;
use crate::adapters::settings::{HOST_MUST, is_host, require, within};
use crate::adapters::sms::sender;
use crate::adapters::{ProviderBuildError, ProviderLimits};
use crate::model::DAY_MS;
use crate::secret::Secret;

/// The settings of an account at an SMSC.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmppSettings {
    /// The SMSC's name or IP address; its certificate must be for it.
    pub host: String,
    /// The SMSC's port: 3550 with `implicit`, 2775 with `none` when absent, as IANA has them.
    pub port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: SmppTls,
    /// A file of certificates in PEM to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The account's name, at most 15 characters.
    pub system_id: String,
    /// The account's password. The specification allows 8 characters; some SMSCs want more, so up to 64 are taken.
    pub password: Secret,
    /// What kind of system we are, at most 12 characters, where the SMSC wants to know.
    #[serde(default)]
    pub system_type: String,
    /// How many messages may be without an answer at once.
    #[serde(default = "default_window")]
    pub window: usize,
    /// How long the SMSC may be silent before it is asked whether it is still there, in milliseconds.
    #[serde(default = "default_enquire_link_ms")]
    pub enquire_link_ms: u64,
    /// How long an answer of the SMSC may take, in milliseconds; less than the provider's `timeout_ms`.
    #[serde(default = "default_response_timeout_ms")]
    pub response_timeout_ms: u64,
    /// How long to wait before connecting again, in milliseconds; doubled with each failure, less up to a half by chance.
    #[serde(default = "default_reconnect_ms")]
    pub reconnect_ms: u64,
    /// The longest such wait, in milliseconds.
    #[serde(default = "default_max_reconnect_ms")]
    pub max_reconnect_ms: u64,
    /// The sender for brands without one of their own: a phone number, a short code, or a sender id. The account's own when
    /// absent.
    pub from: Option<String>,
    /// The sender's type of number, when not the one that its form says.
    pub source_ton: Option<u8>,
    /// The sender's numbering plan, when not the one that its form says.
    pub source_npi: Option<u8>,
    /// The recipient's type of number: international when absent.
    #[serde(default = "default_one")]
    pub dest_ton: u8,
    /// The recipient's numbering plan: E.164 when absent.
    #[serde(default = "default_one")]
    pub dest_npi: u8,
    /// How a text is coded that needs no UCS-2.
    #[serde(default)]
    pub alphabet: DefaultAlphabet,
    /// How a long text is sent.
    #[serde(default)]
    pub concatenation: SmppConcatenation,
    /// Whether receipts are asked for.
    #[serde(default = "default_true")]
    pub registered_delivery: bool,
    /// In which form the SMSC gives its ids of messages.
    #[serde(default)]
    pub message_ids: MessageIdFormat,
    /// How long the SMSC may try, in minutes. As long as it likes when absent.
    pub validity_minutes: Option<u32>,
}

/// How the connection to an SMSC is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmppTls {
    /// From the first octet.
    #[default]
    Implicit,
    /// Not at all: password and messages cross the network in clear. Carriers often want it so, inside a VPN.
    None,
}

/// How a text is coded that needs no UCS-2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DefaultAlphabet {
    /// In the network's alphabet, one septet in each octet (`data_coding` 0).
    #[default]
    Gsm,
    /// In ISO 8859-1 (`data_coding` 3) as far as both alphabets have it.
    Latin1,
}

/// How a long text is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmppConcatenation {
    /// In parts, each with a user data header.
    #[default]
    Udh,
    /// In parts, each with the parameters `sar_msg_ref_num`, `sar_total_segments` and `sar_segment_seqnum`.
    Sar,
    /// Whole, in the parameter `message_payload`.
    Payload,
}

fn default_window() -> usize {
    10
}

fn default_enquire_link_ms() -> u64 {
    30_000
}

fn default_response_timeout_ms() -> u64 {
    5_000
}

fn default_reconnect_ms() -> u64 {
    1_000
}

fn default_max_reconnect_ms() -> u64 {
    60_000
}

fn default_one() -> u8 {
    1
}

fn default_true() -> bool {
    true
}

/// A month, which is more than SMSCs keep a message.
const MAX_VALIDITY_MINUTES: u32 = 43_200;

impl SmppSettings {
    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.tls {
            SmppTls::Implicit => 3550,
            SmppTls::None => 2775,
        })
    }

    pub(super) fn enquire_link(&self) -> Duration {
        Duration::from_millis(self.enquire_link_ms)
    }

    pub(super) fn response_timeout(&self) -> Duration {
        Duration::from_millis(self.response_timeout_ms)
    }

    pub(super) fn validate(&self, limits: &ProviderLimits) -> Result<(), ProviderBuildError> {
        let password = self.password.expose();
        require(is_host(&self.host), "host", HOST_MUST)?;
        within(self.port(), 1..=u16::MAX, "port")?;
        let is_named = !self.system_id.is_empty() && is_short(&self.system_id, 15);
        require(is_named, "system_id", "must be 1 to 15 ASCII characters without spaces")?;
        let is_password = password.len() <= 64 && !password.contains('\0');
        require(is_password, "password", "must be at most 64 bytes, none of them NUL")?;
        require(
            is_short(&self.system_type, 12),
            "system_type",
            "must be at most 12 ASCII characters without spaces",
        )?;
        within(self.window, 1..=1_000, "window")?;
        within(self.enquire_link_ms, 1..=DAY_MS, "enquire_link_ms")?;
        within(self.response_timeout_ms, 1..=DAY_MS, "response_timeout_ms")?;
        let answers = self.response_timeout() < limits.timeout();
        require(answers, "response_timeout_ms", "must be less than the provider's timeout_ms")?;
        within(self.reconnect_ms, 1..=DAY_MS, "reconnect_ms")?;
        within(self.max_reconnect_ms, 1..=DAY_MS, "max_reconnect_ms")?;
        let grows = self.max_reconnect_ms >= self.reconnect_ms;
        require(grows, "max_reconnect_ms", "must be at least reconnect_ms")?;
        require(self.from.as_deref().is_none_or(sender::is_sender), "from", sender::SENDER_MUST)?;
        // One that is left out is within its bounds.
        within(self.validity_minutes.unwrap_or(1), 1..=MAX_VALIDITY_MINUTES, "validity_minutes")
    }
}

fn is_short(text: &str, longest: usize) -> bool {
    text.len() <= longest && text.bytes().all(|b| b.is_ascii_graphic())
}
