//! What a provider answered. A refusal is an outcome, not an error: errors are our own failures.

use std::fmt;
use std::time::Duration;

/// The provider's own words on an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evidence {
    /// The provider's code, for example `21610` or `550 5.1.1`; empty when it gave none.
    pub code: String,
    /// What it said: at most 300 characters, no addresses.
    pub text: String,
}

impl Evidence {
    const MAX_CHARS: usize = 300;

    /// Keeps a code and a text, cut to length. Words that look like an email address or a phone number are masked.
    pub fn new(code: impl fmt::Display, text: &str) -> Self {
        let code = code.to_string().chars().take(64).collect();
        let words: Vec<&str> = text.split_whitespace().map(mask_word).collect();
        Self { code, text: words.join(" ").chars().take(Self::MAX_CHARS).collect() }
    }
}

fn mask_word(word: &str) -> &str {
    let digits = word.chars().filter(char::is_ascii_digit).count();
    let number = digits >= 7 && word.chars().all(|c| c.is_ascii_digit() || "+()-.,:;'\"".contains(c));
    let email = word.find('@').is_some_and(|at| at > 0 && at + 1 < word.len());
    if number || email { "***" } else { word }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code.is_empty(), self.text.is_empty()) {
            (true, _) => f.write_str(&self.text),
            (false, true) => f.write_str(&self.code),
            (false, false) => write!(f, "{} {}", self.code, self.text),
        }
    }
}

/// Why a provider rejected a message for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// The address is bad. `certain` when one answer is enough to suppress it.
    Address {
        /// Whether the answer is sure enough to suppress the address.
        certain: bool,
    },
    /// The person opted out at the provider, or blocked us. `certain` as above.
    OptedOut {
        /// Whether the answer is sure enough to suppress the address.
        certain: bool,
    },
    /// The person wants no more commercial messages on this channel; others still pass.
    CommercialOptedOut,
    /// The content was refused.
    Content,
    /// A rule of the platform forbids it.
    Policy,
}

/// Whom a throttle concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ThrottleScope {
    /// The whole account.
    Provider,
    /// This recipient only.
    Recipient,
}

/// What a provider answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It took the message.
    Sent {
        /// Its id of the message, by which receipts will speak of it; empty when it gives none.
        reference: String,
    },
    /// It refused this message or address for good.
    Rejected {
        /// Why.
        cause: Rejection,
        /// Its words.
        evidence: Evidence,
    },
    /// We are too fast.
    Throttled {
        /// How long it asked us to wait.
        retry_after: Option<Duration>,
        /// Whom it concerns.
        scope: ThrottleScope,
        /// Its words.
        evidence: Evidence,
    },
    /// It is down, or answered nonsense, and did not take the message.
    Unavailable {
        /// What was seen.
        evidence: Evidence,
    },
    /// Our credentials, sender or account are wrong.
    Misconfigured {
        /// Its words.
        evidence: Evidence,
    },
    /// It may or may not have taken the message.
    Unknown {
        /// What was seen.
        evidence: Evidence,
    },
}

impl Outcome {
    /// A stable word for the kind of outcome.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Sent { .. } => "sent",
            Self::Rejected { .. } => "rejected",
            Self::Throttled { .. } => "throttled",
            Self::Unavailable { .. } => "unavailable",
            Self::Misconfigured { .. } => "misconfigured",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// The provider's words, unless it simply took the message.
    pub fn evidence(&self) -> Option<&Evidence> {
        match self {
            Self::Sent { .. } => None,
            Self::Rejected { evidence, .. }
            | Self::Throttled { evidence, .. }
            | Self::Unavailable { evidence }
            | Self::Misconfigured { evidence }
            | Self::Unknown { evidence } => Some(evidence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_carries_no_address_and_stays_short() {
        let evidence = Evidence::new("550 5.1.1", "<ana@example.com>: no such user, call +34600123456 now");
        assert_eq!(evidence.to_string(), "550 5.1.1 *** no such user, call *** now");
        assert_eq!(Evidence::new("", &"x".repeat(900)).text.len(), 300);
    }
}
