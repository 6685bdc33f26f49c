//! Takes a provider's call: who may call is checked first, and what is said is durable before it is answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::HeaderMap;
use url::form_urlencoded;

use super::InboundProcessor;
use crate::adapters::webhooks::{WebhookError, WebhookHandler, WebhookPayload, WebhookRequest};
use crate::model::ProviderName;
use crate::store::StoreError;

/// What takes the calls of each provider. Cheap to clone.
#[derive(Clone)]
pub struct WebhookRouter {
    handlers: Arc<BTreeMap<ProviderName, Arc<dyn WebhookHandler>>>,
    pub(super) processor: InboundProcessor,
}

/// How a call ended.
#[derive(Debug)]
pub(super) enum WebhookAnswer {
    /// It was understood, and is kept; with what the provider wants to read.
    Recorded(String),
    /// There is no such provider, or it is not known how its calls are signed.
    Unknown,
    /// It changed nothing.
    Refused(WebhookError),
    /// It could not be kept: the provider should call again.
    NotRecorded(StoreError),
}

impl WebhookRouter {
    /// Takes the calls of these providers.
    pub fn new(hooks: BTreeMap<ProviderName, Arc<dyn WebhookHandler>>, keeper: InboundProcessor) -> Self {
        Self { handlers: Arc::new(hooks), processor: keeper }
    }

    /// The providers that may call.
    pub fn providers(&self) -> impl Iterator<Item = &ProviderName> {
        self.handlers.keys()
    }

    /// Whether some provider takes mail to this address.
    pub(super) fn accepts_mail_for(&self, recipient: &str) -> bool {
        self.handlers.values().any(|hook| hook.accepts_mail_for(recipient))
    }

    /// Gives a mail to each provider that takes mail to this address: several may share one. The first answer that it is not
    /// kept is theirs.
    pub(super) async fn handle_mail(&self, recipient: &str, mail: &[u8]) -> WebhookAnswer {
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair("recipient", recipient).finish();
        let (headers, now) = (HeaderMap::new(), self.processor.clock.now());
        let call = WebhookRequest { url: "", query: &query, headers: &headers, body: Some(mail), now };
        let mut answer = WebhookAnswer::Unknown;
        for (provider, _) in self.handlers.iter().filter(|(_, hook)| hook.accepts_mail_for(recipient)) {
            answer = self.handle(provider.as_str(), &call).await;
            if !matches!(answer, WebhookAnswer::Recorded(_)) {
                break;
            }
        }
        answer
    }

    pub(super) async fn handle(&self, provider: &str, call: &WebhookRequest<'_>) -> WebhookAnswer {
        let known = provider.parse().ok().and_then(|name: ProviderName| self.handlers.get_key_value(&name));
        let Some((provider, hook)) = known else { return WebhookAnswer::Unknown };
        match hook.handle(call).await {
            Ok(WebhookPayload::Challenge(answer)) => WebhookAnswer::Recorded(answer),
            Ok(WebhookPayload::Events(told)) => match self.processor.process(provider, told).await {
                Ok(()) => WebhookAnswer::Recorded(String::new()),
                Err(error) => WebhookAnswer::NotRecorded(error),
            },
            Err(error) => WebhookAnswer::Refused(error),
        }
    }
}
