//! Folds a consent ledger into the standing of one channel and topic.

use std::collections::BTreeSet;

use crate::model::{Channel, ConsentAction, DecidingEntry, FoldedLedger, Topic, TopicScope};

/// The standing of one channel and topic in a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerStanding<'a> {
    /// An opt-in is in force: the entry that grants it.
    Granted(&'a DecidingEntry),
    /// The opt-in was withdrawn: the entry that withdraws it.
    Revoked(&'a DecidingEntry),
    /// The ledger has no entry for them.
    Silent,
}

/// The standing of `channel` and `topic` in `ledger`.
///
/// A grant for all topics, or for a topic above, counts. It is beaten by a revocation of something narrower that covers
/// the topic, whenever that was; and by a revocation of the same or of something broader that is not older. So "all but
/// offers" holds whichever was said first, and "stop everything" ends every earlier grant.
pub fn standing<'a>(ledger: &'a FoldedLedger, channel: Channel, topic: &Topic) -> LedgerStanding<'a> {
    let covering =
        || ledger.entries().iter().filter(|entry| entry.channel == channel && entry.scope.covers(topic));
    let revocations = || covering().filter(|entry| entry.action == ConsentAction::Revoke);
    // Some revocation beats a grant just when the deepest or the latest does.
    let deepest = revocations().map(|entry| entry.scope.depth()).max();
    let latest = revocations().map(|entry| entry.time).max();
    let grants = covering().filter(|entry| entry.action == ConsentAction::Grant);
    let in_force = grants.filter(|grant| {
        // At the same instant the revocation wins: silence is the safer mistake.
        deepest.is_none_or(|deepest| grant.scope.depth() >= deepest)
            && latest.is_none_or(|latest| grant.time > latest)
    });
    if let Some(grant) = in_force.max_by_key(|grant| (grant.scope.depth(), grant.age())) {
        return LedgerStanding::Granted(grant);
    }
    revocations().max_by_key(|entry| entry.age()).map_or(LedgerStanding::Silent, LedgerStanding::Revoked)
}

/// The channels and scopes that a ledger names, each with whether an opt-in is in force for it and the entry that
/// decides.
pub fn standings(ledger: &FoldedLedger) -> Vec<(Channel, &TopicScope, bool, &DecidingEntry)> {
    let named: BTreeSet<(Channel, &TopicScope)> =
        ledger.entries().iter().map(|entry| (entry.channel, &entry.scope)).collect();
    let state = |(channel, scope): (Channel, &'_ TopicScope)| match scope {
        TopicScope::Topic(topic) => standing(ledger, channel, topic),
        TopicScope::All => standing_of_all(ledger, channel),
    };
    named
        .into_iter()
        .filter_map(|(channel, scope)| match state((channel, scope)) {
            LedgerStanding::Granted(entry) => Some((channel, scope, true, entry)),
            LedgerStanding::Revoked(entry) => Some((channel, scope, false, entry)),
            LedgerStanding::Silent => None,
        })
        .collect()
}

fn standing_of_all(ledger: &FoldedLedger, channel: Channel) -> LedgerStanding<'_> {
    let all =
        ledger.entries().iter().filter(|entry| entry.channel == channel && entry.scope == TopicScope::All);
    match all.max_by_key(|entry| (entry.time, entry.action == ConsentAction::Revoke, entry.sequence)) {
        Some(entry) if entry.action == ConsentAction::Grant => LedgerStanding::Granted(entry),
        Some(entry) => LedgerStanding::Revoked(entry),
        None => LedgerStanding::Silent,
    }
}
