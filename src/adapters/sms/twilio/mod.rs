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
use crate::adapters::{BuildError, Envelope, ProviderContext, ProviderParts, ProviderSettings, Transport};
use crate::model::Outcome;
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

impl ProviderSettings for TwilioSmsSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, BuildError> {
        let twilio = TwilioSms::new(self, context.transport)?;
        let webhooks = TwilioWebhooks::new(&self.access());
        Ok(ProviderParts::new(Arc::new(twilio)).with_webhooks(webhooks))
    }
}

#[cfg(test)]
mod tests;
