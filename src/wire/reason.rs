//! The words for reasons. They are part of the API and of what is on disk, so none of them ever changes.

use std::fmt;

use crate::model::Reason;

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transactional => "transactional",
            Self::OptInGranted => "opt_in_granted",
            Self::NoOptIn => "no_opt_in",
            Self::OptInRevoked => "opt_in_revoked",
            Self::TopicMuted => "topic_muted",
            Self::ChannelExcluded => "channel_excluded",
            Self::AddressSuppressed => "address_suppressed",
            Self::QuietHours => "quiet_hours",
            Self::NoAddress => "no_address",
            Self::NoProvider => "no_provider",
            Self::NoContent => "no_content",
            Self::ContentTooLong => "content_too_long",
            Self::WindowClosed => "window_closed",
            Self::NeedsPhoneNumber => "needs_phone_number",
            Self::ContentRejected => "content_rejected",
            Self::PolicyRejected => "policy_rejected",
            Self::AddressTried => "tried",
            Self::OutOfService => "out_of_service",
            Self::Draining => "draining",
            Self::BreakerOpen => "breaker_open",
            Self::Throttled => "throttled",
            Self::Backoff => "backoff",
            Self::Busy => "busy",
            Self::AwaitingReceipt => "awaiting_receipt",
            Self::InDoubt => "in_doubt",
            Self::Cancelled => "cancelled",
            Self::ContactDeleted => "contact_deleted",
            Self::BrandUnknown => "brand_unknown",
            Self::ReportedFailed => "reported_failed",
            Self::Expired => "expired",
            Self::TooManyAttempts => "too_many_attempts",
            Self::NoWayPermitted => "no_way_permitted",
            Self::NoWayLeft => "no_way_left",
            Self::Other(word) => word,
        })
    }
}

impl From<String> for Reason {
    /// Reads a word. A word that no reason has is kept as it is.
    fn from(word: String) -> Self {
        match word.as_str() {
            "transactional" => Self::Transactional,
            "opt_in_granted" => Self::OptInGranted,
            "no_opt_in" => Self::NoOptIn,
            "opt_in_revoked" => Self::OptInRevoked,
            "topic_muted" => Self::TopicMuted,
            "channel_excluded" => Self::ChannelExcluded,
            "address_suppressed" => Self::AddressSuppressed,
            "quiet_hours" => Self::QuietHours,
            "no_address" => Self::NoAddress,
            "no_provider" => Self::NoProvider,
            "no_content" => Self::NoContent,
            "content_too_long" => Self::ContentTooLong,
            "window_closed" => Self::WindowClosed,
            "needs_phone_number" => Self::NeedsPhoneNumber,
            "content_rejected" => Self::ContentRejected,
            "policy_rejected" => Self::PolicyRejected,
            "tried" => Self::AddressTried,
            "out_of_service" => Self::OutOfService,
            "draining" => Self::Draining,
            "breaker_open" => Self::BreakerOpen,
            "throttled" => Self::Throttled,
            "backoff" => Self::Backoff,
            "busy" => Self::Busy,
            "awaiting_receipt" => Self::AwaitingReceipt,
            "in_doubt" => Self::InDoubt,
            "cancelled" => Self::Cancelled,
            "contact_deleted" => Self::ContactDeleted,
            "brand_unknown" => Self::BrandUnknown,
            "reported_failed" => Self::ReportedFailed,
            "expired" => Self::Expired,
            "too_many_attempts" => Self::TooManyAttempts,
            "no_way_permitted" => Self::NoWayPermitted,
            "no_way_left" => Self::NoWayLeft,
            _ => Self::Other(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_as_the_reason_that_it_is_written_for() {
        let source = include_str!("reason.rs");
        let words =
            source.lines().filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => \""));
        let words: Vec<(&str, &str)> =
            words.filter_map(|(name, word)| Some((name, word.strip_suffix("\",")?))).collect();
        assert_eq!(words.len(), 33);
        for (name, word) in words {
            let reason = Reason::from(word.to_owned());
            assert_eq!(format!("{reason:?}"), name);
            assert_eq!(reason.to_string(), word);
        }
    }

    #[test]
    fn a_word_that_no_reason_has_survives_unchanged() {
        for word in ["", "a_word_of_tomorrow", "Backoff", " backoff"] {
            let reason = Reason::from(word.to_owned());
            assert_eq!(reason, Reason::Other(word.to_owned()));
            assert_eq!(reason.to_string(), word);
        }
    }
}
