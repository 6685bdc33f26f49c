//! The interface of every adapter: it delivers one message by one call.

use std::fmt;

use async_trait::async_trait;

use super::envelope::Envelope;
use crate::model::Outcome;

/// Speaks one kind of provider's protocol. Its debug output shows no secret.
#[async_trait]
pub trait Adapter: fmt::Debug + Send + Sync {
    /// Hands the envelope to the provider. Whatever goes wrong is an outcome: `Unavailable` only when the provider
    /// certainly did not take the message, `Unknown` when it may have. The caller bounds the time; being dropped in
    /// mid-call must leave nothing broken.
    async fn deliver(&self, envelope: &Envelope) -> Outcome;
}
