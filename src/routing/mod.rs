//! PURE. Which ways a message may take, and what to do next.
//!
//! [`decide`] looks at a message, its history, what consent says and how the providers are, and answers with one
//! [`RoutingStep`]. It neither waits nor calls: dispatch does, and asks again.

mod blockers;
mod choice;
mod decision;
mod doubt;
mod hash;
mod order;
mod retry;
mod settings;
mod step;
mod unroutable;
mod ways;

use std::time::Duration;

use crate::model::{
    Admission, CellRefusal, History, Message, Preferences, Provider, ServiceWindow, Timestamp, Verdict,
};

pub use decision::{decide, decide_without_brand, is_settled};
pub use doubt::repeated_attempt;
pub use order::{channel_order, provider_order};
pub use retry::RetrySettings;
pub use settings::{
    BrandPolicy, BrandSettings, DoubtPolicy, FallbackSettings, KeywordSettings, TopicSettings,
};
pub use step::{ProviderWait, RoutingDecision, RoutingStep};
pub use unroutable::{UnroutableMessages, unroutable_messages};

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
    pub providers: &'a [ProviderAdmission<'a>],
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
#[derive(Debug, Clone)]
pub struct ProviderAdmission<'a> {
    /// The provider.
    pub provider: &'a Provider,
    /// Whether it may be called now.
    pub admission: Admission,
    /// The cells of it that may not, whatever the rest of it may.
    pub refusing_cells: Vec<CellRefusal>,
    /// The part of its weight that its health leaves it, in `0.0..=1.0`.
    pub live_weight: f64,
    /// The rate that it was found to bear, in calls a second.
    pub learned_rate: Option<f64>,
    /// How long the message would wait there for others, roughly.
    pub expected_wait: Duration,
}

#[cfg(test)]
mod tests;
