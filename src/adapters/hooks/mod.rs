//! What providers call us with: who may call, and what a call says.

mod signature;

use reqwest::header::HeaderMap;

pub(super) use signature::{Algorithm, is_signed, same};

use crate::model::{Echo, Outcome, OutcomeEvidence, ReceiptStatus, Rejection, SuppressionReason, Timestamp};

/// A call, as it arrived.
pub struct Call<'a> {
    /// The URL that the provider was given, with the query of this call: what it signs. It comes from the configuration
    /// and not from the call, because behind a proxy the call says anything.
    pub url: &'a str,
    /// The query, escaped as it came; empty when there is none.
    pub query: &'a str,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// The body, byte for byte; `None` for a GET.
    pub body: Option<&'a [u8]>,
    /// The time.
    pub now: Timestamp,
}

impl Call<'_> {
    /// A header's value, when it is there once and is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?;
        if values.next().is_some() { None } else { value.to_str().ok() }
    }
}

/// What a call says.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// What became of messages; nothing when it speaks of other things.
    Notices(Vec<Notice>),
    /// The provider asks whether it is us: the answer to give.
    Challenge(String),
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The provider's id of the message.
    pub reference: String,
    /// What we gave with the message, if it came back.
    pub echo: Option<Echo>,
    /// What it says.
    pub status: ReceiptStatus,
    /// When it happened, by the provider's clock.
    pub reported_at: Timestamp,
    /// The provider's words, for a failure.
    pub evidence: OutcomeEvidence,
    /// Why the address is to be suppressed, if the notice says so.
    pub suppression: Option<SuppressionReason>,
}

/// Why a call changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HookError {
    /// It does not prove that it comes from the provider.
    #[error("{0}")]
    Forged(&'static str),
    /// It comes from the provider, and cannot be understood.
    #[error("{0}")]
    Malformed(String),
}

/// Takes the calls of one provider.
pub trait Hook: Send + Sync {
    /// Checks that a call comes from the provider, before anything of it is read, and then reads it.
    ///
    /// # Errors
    /// Why it does not count.
    fn hear(&self, call: &Call<'_>) -> Result<Heard, HookError>;
}

/// Why the address of a message that failed so is to be suppressed, if it is: the provider is certain.
pub(super) fn suppression(outcome: &Outcome) -> Option<SuppressionReason> {
    match outcome {
        Outcome::Rejected { cause: Rejection::Address { certain: true }, .. } => {
            Some(SuppressionReason::BadAddress)
        }
        Outcome::Rejected { cause: Rejection::OptedOut { certain: true }, .. } => {
            Some(SuppressionReason::OptedOut)
        }
        _ => None,
    }
}
