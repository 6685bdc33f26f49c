//! Which ways a message did not take, or took in vain, for the sake of a provider's health. All of it follows from its history.

use crate::model::{
    Address, Attempt, Channel, History, Outcome, Plan, ProviderName, Reason, ReceiptStatus, ThrottleScope,
    Timestamp, Way,
};

/// An attempt that led nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailedAttempt {
    /// When that was known.
    pub at: Timestamp,
    /// Whether the provider may have taken the message all the same.
    pub is_in_doubt: bool,
}

/// A way that a message did not take, or took in vain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvoidedWay<'a> {
    /// The provider.
    pub provider: &'a ProviderName,
    /// The channel.
    pub channel: Channel,
    /// The address.
    pub address: &'a Address,
    /// The attempt there; `None` when the way was not taken.
    pub failed: Option<FailedAttempt>,
}

/// The ways that attempt number `attempt`, which its provider took, stands in for: those that come before it and were left out
/// of the plan for the sake of their providers' health, or put behind it, and those that were tried in vain since the message
/// was last taken. `is_repeat` says that the attempt repeats one in doubt under its idempotency key, and is no second copy.
/// `comes_first` tells of two providers of one channel whether the message would be tried at the first before the second, if
/// both were well.
pub fn stood_in_for<'a>(
    history: &'a History,
    attempt: u32,
    is_repeat: bool,
    comes_first: impl Fn(&ProviderName, &ProviderName) -> bool,
) -> Vec<AvoidedWay<'a>> {
    let attempts = history.attempts();
    let Some(place) = attempts.iter().position(|known| known.number == attempt) else { return Vec::new() };
    let (taken, earlier) = (attempts[place].way, &attempts[..place]);
    let last_taken = earlier.iter().rposition(|known| matches!(known.ended, Some((_, Outcome::Sent { .. }))));
    let mut avoided = failed_ways(&earlier[last_taken.unwrap_or_default()..]);
    avoided.retain(|way| {
        let is_copy = !is_repeat && way.failed.is_some_and(|failed| failed.is_in_doubt);
        *way.provider != taken.provider || is_copy
    });
    if let (None, Some(plan)) = (last_taken, history.last_plan()) {
        let left_out = unhealthy_ways(plan, &[Reason::BreakerOpen, Reason::Throttled]);
        let passed_over = plan.ways.iter().map(untried).filter(|way| *way.provider != taken.provider);
        let others = left_out.chain(passed_over);
        avoided.extend(others.filter(|way| precedes(plan, way, taken, &comes_first)));
    }
    avoided
}

/// The ways that a message waits for by a plan, or would have taken by the last plan in its history: those that were left out
/// for the sake of their providers' health, or because the message just failed there.
pub fn blocked_ways(plan: &Plan) -> impl Iterator<Item = AvoidedWay<'_>> {
    unhealthy_ways(plan, &[Reason::BreakerOpen, Reason::Throttled, Reason::Backoff])
}

/// The ways that a message took in vain.
pub fn tried_in_vain(history: &History) -> Vec<AvoidedWay<'_>> {
    failed_ways(&history.attempts())
}

fn unhealthy_ways<'a>(plan: &'a Plan, reasons: &'static [Reason]) -> impl Iterator<Item = AvoidedWay<'a>> {
    plan.left_out.iter().filter(|way| reasons.contains(&way.reason)).filter_map(|way| {
        let (provider, address) = (way.provider.as_ref()?, way.address.as_ref()?);
        Some(AvoidedWay { provider, channel: way.channel, address, failed: None })
    })
}

fn untried(way: &Way) -> AvoidedWay<'_> {
    AvoidedWay { provider: &way.provider, channel: way.channel, address: &way.address, failed: None }
}

fn failed_ways<'a>(attempts: &[Attempt<'a>]) -> Vec<AvoidedWay<'a>> {
    let way =
        |attempt: &Attempt<'a>| Some(AvoidedWay { failed: Some(failure(attempt)?), ..untried(attempt.way) });
    attempts.iter().filter_map(way).collect()
}

/// The failure of an attempt, where its provider is to blame.
fn failure(attempt: &Attempt<'_>) -> Option<FailedAttempt> {
    let is_heard_of = attempt.receipt.is_some_and(|status| status != ReceiptStatus::Failed);
    match attempt.ended {
        None => Some(FailedAttempt { at: attempt.started_at, is_in_doubt: true }),
        Some((at, Outcome::Unknown { .. })) if !is_heard_of => {
            Some(FailedAttempt { at, is_in_doubt: attempt.receipt.is_none() })
        }
        Some((at, Outcome::Sent { .. })) => (attempt.given_up || attempt.reported_failed())
            .then_some(FailedAttempt { at, is_in_doubt: false }),
        Some((
            at,
            Outcome::Unavailable { .. }
            | Outcome::Misconfigured { .. }
            | Outcome::Throttled { scope: ThrottleScope::Provider, .. },
        )) => Some(FailedAttempt { at, is_in_doubt: false }),
        Some((
            _,
            Outcome::Unknown { .. }
            | Outcome::Throttled { .. }
            | Outcome::Rejected { .. }
            | Outcome::LocalFailure { .. },
        )) => None,
    }
}

/// Whether a way comes before the one that was taken: its channel does, or its address within the channel, or its provider for
/// the address. Verdicts stand in the order of channels and addresses.
fn precedes(
    plan: &Plan,
    way: &AvoidedWay<'_>,
    taken: &Way,
    comes_first: &impl Fn(&ProviderName, &ProviderName) -> bool,
) -> bool {
    let place = |channel: Channel, address: &Address| {
        plan.verdicts.iter().position(|verdict| verdict.channel == channel && verdict.address == *address)
    };
    let (avoided, used) = (place(way.channel, way.address), place(taken.channel, &taken.address));
    match (avoided, used) {
        (Some(avoided), Some(used)) if avoided == used => comes_first(way.provider, &taken.provider),
        (Some(avoided), Some(used)) => avoided < used,
        _ => false,
    }
}
