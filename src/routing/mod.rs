//! PURE. Which ways a message may take, and what to do next.
//!
//! [`next`] looks at a message, all that happened to it, what consent says and how the providers are, and answers with
//! one [`Step`]. It neither waits nor calls: dispatch does, and asks again.

mod decision;
mod order;
mod retry;
mod settings;
mod ways;

use crate::model::{
    Admission, History, Message, MessageId, Preferences, Provider, ServiceWindow, Timestamp, Verdict,
};

pub use decision::{RoutingDecision, RoutingStep, decide, is_settled};
pub use order::{channel_order, provider_order};
pub use retry::RetrySettings;
pub use settings::{
    BrandPolicy, BrandSettings, DoubtPolicy, FallbackSettings, KeywordSettings, TopicSettings,
};

/// Everything a decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct RoutingContext<'a> {
    /// The message.
    pub message: &'a Message,
    /// What has happened to it.
    pub history: &'a History,
    /// The person; `None` when the contact was deleted.
    pub recipient: Option<RecipientView<'a>>,
    /// The brand's policy.
    pub policy: &'a BrandPolicy,
    /// The providers that serve the brand, and whether each may be called now.
    pub providers: &'a [ProviderOffer<'a>],
    /// The settings of retries.
    pub retry: &'a RetrySettings,
    /// The time.
    pub now: Timestamp,
}

/// What a decision needs to know of the person.
#[derive(Debug, Clone, Copy)]
pub struct RecipientView<'a> {
    /// How the person wants to be reached.
    pub preferences: &'a Preferences,
    /// What consent says of each channel and address the person has, the preferred address of a channel first, and
    /// where WhatsApp's service window is open.
    pub verdicts: &'a [AddressVerdict],
}

/// A verdict, and what else is known of the address.
#[derive(Debug, Clone)]
pub struct AddressVerdict {
    /// The verdict.
    pub verdict: Verdict,
    /// Through which providers WhatsApp's service window is open.
    pub window: ServiceWindow,
}

/// A provider, and whether it may be called now.
#[derive(Debug, Clone, Copy)]
pub struct ProviderOffer<'a> {
    /// The provider.
    pub provider: &'a Provider,
    /// Whether it may be called now.
    pub admission: Admission,
}

/// A number in `0.0..1.0` drawn from a message's id and a salt: as good as random between messages, and the same each
/// time the same question is asked. FNV-1a with a final mix (the constants are those of FNV and of MurmurHash3).
fn hash_fraction(message: MessageId, salt: &[u8]) -> f64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in message.as_bytes().iter().chain(salt) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    // The upper 53 bits fill a double's mantissa exactly.
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests;
