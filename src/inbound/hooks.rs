//! Takes a provider's call: who may call is checked first, and what is said is durable before it is answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::HeaderMap;
use url::form_urlencoded;

use super::InboundProcessor;
use crate::adapters::hooks::{WebhookError, WebhookHandler, WebhookPayload, WebhookRequest};
use crate::model::ProviderName;
use crate::store::StoreError;

/// What takes the calls of each provider. Cheap to clone.
#[derive(Clone)]
pub struct WebhookRouter {
    hooks: Arc<BTreeMap<ProviderName, Arc<dyn WebhookHandler>>>,
    pub(super) keeper: InboundProcessor,
}

/// How a call ended.
#[derive(Debug)]
pub(super) enum WebhookAnswer {
    /// It was understood, and is kept; with what the provider wants to read.
    Kept(String),
    /// There is no such provider, or it is not known how its calls are signed.
    Unknown,
    /// It changed nothing.
    Refused(WebhookError),
    /// It could not be kept: the provider should call again.
    NotKept(StoreError),
}

impl WebhookRouter {
    /// Takes the calls of these providers.
    pub fn new(hooks: BTreeMap<ProviderName, Arc<dyn WebhookHandler>>, keeper: InboundProcessor) -> Self {
        Self { hooks: Arc::new(hooks), keeper }
    }

    /// The providers that may call.
    pub fn providers(&self) -> impl Iterator<Item = &ProviderName> {
        self.hooks.keys()
    }

    /// Whether some provider takes mail to this address.
    pub(super) fn receive(&self, recipient: &str) -> bool {
        self.hooks.values().any(|hook| hook.accepts_mail_for(recipient))
    }

    /// Gives a mail to each provider that takes mail to this address: several may share one. The first answer that it is not
    /// kept is theirs.
    pub(super) async fn take_mail(&self, recipient: &str, mail: &[u8]) -> WebhookAnswer {
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair("recipient", recipient).finish();
        let (headers, now) = (HeaderMap::new(), self.keeper.clock.now());
        let call = WebhookRequest { url: "", query: &query, headers: &headers, body: Some(mail), now };
        let mut answer = WebhookAnswer::Unknown;
        for (provider, _) in self.hooks.iter().filter(|(_, hook)| hook.accepts_mail_for(recipient)) {
            answer = self.take(provider.as_str(), &call).await;
            if !matches!(answer, WebhookAnswer::Kept(_)) {
                break;
            }
        }
        answer
    }

    pub(super) async fn take(&self, provider: &str, call: &WebhookRequest<'_>) -> WebhookAnswer {
        let known = provider.parse().ok().and_then(|name: ProviderName| self.hooks.get_key_value(&name));
        let Some((provider, hook)) = known else { return WebhookAnswer::Unknown };
        match hook.handle(call).await {
            Ok(WebhookPayload::Challenge(answer)) => WebhookAnswer::Kept(answer),
            Ok(WebhookPayload::Events(told)) => match self.keeper.keep(provider, told).await {
                Ok(()) => WebhookAnswer::Kept(String::new()),
                Err(error) => WebhookAnswer::NotKept(error),
            },
            Err(error) => WebhookAnswer::Refused(error),
        }
    }
}
