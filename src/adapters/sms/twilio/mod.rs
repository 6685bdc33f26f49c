//! SMS by Twilio's Messages API, version 2010-04-01.

pub(in crate::adapters) mod account;
pub(in crate::adapters) mod answer;
mod errors;
mod settings;
pub(in crate::adapters) mod webhooks;

use std::sync::Arc;

use reqwest::RequestBuilder;

pub use settings::TwilioSmsSettings;

use crate::adapters::http::{HttpAdapter, HttpAnswer};
use crate::adapters::webhooks::WebhookHandler;
use crate::adapters::{Adapter, BuildError, Envelope, ProviderKind, Transport};
use crate::model::{Channel, Outcome};
use account::TwilioAccount;
use settings::TwilioSender;
use webhooks::TwilioWebhooks;

/// One Twilio account.
#[derive(Debug)]
pub struct TwilioSms {
    account: TwilioAccount,
    sender: TwilioSender,
}

impl TwilioSms {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &TwilioSmsSettings, transport: &Transport) -> Result<Self, BuildError> {
        Ok(Self { account: TwilioAccount::new(&settings.access(), transport)?, sender: settings.sender()? })
    }
}

impl HttpAdapter for TwilioSms {
    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome> {
        let mut form = vec![("To", envelope.phone()?.as_str()), ("Body", envelope.text()?)];
        form.push(match (&envelope.from, &self.sender) {
            (Some(own), _) => ("From", own),
            (None, TwilioSender::Number(number)) => ("From", number),
            (None, TwilioSender::MessagingService(sid)) => ("MessagingServiceSid", sid),
        });
        Ok(self.account.request(form))
    }

    fn outcome(&self, answer: &HttpAnswer, _: &Envelope) -> Outcome {
        answer::outcome(answer)
    }
}

impl ProviderKind for TwilioSmsSettings {
    fn channel(&self) -> Option<Channel> {
        Some(Channel::Sms)
    }

    fn build(&self, transport: &Transport) -> Result<Arc<dyn Adapter>, BuildError> {
        Ok(Arc::new(TwilioSms::new(self, transport)?))
    }

    fn hook(&self, _: &Transport) -> Option<Arc<dyn WebhookHandler>> {
        TwilioWebhooks::hook(&self.access())
    }
}

#[cfg(test)]
mod tests;
