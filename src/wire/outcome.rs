//! Outcomes of attempts.

use super::{AddressFormat, FieldPath, Violations, duration, read_address, read_optional_duration, v1};
use crate::model::{Outcome, OutcomeEvidence, Rejection, ThrottleScope};

impl From<&Outcome> for v1::Outcome {
    fn from(outcome: &Outcome) -> Self {
        use v1::OutcomeKind as Kind;
        let kind = match outcome {
            Outcome::Sent { .. } => Kind::Sent,
            Outcome::Rejected { .. } => Kind::Rejected,
            Outcome::Throttled { .. } => Kind::Throttled,
            Outcome::Unavailable { .. } => Kind::Unavailable,
            Outcome::Misconfigured { .. } => Kind::Misconfigured,
            Outcome::LocalFailure { .. } => Kind::LocalFailure,
            Outcome::Unknown { .. } => Kind::Unknown,
        };
        let evidence = outcome.evidence().cloned().unwrap_or_default();
        let mut proto =
            Self { kind: kind.into(), code: evidence.code, text: evidence.text, ..Self::default() };
        match outcome {
            Outcome::Sent { reference, recipient } => {
                proto.reference.clone_from(reference);
                proto.recipient = recipient.as_ref().map(Into::into);
            }
            Outcome::Rejected { cause, .. } => {
                proto.rejection_cause = rejection(*cause).into();
                proto.suppress = certain(*cause);
            }
            Outcome::Throttled { retry_after, scope, .. } => {
                proto.retry_after = retry_after.map(duration);
                proto.recipient_only = *scope == ThrottleScope::Recipient;
            }
            Outcome::Unknown { retry_after, .. } => proto.retry_after = retry_after.map(duration),
            Outcome::Unavailable { .. } | Outcome::Misconfigured { .. } | Outcome::LocalFailure { .. } => {}
        }
        proto
    }
}

fn rejection(cause: Rejection) -> v1::RejectionCause {
    match cause {
        Rejection::Address { .. } => v1::RejectionCause::Address,
        Rejection::OptedOut { .. } => v1::RejectionCause::OptedOut,
        Rejection::CommercialOptedOut => v1::RejectionCause::CommercialOptedOut,
        Rejection::Content => v1::RejectionCause::Content,
        Rejection::Policy => v1::RejectionCause::Policy,
    }
}

fn certain(cause: Rejection) -> bool {
    match cause {
        Rejection::Address { certain } | Rejection::OptedOut { certain } => certain,
        Rejection::CommercialOptedOut | Rejection::Content | Rejection::Policy => false,
    }
}

/// Reads an outcome.
pub fn read_outcome(
    outcome: v1::Outcome,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Outcome> {
    let (kind, cause) = (outcome.kind(), outcome.rejection_cause());
    let evidence = OutcomeEvidence { code: outcome.code, text: outcome.text };
    let retry_after = |violations: &mut Violations| {
        read_optional_duration(outcome.retry_after, &path.field("retry_after"), violations)
    };
    match kind {
        v1::OutcomeKind::Sent => {
            let read = |address| {
                read_address(Some(address), AddressFormat::Stored, &path.field("recipient"), violations)
            };
            Some(Outcome::Sent { reference: outcome.reference, recipient: outcome.recipient.and_then(read) })
        }
        v1::OutcomeKind::Rejected => {
            let cause = read_rejection(cause, outcome.suppress, path, violations)?;
            Some(Outcome::Rejected { cause, evidence })
        }
        v1::OutcomeKind::Throttled => {
            let retry_after = retry_after(violations);
            let scope =
                if outcome.recipient_only { ThrottleScope::Recipient } else { ThrottleScope::Provider };
            Some(Outcome::Throttled { retry_after, scope, evidence })
        }
        v1::OutcomeKind::Unavailable => Some(Outcome::Unavailable { evidence }),
        v1::OutcomeKind::Misconfigured => Some(Outcome::Misconfigured { evidence }),
        v1::OutcomeKind::LocalFailure => Some(Outcome::LocalFailure { evidence }),
        v1::OutcomeKind::Unknown => Some(Outcome::Unknown { retry_after: retry_after(violations), evidence }),
        v1::OutcomeKind::Unspecified => {
            violations.add(&path.field("kind"), "must be a kind of outcome");
            None
        }
    }
}

fn read_rejection(
    cause: v1::RejectionCause,
    certain: bool,
    path: &FieldPath<'_>,
    violations: &mut Violations,
) -> Option<Rejection> {
    match cause {
        v1::RejectionCause::Address => Some(Rejection::Address { certain }),
        v1::RejectionCause::OptedOut => Some(Rejection::OptedOut { certain }),
        v1::RejectionCause::CommercialOptedOut => Some(Rejection::CommercialOptedOut),
        v1::RejectionCause::Content => Some(Rejection::Content),
        v1::RejectionCause::Policy => Some(Rejection::Policy),
        v1::RejectionCause::Unspecified => {
            violations.add(&path.field("rejection_cause"), "must be a cause of rejection");
            None
        }
    }
}
