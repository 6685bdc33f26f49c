//! The settings of a Twilio account for WhatsApp.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::adapters::settings::require;
use crate::adapters::sms::twilio::TwilioAccountSettings;
use crate::adapters::sms::twilio::account::is_sid;
use crate::adapters::whatsapp::sender;
use crate::adapters::{ChannelSettings, ProviderBuildError};
use crate::model::Template;

/// The settings of a WhatsApp number at Twilio.
pub type TwilioWhatsappSettings = ChannelSettings<TwilioAccountSettings, TwilioWhatsappSenderSettings>;

/// The settings of the WhatsApp number of a Twilio account, and of its templates.
#[derive(Debug, Clone, Deserialize)]
pub struct TwilioWhatsappSenderSettings {
    /// The WhatsApp number that sends for brands without one of their own, in E.164 form.
    pub from: String,
    /// Which content at Twilio a template is: by its name and language the content's SID, `HX` and 32 hexadecimal
    /// digits.
    #[serde(default)]
    pub templates: BTreeMap<String, BTreeMap<String, String>>,
}

impl TwilioWhatsappSenderSettings {
    pub(super) fn validate(&self) -> Result<(), ProviderBuildError> {
        require(sender::is_sender(&self.from), "from", sender::SENDER_MUST)?;
        require(
            self.templates.values().flat_map(BTreeMap::values).all(|sid| is_sid("HX", sid)),
            "templates",
            "must give a content's SID for each language: HX and 32 hexadecimal digits",
        )
    }

    /// The SID of the content that a template is. A template may also be named by that SID itself.
    pub(super) fn content_sid<'a>(&'a self, template: &'a Template) -> Option<&'a str> {
        let known =
            self.templates.get(&template.name).and_then(|languages| languages.get(&template.language));
        known.or_else(|| is_sid("HX", &template.name).then_some(&template.name)).map(String::as_str)
    }
}
