//! SMS by Infobip's API, version 3.
//!
//! Each call goes out under an id of our own. Where Infobip has enabled it for the account, it refuses an id that it has
//! accepted before, in its answer or in a report. So an attempt that repeats one in doubt, under the same id, either goes out
//! or is told that the first one was taken (status 23). Another attempt has another id: it is no repetition, and goes out.

pub(in crate::adapters) mod account;
pub(in crate::adapters) mod answer;
mod errors;
mod settings;
pub(in crate::adapters) mod webhooks;

use std::sync::Arc;

use async_trait::async_trait;
use reqwest::RequestBuilder;
use serde_json::json;

pub use settings::{InfobipSettings, InfobipSmsSettings};

use crate::adapters::http;
use crate::adapters::settings::{repeat_window, require};
use crate::adapters::sms::sender;
use crate::adapters::{
    Adapter, Envelope, ProviderBuildError, ProviderContext, ProviderParts, ProviderSettings, Transport,
};
use crate::model::Outcome;
use account::InfobipClient;
use webhooks::InfobipWebhooks;

/// Delivers SMS through one Infobip account.
#[derive(Debug)]
pub struct InfobipSmsAdapter {
    client: InfobipClient,
    from: String,
}

impl InfobipSmsAdapter {
    /// Builds the adapter.
    ///
    /// # Errors
    /// When a setting's value is wrong, or TLS cannot be set up.
    pub fn new(settings: &InfobipSmsSettings, transport: &Transport) -> Result<Self, ProviderBuildError> {
        let InfobipSettings { api_key, base_url, from, .. } = &settings.0;
        require(sender::is_sender(from), "from", sender::SENDER_MUST)?;
        let client = InfobipClient::new(api_key, base_url, transport)?;
        Ok(Self { client, from: from.clone() })
    }

    fn request(&self, envelope: &Envelope, id: &str) -> Result<RequestBuilder, Outcome> {
        let sender = envelope.from.as_deref().unwrap_or(&self.from);
        let message = json!({
            "sender": sender.trim_start_matches('+'),
            "destinations": [{ "to": envelope.phone()?.digits(), "messageId": id }],
            "content": { "text": envelope.text()? },
            "webhooks": { "callbackData": id },
        });
        Ok(self.client.request(&["sms", "3", "messages"], &json!({ "messages": [message] })))
    }

    async fn call(&self, envelope: &Envelope) -> Result<Outcome, Outcome> {
        let id = envelope.provider_idempotency_key().to_string();
        let answer = http::exchange(self.request(envelope, &id)?, envelope.now).await?;
        Ok(answer::outcome(&answer, &id))
    }
}

impl ProviderSettings for InfobipSmsSettings {
    fn build(&self, context: &ProviderContext<'_>) -> Result<ProviderParts, ProviderBuildError> {
        let business = context.business.clone();
        let webhooks = self.0.webhook_auth()?.map(|auth| InfobipWebhooks { auth, business });
        let infobip = InfobipSmsAdapter::new(self, context.transport)?;
        let parts = ProviderParts::new(Arc::new(infobip)).with_webhook_handler(webhooks);
        Ok(parts.with_repeat_window(repeat_window(self.0.repeat_window_minutes)?))
    }
}

#[async_trait]
impl Adapter for InfobipSmsAdapter {
    async fn deliver(&self, envelope: &Envelope) -> Outcome {
        self.call(envelope).await.unwrap_or_else(|outcome| outcome)
    }
}

#[cfg(test)]
mod tests;
