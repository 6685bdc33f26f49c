//! What providers say against an address.

use super::SuppressionReason;

/// Why an address, or commercial messages to it, are wanted no more: what a provider says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Objection {
    /// The address does not exist or takes no messages.
    BadAddress,
    /// The person opted out at the provider, or blocked us.
    OptedOut,
    /// The person wants no more commercial messages on this channel; others still pass.
    CommercialOptedOut,
    /// The person complained.
    Complaint,
}

impl Objection {
    /// Every objection there is.
    pub const ALL: [Self; 4] = [Self::BadAddress, Self::OptedOut, Self::CommercialOptedOut, Self::Complaint];

    /// A stable word for the objection.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BadAddress => "bad_address",
            Self::OptedOut => "opted_out",
            Self::CommercialOptedOut => "commercial_opted_out",
            Self::Complaint => "complaint",
        }
    }

    /// Why the address is suppressed for every class from now on, if it is.
    pub fn suppression(self) -> Option<SuppressionReason> {
        match self {
            Self::BadAddress => Some(SuppressionReason::BadAddress),
            Self::OptedOut => Some(SuppressionReason::OptedOut),
            Self::CommercialOptedOut => None,
            Self::Complaint => Some(SuppressionReason::Complaint),
        }
    }

    /// Whether it is the person's own will, which withdraws every opt-in for the channel.
    pub fn withdraws_opt_in(self) -> bool {
        match self {
            Self::OptedOut | Self::CommercialOptedOut | Self::Complaint => true,
            Self::BadAddress => false,
        }
    }
}
