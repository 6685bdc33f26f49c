//! What consent and routing decide.

use super::{Address, Channel, ProviderName, Reason, Timestamp};

/// What consent says of one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentDecision {
    /// The message may be sent now.
    Allow,
    /// The message may be sent at this time.
    Hold {
        /// When the hold ends.
        until: Timestamp,
    },
    /// The message may not be sent.
    Deny,
}

/// Whether a message may go to an address by a channel now, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The channel judged.
    pub channel: Channel,
    /// The address judged.
    pub address: Address,
    /// The decision.
    pub decision: ConsentDecision,
    /// Why.
    pub reason: Reason,
    /// The reason in a sentence.
    pub explanation: String,
}

/// One way to try: a provider, by a channel, to an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Way {
    /// The channel.
    pub channel: Channel,
    /// The address.
    pub address: Address,
    /// The provider.
    pub provider: ProviderName,
    /// What the provider fails together with.
    pub failure_domain: String,
}

/// A way, or a whole channel, that was left out of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The channel.
    pub channel: Channel,
    /// The address, unless the whole channel was left out.
    pub address: Option<Address>,
    /// The provider, unless all of the channel's were left out.
    pub provider: Option<ProviderName>,
    /// Why.
    pub reason: Reason,
    /// The reason in a sentence.
    pub explanation: String,
}

/// Who chose the order of the channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderSource {
    /// The message named them.
    Message,
    /// The contact prefers them.
    Contact,
    /// The topic's policy.
    Topic,
    /// The brand's default.
    Brand,
}

impl OrderSource {
    /// A stable word for the source.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Contact => "contact",
            Self::Topic => "topic",
            Self::Brand => "brand",
        }
    }
}

/// The ordered ways to try, and every way that was left out, with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What consent said of each channel and address.
    pub verdicts: Vec<Verdict>,
    /// The ways to try, in order.
    pub ways: Vec<Way>,
    /// The ways left out.
    pub left_out: Vec<LeftOut>,
    /// Who chose the order.
    pub order_source: OrderSource,
}
