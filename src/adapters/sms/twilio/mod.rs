//! SMS by Twilio's Messages API, version 2010-04-01.

pub(in crate::adapters) mod account;
pub(in crate::adapters) mod answer;
mod errors;
mod settings;
pub(in crate::adapters) mod webhooks;

use std::sync::Arc;

use reqwest::RequestBuilder;

pub use account::TwilioAccountSettings;
pub use settings::{TwilioSmsSender, TwilioSmsSettings};

use crate::adapters::http::{HttpAdapter, HttpAnswer};
use crate::adapters::{BuildError, Envelope, ProviderContext, ProviderParts, ProviderSettings, Transport};
use crate::model::Outcome;
use account::TwilioAccount;
use settings::DefaultSender;
use webhooks::TwilioWebhooks;

/// One Twilio account.
#[derive(Debug)]
pub struct TwilioSms {
    account: TwilioAccount,
    sender: DefaultSender,
}

impl TwilioSms {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &TwilioSmsSettings, transport: &Transport) -> Result<Self, BuildError> {
        let account = TwilioAccount::new(&settings.account, transport)?;
        Ok(Self { account, sender: settings.channel.default_sender()? })
    }
}

impl HttpAdapter for TwilioSms {
    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome> {
        let mut form = vec![("To", envelope.phone()?.as_str()), ("Body", envelope.text()?)];
        form.push(match (&envelope.from, &self.sender) {
            (Some(from), _) => ("From", from),
            (None, DefaultSender::Number(number)) => ("From", number),
            (None, DefaultSender::MessagingService(sid)) => ("MessagingServiceSid", sid),
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
        let webhooks = TwilioWebhooks::new(&self.account);
        Ok(ProviderParts::new(Arc::new(twilio)).with_webhooks(webhooks))
    }
}

#[cfg(test)]
mod tests;
