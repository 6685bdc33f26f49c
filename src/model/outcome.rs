//! What a provider answered. A refusal is an outcome, not an error: errors are our own failures.

use std::fmt;
use std::time::Duration;

use super::{Address, Objection, text};

/// The provider's own words on an outcome.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutcomeEvidence {
    /// The provider's code, for example `21610` or `550 5.1.1`; empty when it gave none. On one line, at most 64 characters, no
    /// addresses.
    pub code: String,
    /// What it said: on one line, at most 300 characters, no addresses.
    pub text: String,
}

impl OutcomeEvidence {
    const MAX_CHARS: usize = 300;

    /// Keeps a code and a text, each cleaned to one line ([`text::one_line`]) and cut to length. What looks like an email
    /// address or a phone number is masked.
    pub fn new(code: impl fmt::Display, text: &str) -> Self {
        let code = masked_code(text::one_line(&code.to_string())).chars().take(64).collect();
        Self { code, text: masked(&text::one_line(text)).chars().take(Self::MAX_CHARS).collect() }
    }
}

/// A code in which an email address or a phone number is masked. Codes are numbers too, so it takes more of one than in a text.
fn masked_code(code: String) -> String {
    const MIN_CODE_DIGITS: usize = 9;
    let longest = code.split(|c: char| !c.is_ascii_digit()).map(str::len).max().unwrap_or(0);
    if code.contains(['+', '@', '%']) || longest >= MIN_CODE_DIGITS { masked(&code) } else { code }
}

/// The text with each email address and each phone number in it replaced by `***`.
fn masked(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut rest = words.as_slice();
    let mut masked = String::with_capacity(text.len());
    while let Some((word, others)) = rest.split_first() {
        if !masked.is_empty() {
            masked.push(' ');
        }
        let spelt = words_of_number(rest);
        if spelt > 0 {
            masked.push_str(MASK);
            rest = &rest[spelt..];
        } else {
            mask_word(word, &mut masked);
            rest = others;
        }
    }
    masked
}

const MASK: &str = "***";
/// No phone number is shorter, and hardly a code is longer.
const MIN_DIGITS: usize = 7;

fn is_of_number(c: char) -> bool {
    c.is_ascii_digit() || "+()-.".contains(c)
}

fn digits(text: &str) -> usize {
    text.chars().filter(char::is_ascii_digit).count()
}

/// How many of the first words spell a phone number such as `+34 600 123 456`.
fn words_of_number(words: &[&str]) -> usize {
    if !words[0].trim_start_matches('(').starts_with('+') {
        return 0;
    }
    let count = words.iter().take_while(|word| word.chars().all(is_of_number)).count();
    let total: usize = words[..count].iter().map(|word| digits(word)).sum();
    if total >= MIN_DIGITS { count } else { 0 }
}

/// A word that holds an email address goes as a whole; of others, what may be a phone number.
fn mask_word(word: &str, masked: &mut String) {
    let inside = |at: Option<usize>| at.is_some_and(|at| at > 0 && at + 1 < word.len());
    // `%40` is the `@` of an address in a URL.
    if inside(word.find('@')) || inside(word.find("%40")) {
        return masked.push_str(MASK);
    }
    for run in word.split_inclusive(|c| !is_of_number(c)) {
        let (number, after) = match run.char_indices().next_back() {
            Some((at, c)) if !is_of_number(c) => run.split_at(at),
            _ => (run, ""),
        };
        masked.push_str(if digits(number) >= MIN_DIGITS { MASK } else { number });
        masked.push_str(after);
    }
}

impl fmt::Display for OutcomeEvidence {
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
    /// This provider refuses it, by a rule or for a reason that makes neither address nor content certainly wrong: another may
    /// take it.
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
    /// The provider accepted the message.
    Sent {
        /// Its id of the message, by which receipts will speak of it; empty when it gives none. Adapters give it as it is;
        /// [`bounded_provider_id`](super::bounded_provider_id) bounds it before it is stored.
        reference: String,
        /// The address by which it knows the recipient, where its answer names one.
        recipient: Option<Address>,
    },
    /// The provider rejected this message or address for good.
    Rejected {
        /// Why.
        cause: Rejection,
        /// Its words.
        evidence: OutcomeEvidence,
    },
    /// We are too fast.
    Throttled {
        /// How long it asked us to wait.
        retry_after: Option<Duration>,
        /// Whom it concerns.
        scope: ThrottleScope,
        /// Its words.
        evidence: OutcomeEvidence,
    },
    /// The provider is down, or gave an unrecognized answer, and did not accept the message.
    Unavailable {
        /// What was seen.
        evidence: OutcomeEvidence,
    },
    /// Our credentials, sender or account are wrong.
    Misconfigured {
        /// Its words.
        evidence: OutcomeEvidence,
    },
    /// This machine could not make the call: it had no file, memory or port left for it. The provider knows nothing of it.
    LocalFailure {
        /// What was seen.
        evidence: OutcomeEvidence,
    },
    /// The provider may or may not have accepted the message.
    Unknown {
        /// How long it asked us to wait, whatever became of the message.
        retry_after: Option<Duration>,
        /// What was seen.
        evidence: OutcomeEvidence,
    },
}

impl Outcome {
    /// The provider accepted the message under this id.
    pub fn sent(reference: impl Into<String>) -> Self {
        Self::Sent { reference: reference.into(), recipient: None }
    }

    /// The provider may or may not have accepted the message, and asked for no wait.
    pub fn unknown(evidence: OutcomeEvidence) -> Self {
        Self::Unknown { retry_after: None, evidence }
    }

    /// A stable word for the kind of outcome.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Sent { .. } => "sent",
            Self::Rejected { .. } => "rejected",
            Self::Throttled { .. } => "throttled",
            Self::Unavailable { .. } => "unavailable",
            Self::Misconfigured { .. } => "misconfigured",
            Self::LocalFailure { .. } => "local_failure",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// The provider's words, unless it simply took the message.
    pub fn evidence(&self) -> Option<&OutcomeEvidence> {
        match self {
            Self::Sent { .. } => None,
            Self::Rejected { evidence, .. }
            | Self::Throttled { evidence, .. }
            | Self::Unavailable { evidence }
            | Self::Misconfigured { evidence }
            | Self::LocalFailure { evidence }
            | Self::Unknown { evidence, .. } => Some(evidence),
        }
    }

    /// What it says against the address, as far as one answer is sure enough.
    pub fn objection(&self) -> Option<Objection> {
        let Self::Rejected { cause, .. } = self else { return None };
        match cause {
            Rejection::Address { certain: true } => Some(Objection::BadAddress),
            Rejection::OptedOut { certain: true } => Some(Objection::OptedOut),
            Rejection::CommercialOptedOut => Some(Objection::CommercialOptedOut),
            Rejection::Address { certain: false }
            | Rejection::OptedOut { certain: false }
            | Rejection::Content
            | Rejection::Policy => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_carries_no_address_and_stays_short() {
        let evidence =
            OutcomeEvidence::new("550 5.1.1", "<ana@example.com>: no such user, call +34600123456 now");
        assert_eq!(evidence.to_string(), "550 5.1.1 *** no such user, call *** now");
        for (code, kept) in [
            ("to +34600123456", "to ***"),
            ("34600123456", "***"),
            ("2494055", "2494055"),
            ("0x00000045", "0x00000045"),
        ] {
            assert_eq!(OutcomeEvidence::new(code, "").code, kept);
        }
        for (text, expected) in [
            (r#"{"to":"+34600123456","status":400}"#, r#"{"to":"***","status":400}"#),
            ("to=34600123456; try again", "to=***; try again"),
            ("the number +34 600 123 456 is not valid", "the number *** is not valid"),
            ("call (+34) 600-123-456.", "call ***"),
            ("GET /contacts/ana%40example.com", "GET ***"),
            ("<ana@example.com>:rejected", "***"),
            ("+1 error, 5.7.1 and 21610", "+1 error, 5.7.1 and 21610"),
            ("ñ+34600123456ñ", "ñ***ñ"),
            ("@ 100% @", "@ 100% @"),
        ] {
            assert_eq!(OutcomeEvidence::new("", text).text, expected, "{text}");
        }
        assert_eq!(OutcomeEvidence::new("", &"x".repeat(900)).text.len(), 300);
    }

    #[test]
    fn evidence_is_on_one_line_and_steers_no_screen() {
        let evidence = OutcomeEvidence::new(
            "E7\u{1b}]0;owned\u{7}\n",
            "gone\r\nERROR all is lost \u{202e}exe.\u{9b}2J +34\u{200e}600123456 a\u{2066}na@example.com",
        );
        assert_eq!(
            (evidence.code.as_str(), evidence.text.as_str()),
            ("E7 ]0;owned", "gone ERROR all is lost exe. 2J *** ***")
        );
    }
}
