//! Routes a webhook request to the handler of its provider, which authenticates it, and records its events before the answer.
//! A mail is a webhook request too: its body is the mail.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::HeaderMap;
use url::form_urlencoded;

use super::{InboundProcessor, normalize};
use crate::adapters::webhooks::{
    ProviderEvent, WebhookError, WebhookHandler, WebhookPayload, WebhookRequest,
};
use crate::model::ProviderName;

/// The webhook handlers of all providers, and the processor of their events. Cheap to clone.
#[derive(Clone)]
pub struct WebhookRouter {
    handlers: Arc<BTreeMap<ProviderName, Arc<dyn WebhookHandler>>>,
    pub(super) processor: InboundProcessor,
}

/// How a webhook request ended. One that failed has been logged.
#[derive(Debug)]
pub(super) enum WebhookAnswer {
    /// Its events are durable. The text is what the provider expects as the body of the answer.
    Recorded(String),
    /// There is no such provider, or its settings do not say how its calls are signed.
    Unknown,
    /// It is not authentic or not readable, and changed nothing.
    Refused(WebhookError),
    /// The store failed: the provider should call again.
    NotRecorded,
}

/// What an authentic webhook request holds, and the provider that made it.
#[derive(Debug)]
pub(super) struct AuthenticWebhook<'a> {
    provider: &'a ProviderName,
    payload: WebhookPayload,
}

impl WebhookRouter {
    /// A router to these handlers, whose events this processor records.
    pub fn new(
        handlers: BTreeMap<ProviderName, Arc<dyn WebhookHandler>>,
        processor: InboundProcessor,
    ) -> Self {
        Self { handlers: Arc::new(handlers), processor }
    }

    /// The providers that may call.
    pub fn providers(&self) -> impl Iterator<Item = &ProviderName> {
        self.handlers.keys()
    }

    /// Whether a provider of this name may call.
    pub(super) fn is_known(&self, provider: &str) -> bool {
        self.handler(provider).is_some()
    }

    /// Whether some handler accepts mail to this address.
    pub(super) fn accepts_mail_for(&self, recipient: &str) -> bool {
        self.handlers.values().any(|handler| handler.accepts_mail_for(recipient))
    }

    /// Hands a mail to each handler that accepts mail to this address: several may share one. The answer is that of the first
    /// which refused it or could not record it, or else of the last.
    pub(super) async fn handle_mail(&self, recipient: &str, mail: &[u8]) -> WebhookAnswer {
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair("recipient", recipient).finish();
        let (headers, now) = (HeaderMap::new(), self.processor.clock.now());
        let call = WebhookRequest { url: "", query: &query, headers: &headers, body: Some(mail), now };
        let mut answer = WebhookAnswer::Unknown;
        for (provider, _) in self.handlers.iter().filter(|(_, handler)| handler.accepts_mail_for(recipient)) {
            answer = match self.authenticate(provider.as_str(), &call).await {
                Ok(webhook) => self.record(webhook).await,
                Err(refusal) => refusal,
            };
            if !matches!(answer, WebhookAnswer::Recorded(_)) {
                break;
            }
        }
        answer
    }

    /// Has the handler of the provider of this name check that it made the call, and read it.
    ///
    /// # Errors
    /// The answer to a call that changes nothing.
    pub(super) async fn authenticate(
        &self,
        provider: &str,
        call: &WebhookRequest<'_>,
    ) -> Result<AuthenticWebhook<'_>, WebhookAnswer> {
        let (provider, handler) = self.handler(provider).ok_or(WebhookAnswer::Unknown)?;
        match handler.handle(call).await {
            Ok(payload) => Ok(AuthenticWebhook { provider, payload }),
            Err(error) => {
                let error = normalize::one_line(error);
                tracing::warn!(provider.name = %provider, reason = error.reason(), %error, "a webhook request was refused");
                Err(WebhookAnswer::Refused(error))
            }
        }
    }

    /// Records the events of an authentic call before it is answered.
    pub(super) async fn record(&self, webhook: AuthenticWebhook<'_>) -> WebhookAnswer {
        match webhook.payload {
            WebhookPayload::Challenge(answer) => WebhookAnswer::Recorded(answer),
            WebhookPayload::Events(events) => self.record_events(webhook.provider, events).await,
        }
    }

    async fn record_events(&self, provider: &ProviderName, events: Vec<ProviderEvent>) -> WebhookAnswer {
        match self.processor.process(provider, events).await {
            Ok(()) => WebhookAnswer::Recorded(String::new()),
            Err(error) => {
                tracing::error!(
                    provider.name = %provider, %error,
                    "a webhook request was not recorded because the store failed; the provider has to send it again"
                );
                WebhookAnswer::NotRecorded
            }
        }
    }

    fn handler(&self, provider: &str) -> Option<(&ProviderName, &Arc<dyn WebhookHandler>)> {
        self.handlers.get_key_value(&provider.parse::<ProviderName>().ok()?)
    }
}
