//! The providers' protocols. An adapter turns an [`Envelope`] into a call and the answer into an [`Outcome`].

pub mod email;
pub mod sandbox;
pub mod sms;
pub mod telegram;
pub mod webhook;
pub mod webhooks;
pub mod whatsapp;

mod aws;
#[cfg(test)]
mod envelopes;
mod error_meaning;
mod http;
mod settings;
mod tls;

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use serde::Deserialize;

pub use http::{HttpSettings, HttpTransport};

use webhooks::{EventSink, WebhookHandler};

use crate::model::{
    Address, BrandId, Channel, Class, Echo, MessageId, Outcome, OutcomeEvidence, Phone, Rejection,
    RenderedContent, Timestamp, Topic,
};

/// One message as one provider is to carry it to one address.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// The message.
    pub message_id: MessageId,
    /// The number of the attempt, from 1.
    pub attempt: u32,
    /// The number of the first attempt by the same way whose outcome nobody knows, which this one repeats; its own when there
    /// is none.
    pub repeats: u32,
    /// The brand that sends.
    pub brand: BrandId,
    /// The class.
    pub class: Class,
    /// The topic.
    pub topic: Topic,
    /// The channel.
    pub channel: Channel,
    /// The brand's own sender for this channel; the provider's when `None`.
    pub from: Option<String>,
    /// Where to.
    pub address: Address,
    /// What it says.
    pub content: RenderedContent,
    /// The time of the attempt.
    pub now: Timestamp,
}

/// Routing never hands an adapter what its channel does not carry. Should it happen, it is a refusal like any other,
/// so that the message goes its next way.
impl Envelope {
    /// What a provider is asked to give back with its reports, so that a report finds its attempt even when the answer that
    /// would have named the provider's own reference was lost.
    fn echo(&self) -> Echo {
        Echo { brand: self.brand.clone(), message: self.message_id, attempt: self.attempt }
    }

    /// What a provider is asked to carry out once, however often it is called. A call that repeats one in doubt has the key,
    /// and in its place the echo, of that one: the provider either knows it, and sends no second copy, or does not, and the
    /// first call had come to nothing. Any other call has a key of its own, so that no refusal is given to it that was
    /// meant for another.
    fn idempotency_key(&self) -> Echo {
        Echo { attempt: self.repeats, ..self.echo() }
    }

    fn phone(&self) -> Result<&Phone, Outcome> {
        match &self.address {
            Address::Phone(phone) => Ok(phone),
            _ => Err(refused(Rejection::Address { certain: false }, "the address is not a phone number")),
        }
    }

    fn text(&self) -> Result<&str, Outcome> {
        match &self.content {
            RenderedContent::Text(text) => Ok(text),
            _ => Err(refused(Rejection::Content, "the content is not a plain text")),
        }
    }
}

fn refused(cause: Rejection, text: &str) -> Outcome {
    Outcome::Rejected { cause, evidence: OutcomeEvidence::new("", text) }
}

/// Why an adapter cannot be built from its settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A setting's value is wrong.
    #[error("{setting} {must}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What would be right.
        must: &'static str,
    },
    /// The HTTP client could not be set up.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
    /// A file that a setting names cannot be used.
    #[error("{setting}: {path} cannot be used: {detail}")]
    File {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: String,
        /// What is wrong with it.
        detail: String,
    },
}

/// Speaks one kind of provider's protocol.
#[async_trait]
pub trait Adapter: Send + Sync {
    /// Hands the envelope to the provider. Whatever goes wrong is an outcome: `Unavailable` only when the provider
    /// certainly did not take the message, `Unknown` when it may have. The caller bounds the time; being dropped in
    /// mid-call must leave nothing broken.
    async fn deliver(&self, envelope: &Envelope) -> Outcome;

    /// Hears what the provider tells over a connection of the adapter's own, for those that have one or that ask for it,
    /// and hands it to `ear`. Runs as long as the gateway does; being dropped must leave nothing broken.
    async fn listen(&self, ear: &dyn EventSink) {
        let _ = ear;
        std::future::pending().await
    }

    /// Whether it delivers only while it listens, because both go by one connection.
    fn delivers_while_listening(&self) -> bool {
        false
    }
}

/// A kind of provider, by the settings that its table in the configuration holds.
pub trait ProviderKind {
    /// The only channel that it carries; `None` when it carries any.
    fn channel(&self) -> Option<Channel>;

    /// Builds the adapter. Reads the files that the settings name.
    ///
    /// # Errors
    /// When a setting's value is wrong, or the machine's TLS cannot be set up.
    fn build(&self, transport: &Transport) -> Result<Arc<dyn Adapter>, BuildError>;

    /// What takes the provider's calls, where its settings say how to know them.
    fn hook(&self, transport: &Transport) -> Option<Arc<dyn WebhookHandler>> {
        let _ = transport;
        None
    }

    /// Tells the settings which brands the provider serves, for kinds whose hooks have to know.
    fn set_brands(&mut self, brands: &[BrandId]) {
        let _ = brands;
    }

    /// Whether it is reached over HTTP, so that settings of HTTP are for it.
    fn is_http(&self) -> bool {
        true
    }

    /// The paths among the settings.
    fn files(&mut self) -> Vec<&mut PathBuf> {
        Vec::new()
    }
}

/// How a provider is reached.
#[derive(Debug, Clone, Default)]
pub struct Transport {
    /// How hard it may be driven, and how long it may take.
    pub limits: ProviderLimits,
    /// The way to it, if it is reached over HTTP.
    pub http: HttpTransport,
}

/// How hard a provider may be driven, and how long it may take.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProviderLimits {
    /// Calls in flight at once.
    pub max_concurrency: u32,
    /// Calls a second; no limit when absent.
    pub rate_per_second: Option<f64>,
    /// How long connecting may take, in milliseconds. A provider that cannot be reached was certainly not called.
    pub connect_timeout_ms: u64,
    /// How long the whole call may take, in milliseconds. After it the outcome is unknown.
    pub timeout_ms: u64,
}

impl Default for ProviderLimits {
    fn default() -> Self {
        Self { max_concurrency: 50, rate_per_second: None, connect_timeout_ms: 3_000, timeout_ms: 10_000 }
    }
}
