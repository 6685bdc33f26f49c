//! The meanings of the errors that providers document, in the few words that their tables need.

use std::time::Duration;

use crate::model::{Objection, Outcome, OutcomeEvidence, Rejection, ThrottleScope};

/// The meaning of one documented error, before the provider's own words and wait are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorMeaning {
    /// The provider refused this message or address for good.
    Rejected(Rejection),
    /// The gateway calls the provider too fast.
    Throttled(ThrottleScope),
    /// What may be sent in an hour or a day is used up.
    QuotaSpent(ThrottleScope),
    /// The provider, or the network behind it, is down for the moment. Where it says for how long, it is not called until then.
    Unavailable,
    /// The gateway's credentials, sender or account are wrong, whoever the message is for.
    Misconfigured,
}

/// The provider refused the address: it cannot be reached, now or ever.
pub(crate) const BAD_ADDRESS: ErrorMeaning = ErrorMeaning::Rejected(Rejection::Address { certain: true });
/// The provider refused the address for one of several reasons, not all of which mean that it is bad.
pub(crate) const UNCERTAIN_ADDRESS: ErrorMeaning =
    ErrorMeaning::Rejected(Rejection::Address { certain: false });
/// The provider refused the message because the person blocked the sender or opted out.
pub(crate) const OPTED_OUT: ErrorMeaning = ErrorMeaning::Rejected(Rejection::OptedOut { certain: true });
/// The provider refused the message, perhaps because the person blocked the sender or opted out of a part.
pub(crate) const UNCERTAIN_OPT_OUT: ErrorMeaning =
    ErrorMeaning::Rejected(Rejection::OptedOut { certain: false });
/// The provider refused the content. Other content may pass.
pub(crate) const CONTENT_REJECTED: ErrorMeaning = ErrorMeaning::Rejected(Rejection::Content);
/// This provider refuses the message, and another may take it: a rule forbids it to this person, or nothing makes sure that
/// the content or the address is at fault. Answers that depend on who is written to belong here even where an operator could
/// change the rule: they must not stop the provider for everybody else.
pub(crate) const POLICY_REJECTED: ErrorMeaning = ErrorMeaning::Rejected(Rejection::Policy);
/// The provider refused the message because the whole account sends too fast.
pub(crate) const THROTTLED: ErrorMeaning = ErrorMeaning::Throttled(ThrottleScope::Provider);
/// The provider refused the message because this recipient got too many.
pub(crate) const THROTTLED_RECIPIENT: ErrorMeaning = ErrorMeaning::Throttled(ThrottleScope::Recipient);
/// The whole account has sent all that it may in an hour or a day.
pub(crate) const QUOTA_SPENT: ErrorMeaning = ErrorMeaning::QuotaSpent(ThrottleScope::Provider);
/// This recipient got all that may be sent to one in an hour or a day.
pub(crate) const QUOTA_SPENT_RECIPIENT: ErrorMeaning = ErrorMeaning::QuotaSpent(ThrottleScope::Recipient);

/// The longest wait that an answer can ask for, so that a wrong one cannot stop a provider for a day. A spent quota whose end the
/// answer does not name is tried again after so long, also one of a day: most count the last 24 hours, so that a part of it is
/// free again before the day is over.
pub(crate) const MAX_RETRY_AFTER: Duration = Duration::from_secs(3_600);

impl ErrorMeaning {
    /// The meaning of an HTTP status where the provider's own code says nothing (RFC 9110, section 15; RFC 6585, section 4).
    /// `None` where the provider may have taken the message: success without an answer we can read, a server that failed at
    /// whatever point (500, and as which codes that are not known count), and a gateway that passed the request on and got no
    /// answer that it could use (502, 504).
    pub(crate) fn from_http_status(status: u16) -> Option<Self> {
        match status {
            408 | 425 => Some(Self::Unavailable),
            429 => Some(THROTTLED),
            // A redirect, too: the base URL is not the API's.
            300..400 | 401..=407 => Some(Self::Misconfigured),
            // It says neither what is wrong nor for whom.
            400..=499 => Some(POLICY_REJECTED),
            // It does not know the method or the version, or does not serve now: it has not begun.
            501 | 503 | 505 => Some(Self::Unavailable),
            _ => None,
        }
    }

    /// The outcome of a message so refused, with the provider's words and the wait it asked for.
    pub(crate) fn outcome(self, evidence: OutcomeEvidence, retry_after: Option<Duration>) -> Outcome {
        match self {
            Self::Rejected(cause) => Outcome::Rejected { cause, evidence },
            Self::Throttled(scope) => Outcome::Throttled { retry_after, scope, evidence },
            Self::QuotaSpent(scope) => {
                Outcome::Throttled { retry_after: retry_after.or(Some(MAX_RETRY_AFTER)), scope, evidence }
            }
            // Whoever says when to come back expects nobody before (RFC 9110, section 10.2.3); who says "now" is just down.
            Self::Unavailable => match retry_after.filter(|wait| !wait.is_zero()) {
                Some(_) => Outcome::Throttled { retry_after, scope: ThrottleScope::Provider, evidence },
                None => Outcome::Unavailable { evidence },
            },
            Self::Misconfigured => Outcome::Misconfigured { evidence },
        }
    }

    /// The objection to the address, where the error is certain of one.
    pub(crate) fn objection(self) -> Option<Objection> {
        self.outcome(OutcomeEvidence::default(), None).objection()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_alone_has_a_meaning_unless_the_message_may_have_been_taken() {
        for (status, meaning) in [
            (301, Some(ErrorMeaning::Misconfigured)),
            (400, Some(POLICY_REJECTED)),
            (401, Some(ErrorMeaning::Misconfigured)),
            (403, Some(ErrorMeaning::Misconfigured)),
            (404, Some(ErrorMeaning::Misconfigured)),
            (408, Some(ErrorMeaning::Unavailable)),
            (409, Some(POLICY_REJECTED)),
            (413, Some(POLICY_REJECTED)),
            (422, Some(POLICY_REJECTED)),
            (425, Some(ErrorMeaning::Unavailable)),
            (429, Some(THROTTLED)),
            (501, Some(ErrorMeaning::Unavailable)),
            (503, Some(ErrorMeaning::Unavailable)),
            (505, Some(ErrorMeaning::Unavailable)),
            (200, None),
            (201, None),
            // The server failed, or one in front of it got no answer: perhaps after the message was taken.
            (500, None),
            (502, None),
            (504, None),
            (599, None),
        ] {
            assert_eq!(ErrorMeaning::from_http_status(status), meaning, "{status}");
        }
    }

    #[test]
    fn who_is_down_and_says_until_when_is_not_called_before() {
        let outcome = |seconds: Option<u64>| {
            let wait = seconds.map(Duration::from_secs);
            ErrorMeaning::Unavailable.outcome(OutcomeEvidence::default(), wait)
        };
        let (retry_after, scope) = (Some(Duration::from_secs(90)), ThrottleScope::Provider);
        let evidence = OutcomeEvidence::default();
        assert_eq!(outcome(Some(90)), Outcome::Throttled { retry_after, scope, evidence });
        for says_nothing in [None, Some(0)] {
            assert_eq!(outcome(says_nothing).as_str(), "unavailable");
        }
    }

    #[test]
    fn a_spent_quota_is_tried_again_after_an_hour_unless_the_answer_says_when() {
        for (asked, waited, scope, meaning) in [
            (None, 3_600, ThrottleScope::Provider, QUOTA_SPENT),
            (Some(90), 90, ThrottleScope::Recipient, QUOTA_SPENT_RECIPIENT),
        ] {
            let evidence = OutcomeEvidence::default();
            let retry_after = Some(Duration::from_secs(waited));
            let expected = Outcome::Throttled { retry_after, scope, evidence: evidence.clone() };
            assert_eq!(meaning.outcome(evidence, asked.map(Duration::from_secs)), expected);
        }
    }
}
