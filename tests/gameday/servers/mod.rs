//! The providers at the other end: servers on loopback that speak the protocols of the real ones, keep what they took, and
//! have whatever trouble a scenario gives them.

mod certificate;
mod http;
mod infobip;
mod meta;
pub mod protocol;
mod provider;
mod receipts;
mod resend;
mod sinch;
mod smtp;
mod telegram;
pub mod trouble;
mod twilio;

pub use certificate::ExpiredCertificate;
pub use provider::{Call, CallResult, FakeProvider};
pub use receipts::ReceiptSender;

use protocol::Protocol;

/// The kinds of providers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// SMS by Twilio.
    Twilio,
    /// SMS by Infobip.
    Infobip,
    /// SMS by Sinch.
    Sinch,
    /// Email by Resend.
    Resend,
    /// Email by a mail server.
    Smtp,
    /// WhatsApp by Meta.
    Meta,
    /// Telegram.
    Telegram,
}

impl Kind {
    /// How it speaks HTTP; `None` for a mail server.
    fn protocol(self) -> Option<&'static dyn Protocol> {
        Some(match self {
            Self::Twilio => &twilio::Twilio,
            Self::Infobip => &infobip::Infobip,
            Self::Sinch => &sinch::Sinch,
            Self::Resend => &resend::Resend,
            Self::Meta => &meta::Meta,
            Self::Telegram => &telegram::Telegram,
            Self::Smtp => return None,
        })
    }

    /// The channel that it carries.
    pub fn channel(self) -> &'static str {
        self.protocol().map_or("email", Protocol::channel)
    }

    /// Whether it reports what it delivered.
    pub fn reports(self) -> bool {
        !matches!(self, Self::Smtp | Self::Telegram)
    }

    /// The table of its adapter in the configuration, for a server at this authority (host and port).
    pub fn config(self, scheme: &str, authority: &str) -> String {
        match self.protocol() {
            Some(protocol) => protocol.config(&format!("{scheme}://{authority}")),
            None => smtp::config(authority),
        }
    }
}
