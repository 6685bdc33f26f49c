//! The providers' protocols. An adapter turns an [`Envelope`] into a call and the answer into an
//! [`Outcome`](crate::model::Outcome); [`PROVIDER_KINDS`] is every kind of provider there is.

pub mod custom_webhook;
pub mod email;
pub mod sandbox;
pub mod sms;
pub mod telegram;
pub mod webhooks;
pub mod whatsapp;

mod adapter;
mod aws;
mod build_error;
mod channel_settings;
mod deadline;
mod envelope;
#[cfg(test)]
mod envelopes;
mod error_meaning;
mod events;
mod http;
mod kinds;
mod local_failure;
mod name_lookup;
mod parts;
mod settings;
mod tls;
mod transport;

pub use adapter::Adapter;
pub use build_error::ProviderBuildError;
pub use channel_settings::ChannelSettings;
pub use deadline::answer_within;
pub use envelope::Envelope;
pub use events::EventListener;
pub use http::{HttpSettings, HttpTransport};
pub use kinds::{PROVIDER_KINDS, ProviderKind};
pub use parts::{ProviderContext, ProviderParts, ProviderSettings};
pub use transport::{ProviderLimits, Transport};

use envelope::rejected_outcome;
