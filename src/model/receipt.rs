//! What providers report later. Receipts may come in any order, early, late, or twice.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::{Address, BrandId, MessageId, Objection, OutcomeEvidence, ProviderName, Timestamp, text};

/// What a receipt says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReceiptStatus {
    /// The provider handed it on.
    Sent,
    /// The message could not be delivered.
    Failed,
    /// The message reached the device or mailbox.
    Delivered,
    /// The message was read.
    Read,
}

impl ReceiptStatus {
    /// Whether it tells what became of a message, and not only that the provider handed it on.
    pub fn is_final(self) -> bool {
        self != Self::Sent
    }

    /// A stable word for the status.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Delivered => "delivered",
            Self::Read => "read",
        }
    }
}

/// A report on an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The attempt it reports on.
    pub attempt: u32,
    /// What it says.
    pub status: ReceiptStatus,
    /// When it happened, by the provider's clock.
    pub reported_at: Timestamp,
    /// The provider's words, for a failure.
    pub evidence: OutcomeEvidence,
    /// What it says of the address, if it says that it is wanted no more.
    pub objection: Option<Objection>,
}

/// An attempt, named by its brand, message and number: what a provider is given with a call and gives back in its reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptRef {
    /// The brand of the message.
    pub brand: BrandId,
    /// The message.
    pub message: MessageId,
    /// The attempt.
    pub attempt: u32,
}

/// As a provider carries it in a field of ours: `BRAND/MESSAGE/ATTEMPT`, at most 111 characters, none of which has to be
/// escaped anywhere.
impl fmt::Display for AttemptRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.brand, self.message, self.attempt)
    }
}

/// What is wrong with an echo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a brand, a message's id and an attempt's number, with / between them")]
pub struct AttemptRefError;

impl FromStr for AttemptRef {
    type Err = AttemptRefError;

    fn from_str(text: &str) -> Result<Self, AttemptRefError> {
        let mut parts = text.split('/');
        let mut next = || parts.next().ok_or(AttemptRefError);
        let echo = Self {
            brand: next()?.parse().map_err(|_| AttemptRefError)?,
            message: next()?.parse().map_err(|_| AttemptRefError)?,
            attempt: next()?.parse().map_err(|_| AttemptRefError)?,
        };
        if parts.next().is_some() { Err(AttemptRefError) } else { Ok(echo) }
    }
}

/// No provider's own ids are longer, by what they document; an id in mail may be, as it ends with a domain.
const MAX_ID_BYTES: usize = 255;

/// An id that a provider gave, as it is kept: one of more than 255 bytes, or with controls in it, is known by its SHA-256. So an
/// answer and the receipts that speak of it still find each other, and what differs stays apart.
pub fn bounded_provider_id(given: String) -> String {
    if given.len() <= MAX_ID_BYTES && !text::has_controls(&given) {
        return given;
    }
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(given)))
}

/// What else the id in a receipt may stand for, where a provider does not write it as it did when it took the message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReferenceForms {
    /// Other spellings of the same id: as good as the reference.
    pub spellings: Vec<String>,
    /// Other ids, as the same digits in another base. Another message may have them, so each counts only for an attempt to the very
    /// address that the receipt names.
    pub readings: Vec<String>,
}

/// A receipt as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptReport {
    /// The provider that reports.
    pub provider: ProviderName,
    /// Its id of the message; empty when it is not certain enough to be kept until a message has it.
    pub reference: String,
    /// What else this id may stand for.
    pub forms: ReferenceForms,
    /// The addresses that the receipt names, one of which is the recipient's. What a reference leads to is not meant by a receipt
    /// that names certainly others.
    pub addresses: Vec<Address>,
    /// The message and attempt, where the provider echoes what we gave it with the call. Finds the message even when
    /// the answer that carried the reference was lost or is still on its way.
    pub echo: Option<AttemptRef>,
    /// What it says.
    pub status: ReceiptStatus,
    /// When it happened, by the provider's clock.
    pub reported_at: Timestamp,
    /// The provider's words, for a failure.
    pub evidence: OutcomeEvidence,
    /// What it says of the address, if it says that it is wanted no more.
    pub objection: Option<Objection>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_a_provider_is_kept_as_it_is_unless_it_is_long() {
        let (longest, long) = ("x".repeat(255), "x".repeat(256));
        assert_eq!(bounded_provider_id(String::new()), "");
        assert_eq!(bounded_provider_id(longest.clone()), longest);
        let bounded = bounded_provider_id(long.clone());
        assert_eq!(bounded.len(), "sha256:".len() + 64);
        assert_eq!(bounded_provider_id(long.clone()), bounded);
        assert_eq!(bounded_provider_id(bounded.clone()), bounded, "what was kept is not changed again");
        assert_ne!(bounded_provider_id(format!("{long}y")), bounded, "it is not known by how it begins");
        let steering = ["id\n", "id\u{1b}", "id\u{202e}"].map(|id| bounded_provider_id(id.to_owned()));
        assert!(steering.iter().all(|id| id.starts_with("sha256:")), "{steering:?}");
        assert!(steering[0] != steering[1] && steering[1] != steering[2], "what differs stays apart");
    }

    #[test]
    fn an_echo_comes_back_as_it_went_out_or_not_at_all() {
        let echo =
            AttemptRef { brand: "acme".parse().unwrap(), message: MessageId::new(1, &[7; 10]), attempt: 3 };
        let text = echo.to_string();
        assert_eq!(text.parse(), Ok(echo));
        for wrong in ["", "acme", &text[..text.len() - 2], &format!("{text}/1"), &text.replace("acme", "A B")]
        {
            assert_eq!(wrong.parse::<AttemptRef>(), Err(AttemptRefError), "{wrong}");
        }
    }
}
