//! WhatsApp by Vonage's Messages API: texts inside the 24-hour service window, approved templates outside it.
//!
//! It takes no idempotency key: a call without an answer stays in doubt.

mod errors;
mod settings;
mod webhooks;

use std::sync::Arc;

use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

pub use settings::VonageWhatsappSettings;

use crate::adapters::http::{self, HttpAdapter, HttpResponse};
use crate::adapters::sms::vonage::account;
use crate::adapters::whatsapp::components::components;
use crate::adapters::whatsapp::sender;
use crate::adapters::{
    Envelope, ProviderBuildError, ProviderContext, ProviderParts, ProviderSettings, Transport,
    rejected_outcome,
};
use crate::model::{Address, Outcome, OutcomeEvidence, Rejection, RenderedContent, Template};

/// Delivers WhatsApp messages through one number at Vonage.
#[derive(Debug)]
pub struct VonageWhatsappAdapter {
    client: Client,
    settings: VonageWhatsappSettings,
    endpoint: Url,
}

impl VonageWhatsappAdapter {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &VonageWhatsappSettings, transport: &Transport) -> Result<Self, ProviderBuildError> {
        settings.validate()?;
        let base = http::parse_base_url("base_url", &settings.base_url)?;
        Ok(Self {
            client: http::build_client(transport)?,
            settings: settings.clone(),
            endpoint: http::endpoint(&base, &["v1", "messages"]),
        })
    }

    fn message(&self, envelope: &Envelope) -> Result<Value, Outcome> {
        let sender = envelope.from.as_deref().unwrap_or(&self.settings.from);
        let to = match &envelope.address {
            Address::WhatsappUser(user) => user.id(),
            _ => envelope.phone()?.digits(),
        };
        let mut message = json!({
            "channel": "whatsapp",
            "to": to,
            "from": sender.trim_start_matches('+'),
        });
        match &envelope.content {
            RenderedContent::Text(text) => {
                message["message_type"] = json!("text");
                message["text"] = json!(text);
            }
            RenderedContent::Template(template)
                if template.header.is_none() && template.buttons.is_empty() =>
            {
                message["message_type"] = json!("template");
                message["template"] = json!({ "name": template.name, "parameters": template.parameters });
                message["whatsapp"] = json!({ "policy": "deterministic", "locale": template.language });
            }
            RenderedContent::Template(template) => {
                message["message_type"] = json!("custom");
                message["custom"] = json!({ "type": "template", "template": custom(template) });
            }
            RenderedContent::Email { .. } | RenderedContent::Telegram(_) => {
                return Err(rejected_outcome(
                    Rejection::Content,
                    "the content is neither a text nor a template",
                ));
            }
        }
        if let Some(reference) = account::client_reference(envelope) {
            message["client_ref"] = json!(reference);
        }
        Ok(message)
    }
}

/// A template as Meta takes it, for what Vonage has no words of its own for.
fn custom(template: &Template) -> Value {
    let mut value = json!({
        "name": template.name,
        "language": { "policy": "deterministic", "code": template.language },
        "components": components(template),
    });
    // Vonage's name of a template begins with its namespace, which Meta names apart.
    if let Some((namespace, name)) = template.name.split_once(':') {
        (value["namespace"], value["name"]) = (json!(namespace), json!(name));
    }
    value
}

impl HttpAdapter for VonageWhatsappAdapter {
    fn request(&self, envelope: &Envelope) -> Result<RequestBuilder, Outcome> {
        let VonageWhatsappSettings { api_key, api_secret, .. } = &self.settings;
        let request = self.client.post(self.endpoint.clone()).basic_auth(api_key, Some(api_secret.expose()));
        Ok(request.json(&self.message(envelope)?))
    }

    fn outcome(&self, answer: &HttpResponse, envelope: &Envelope) -> Outcome {
        sender::as_of_user_id(outcome(answer), envelope)
    }
}

impl ProviderSettings for VonageWhatsappSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        let vonage = VonageWhatsappAdapter::new(self, context.transport)?;
        let business = context.business.clone();
        let webhooks =
            self.signature_secret.clone().map(|secret| webhooks::VonageWhatsappWebhooks { secret, business });
        Ok(ProviderParts::new(Arc::new(vonage)).with_webhook_handler(webhooks).sending_to_user_ids())
    }
}

/// The parts we read of an acceptance.
#[derive(Deserialize)]
struct VonageWhatsappAccepted {
    message_uuid: String,
}

/// The parts we read of an error (RFC 7807).
#[derive(Deserialize)]
struct VonageWhatsappErrorBody {
    /// A URL. Its fragment is the code.
    #[serde(rename = "type", default)]
    kind: String,
    title: String,
    #[serde(default)]
    detail: String,
}

fn outcome(answer: &HttpResponse) -> Outcome {
    let outcome = if answer.is_success() { accepted(answer) } else { refusal(answer) };
    outcome.unwrap_or_else(|| answer.unrecognized_outcome())
}

fn accepted(answer: &HttpResponse) -> Option<Outcome> {
    let VonageWhatsappAccepted { message_uuid } = serde_json::from_slice(&answer.body).ok()?;
    (!message_uuid.is_empty()).then_some(Outcome::sent(message_uuid))
}

fn refusal(answer: &HttpResponse) -> Option<Outcome> {
    let VonageWhatsappErrorBody { kind, title, detail } = serde_json::from_slice(&answer.body).ok()?;
    let code = kind.rsplit_once('#').map_or("", |(_, code)| code);
    let number = code.parse().ok();
    if number == Some(errors::ALREADY_SENT) {
        // Its reports bring our reference.
        return Some(Outcome::sent(""));
    }
    let evidence = OutcomeEvidence::new(code, &format!("{title} {detail}"));
    Some(match errors::by_title(&title).or_else(|| number.and_then(errors::by_code)) {
        Some(meaning) => meaning.outcome(evidence, answer.retry_after),
        None => answer.outcome_from_status(evidence),
    })
}

#[cfg(test)]
mod tests;
