//! SMS by Twilio's Messages API, version 2010-04-01.

pub(in crate::adapters) mod account;
pub(in crate::adapters) mod answer;
mod errors;
mod parameters;
mod settings;
pub(in crate::adapters) mod webhooks;

use std::sync::Arc;

use reqwest::RequestBuilder;

pub use account::TwilioAccountSettings;
pub use settings::{TwilioSmsSenderSettings, TwilioSmsSettings};

use crate::adapters::http::{HttpAdapter, HttpResponse};
use crate::adapters::{
    Envelope, ProviderBuildError, ProviderContext, ProviderParts, ProviderSettings, Transport,
};
use crate::model::Outcome;
use account::TwilioClient;
use settings::DefaultSender;
use webhooks::TwilioWebhooks;

/// Delivers SMS through one Twilio account.
#[derive(Debug)]
pub struct TwilioSmsAdapter {
    client: TwilioClient,
    sender: DefaultSender,
}

impl TwilioSmsAdapter {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &TwilioSmsSettings, transport: &Transport) -> Result<Self, ProviderBuildError> {
        let client = TwilioClient::new(&settings.account, transport)?;
        Ok(Self { client, sender: settings.channel.default_sender()? })
    }
}

impl HttpAdapter for TwilioSmsAdapter {
    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome> {
        let mut form = vec![("To", envelope.phone()?.as_str()), ("Body", envelope.text()?)];
        form.push(match (&envelope.from, &self.sender) {
            (Some(from), _) => ("From", from),
            (None, DefaultSender::Number(number)) => ("From", number),
            (None, DefaultSender::MessagingService(sid)) => ("MessagingServiceSid", sid),
        });
        Ok(self.client.request(form, &envelope.echo()))
    }

    fn outcome(&self, answer: &HttpResponse, _: &Envelope) -> Outcome {
        answer::outcome(answer)
    }
}

impl ProviderSettings for TwilioSmsSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        let twilio = TwilioSmsAdapter::new(self, context.transport)?;
        let webhooks = TwilioWebhooks::new(&self.account, context.business);
        Ok(ProviderParts::new(Arc::new(twilio)).with_webhook_handler(webhooks))
    }
}

#[cfg(test)]
mod tests;
