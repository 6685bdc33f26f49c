//! The settings of a Twilio account that sends SMS.

use serde::Deserialize;

use super::account::{TwilioAccountSettings, is_sid};
use crate::adapters::sms::sender;
use crate::adapters::{ChannelSettings, ProviderBuildError};

/// The settings of a Twilio account that sends SMS.
pub type TwilioSmsSettings = ChannelSettings<TwilioAccountSettings, TwilioSmsSenderSettings>;

/// The settings of the sender of the SMS of a Twilio account.
#[derive(Debug, Clone, Deserialize)]
pub struct TwilioSmsSenderSettings {
    /// The sender for brands without one of their own: a phone number in E.164 form, a short code, or an alphanumeric
    /// sender id. Either this or `messaging_service_sid`.
    pub from: Option<String>,
    /// The messaging service that chooses the sender: `MG` and 32 hexadecimal digits.
    pub messaging_service_sid: Option<String>,
}

/// The sender of a message unless its brand has one.
#[derive(Debug, Clone)]
pub(super) enum DefaultSender {
    /// A number or sender id.
    Number(String),
    /// The SID of a messaging service.
    MessagingService(String),
}

impl TwilioSmsSenderSettings {
    /// The one of the two settings that is there.
    ///
    /// # Errors
    /// When both are there, or none, or the one is wrong.
    pub(super) fn default_sender(&self) -> Result<DefaultSender, ProviderBuildError> {
        let wrong = |setting, must| Err(ProviderBuildError::Setting { setting, must });
        match (self.from.clone(), self.messaging_service_sid.clone()) {
            (Some(from), None) if sender::is_sender(&from) => Ok(DefaultSender::Number(from)),
            (Some(_), None) => wrong("from", sender::SENDER_MUST),
            (None, Some(sid)) if is_sid("MG", &sid) => Ok(DefaultSender::MessagingService(sid)),
            (None, Some(_)) => wrong(
                "messaging_service_sid",
                "must be a messaging service's SID: MG and 32 hexadecimal digits",
            ),
            (None, None) => wrong("from", "or messaging_service_sid must be set"),
            (Some(_), Some(_)) => wrong("from", "and messaging_service_sid must not both be set"),
        }
    }
}
