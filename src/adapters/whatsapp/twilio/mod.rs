//! WhatsApp by Twilio's Messages API: texts inside the 24-hour service window, approved contents outside it.
//!
//! Account, errors and answers are those of [SMS by Twilio](crate::adapters::sms::twilio). The API takes no idempotency
//! key and gives back nothing of ours.

mod settings;

use std::sync::Arc;

use reqwest::RequestBuilder;
use serde_json::{Map, Value};

pub use settings::{TwilioWhatsappSenderSettings, TwilioWhatsappSettings};

use crate::adapters::http::{HttpAdapter, HttpResponse};
use crate::adapters::sms::twilio::account::TwilioClient;
use crate::adapters::sms::twilio::answer;
use crate::adapters::sms::twilio::webhooks::TwilioWebhooks;
use crate::adapters::whatsapp::sender;
use crate::adapters::{
    Envelope, ProviderBuildError, ProviderContext, ProviderParts, ProviderSettings, Transport,
    rejected_outcome,
};
use crate::model::{Address, Outcome, Rejection, RenderedContent};

/// Delivers WhatsApp messages through one number at Twilio.
#[derive(Debug)]
pub struct TwilioWhatsappAdapter {
    client: TwilioClient,
    sender: TwilioWhatsappSenderSettings,
}

impl TwilioWhatsappAdapter {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &TwilioWhatsappSettings, transport: &Transport) -> Result<Self, ProviderBuildError> {
        let client = TwilioClient::new(&settings.account, transport)?;
        settings.channel.validate()?;
        Ok(Self { client, sender: settings.channel.clone() })
    }
}

impl TwilioWhatsappAdapter {
    fn content(&self, envelope: &Envelope) -> Result<Vec<(&'static str, String)>, Outcome> {
        let template = match &envelope.content {
            RenderedContent::Text(text) => return Ok(vec![("Body", text.clone())]),
            RenderedContent::Template(template) => template,
            RenderedContent::Email { .. } | RenderedContent::Telegram(_) => {
                return Err(rejected_outcome(
                    Rejection::Content,
                    "the content is neither a text nor a template",
                ));
            }
        };
        // Only here: another provider may carry it.
        let forbidden = |text| rejected_outcome(Rejection::Policy, text);
        if template.header.is_some() || !template.buttons.is_empty() {
            return Err(forbidden("Twilio fills in numbered placeholders, and not headers and buttons"));
        }
        let sid = self.sender.content_sid(template).ok_or_else(|| {
            forbidden("the settings name no content of Twilio's for this template and language")
        })?;
        let mut content = vec![("ContentSid", sid.to_owned())];
        if !template.parameters.is_empty() {
            content.push(("ContentVariables", variables(&template.parameters)));
        }
        Ok(content)
    }
}

impl HttpAdapter for TwilioWhatsappAdapter {
    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome> {
        let to = match &envelope.address {
            Address::WhatsappUser(user) => format!("whatsapp:{}", user.id()),
            _ => address(envelope.phone()?.as_str()),
        };
        let from = address(envelope.from.as_deref().unwrap_or(&self.sender.from));
        let content = self.content(envelope)?;
        let mut form = vec![("To", to.as_str()), ("From", from.as_str())];
        form.extend(content.iter().map(|(name, value)| (*name, value.as_str())));
        Ok(self.client.request(form, &envelope.echo()))
    }

    fn outcome(&self, answer: &HttpResponse, envelope: &Envelope) -> Outcome {
        sender::as_of_user_id(answer::outcome(answer), envelope)
    }
}

/// A number as Twilio addresses it on WhatsApp.
fn address(number: &str) -> String {
    format!("whatsapp:+{}", number.trim_start_matches('+'))
}

/// The placeholders are numbered from 1.
fn variables(parameters: &[String]) -> String {
    let numbered = parameters.iter().enumerate();
    let variables: Map<String, Value> =
        numbered.map(|(index, text)| ((index + 1).to_string(), Value::from(text.as_str()))).collect();
    Value::Object(variables).to_string()
}

impl ProviderSettings for TwilioWhatsappSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        let twilio = TwilioWhatsappAdapter::new(self, context.transport)?;
        let webhooks = TwilioWebhooks::new(&self.account, context.business);
        Ok(ProviderParts::new(Arc::new(twilio)).with_webhook_handler(webhooks).sending_to_user_ids())
    }
}

#[cfg(test)]
mod tests;
