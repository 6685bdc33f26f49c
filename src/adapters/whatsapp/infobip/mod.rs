//! WhatsApp by Infobip: texts inside the 24-hour service window, approved templates outside it.
//!
//! Account, statuses and answers are those of [SMS by Infobip](crate::adapters::sms::infobip), and so is what our own id
//! of each call gives.

mod settings;

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

pub use settings::InfobipWhatsappSettings;

use crate::adapters::http;
use crate::adapters::settings::{repeat_window, require};
use crate::adapters::sms::infobip::account::InfobipClient;
use crate::adapters::sms::infobip::webhooks::InfobipWebhooks;
use crate::adapters::sms::infobip::{InfobipSettings, answer};
use crate::adapters::whatsapp::sender;
use crate::adapters::{
    Adapter, Envelope, ProviderBuildError, ProviderContext, ProviderParts, ProviderSettings, Transport,
    rejected_outcome,
};
use crate::model::{
    ButtonAction, Outcome, Rejection, RenderedContent, Template, TemplateButton, TemplateHeader,
};

/// Delivers WhatsApp messages through one number at Infobip.
#[derive(Debug)]
pub struct InfobipWhatsappAdapter {
    client: InfobipClient,
    from: String,
}

impl InfobipWhatsappAdapter {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(
        settings: &InfobipWhatsappSettings,
        transport: &Transport,
    ) -> Result<Self, ProviderBuildError> {
        let InfobipSettings { api_key, base_url, from, .. } = &settings.0;
        require(sender::is_sender(from), "from", sender::SENDER_MUST)?;
        let client = InfobipClient::new(api_key, base_url, transport)?;
        Ok(Self { client, from: from.clone() })
    }

    fn request(&self, envelope: &Envelope, id: &str) -> Result<RequestBuilder, Outcome> {
        let sender = envelope.from.as_deref().unwrap_or(&self.from);
        let mut message = json!({
            "from": sender.trim_start_matches('+'),
            "to": envelope.phone()?.digits(),
            "messageId": id,
            "callbackData": id,
        });
        let path = |kind| ["whatsapp", "1", "message", kind];
        match &envelope.content {
            RenderedContent::Text(text) => {
                message["content"] = json!({ "text": text });
                Ok(self.client.request(&path("text"), &message))
            }
            RenderedContent::Template(template) => {
                message["content"] = content(template);
                Ok(self.client.request(&path("template"), &json!({ "messages": [message] })))
            }
            RenderedContent::Email { .. } | RenderedContent::Telegram(_) => {
                Err(rejected_outcome(Rejection::Content, "the content is neither a text nor a template"))
            }
        }
    }

    async fn call(&self, envelope: &Envelope) -> Result<Outcome, Outcome> {
        let id = envelope.provider_idempotency_key().to_string();
        let answer = http::exchange(self.request(envelope, &id)?, envelope.now).await?;
        Ok(answer::outcome(&answer, &id))
    }
}

fn content(template: &Template) -> Value {
    let mut data = json!({ "body": { "placeholders": template.parameters } });
    if let Some(header) = &template.header {
        data["header"] = self::header(header);
    }
    if !template.buttons.is_empty() {
        data["buttons"] = buttons(&template.buttons).into();
    }
    json!({ "templateName": template.name, "templateData": data, "language": template.language })
}

fn header(header: &TemplateHeader) -> Value {
    match header {
        TemplateHeader::Text(text) => json!({ "type": "TEXT", "placeholder": text }),
        TemplateHeader::Image(url) => json!({ "type": "IMAGE", "mediaUrl": url }),
        TemplateHeader::Document { url, filename } => {
            json!({ "type": "DOCUMENT", "mediaUrl": url, "filename": filename })
        }
        TemplateHeader::Video(url) => json!({ "type": "VIDEO", "mediaUrl": url }),
    }
}

/// Infobip counts only the buttons that are filled in, and goes by their order.
fn buttons(buttons: &[TemplateButton]) -> Vec<Value> {
    let mut ordered: Vec<_> = buttons.iter().collect();
    ordered.sort_by_key(|button| button.index);
    let button = |button: &TemplateButton| {
        let (kind, parameter) = match &button.action {
            ButtonAction::Url(suffix) => ("URL", suffix),
            ButtonAction::QuickReply(payload) => ("QUICK_REPLY", payload),
            ButtonAction::CopyCode(code) => ("COPY_CODE", code),
        };
        json!({ "type": kind, "parameter": parameter })
    };
    ordered.into_iter().map(button).collect()
}

impl ProviderSettings for InfobipWhatsappSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        let business = context.business.clone();
        let webhooks = self.0.webhook_auth()?.map(|auth| InfobipWebhooks { auth, business });
        let infobip = InfobipWhatsappAdapter::new(self, context.transport)?;
        let parts = ProviderParts::new(Arc::new(infobip)).with_webhook_handler(webhooks);
        Ok(parts.with_repeat_window(repeat_window(self.0.repeat_window_minutes)?))
    }
}

#[async_trait]
impl Adapter for InfobipWhatsappAdapter {
    async fn deliver(&self, envelope: &Envelope) -> Outcome {
        self.call(envelope).await.unwrap_or_else(|outcome| outcome)
    }
}

#[cfg(test)]
mod tests;
