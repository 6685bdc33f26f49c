//! Folds a consent ledger into what it says of one channel and topic.

use std::collections::BTreeSet;

use crate::model::{Action, Channel, Entry, Topic, TopicScope};

/// What a ledger says of one channel and topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'a> {
    /// An opt-in is in force: the entry that grants it.
    Granted(&'a Entry),
    /// It was withdrawn: the entry that withdraws it.
    Revoked(&'a Entry),
    /// Nothing was ever recorded.
    Silent,
}

/// What `ledger` says of `channel` and `topic`.
///
/// A grant for all topics, or for a topic above, counts. It is beaten by a revocation of something narrower that covers
/// the topic, whenever that was; and by a revocation of the same or of something broader that is not older. So "all but
/// offers" holds whichever was said first, and "stop everything" ends every earlier grant.
pub fn standing<'a>(ledger: &'a [Entry], channel: Channel, topic: &Topic) -> Standing<'a> {
    let covering = || ledger.iter().filter(|entry| entry.channel == channel && entry.scope.covers(topic));
    let revocations = || covering().filter(|entry| entry.action == Action::Revoke);
    // Some revocation beats a grant just when the deepest or the latest does; a ledger may be long.
    let deepest = revocations().map(|entry| entry.scope.depth()).max();
    let latest = revocations().map(|entry| entry.evidence.time).max();
    let grants = covering().filter(|entry| entry.action == Action::Grant);
    let in_force = grants.filter(|grant| {
        // At the same instant the revocation wins: silence is the safer mistake.
        deepest.is_none_or(|deepest| grant.scope.depth() >= deepest)
            && latest.is_none_or(|latest| grant.evidence.time > latest)
    });
    if let Some(grant) = in_force.max_by_key(|grant| (grant.scope.depth(), age(grant))) {
        return Standing::Granted(grant);
    }
    revocations().max_by_key(|entry| age(entry)).map_or(Standing::Silent, Standing::Revoked)
}

/// The channels and scopes that a ledger names, each with whether an opt-in is in force for it and the entry that
/// decides.
pub fn states(ledger: &[Entry]) -> Vec<(Channel, &TopicScope, bool, &Entry)> {
    let named: BTreeSet<(Channel, &TopicScope)> =
        ledger.iter().map(|entry| (entry.channel, &entry.scope)).collect();
    let state = |(channel, scope): (Channel, &'_ TopicScope)| match scope {
        TopicScope::Topic(topic) => standing(ledger, channel, topic),
        TopicScope::All => standing_of_all(ledger, channel),
    };
    named
        .into_iter()
        .filter_map(|(channel, scope)| match state((channel, scope)) {
            Standing::Granted(entry) => Some((channel, scope, true, entry)),
            Standing::Revoked(entry) => Some((channel, scope, false, entry)),
            Standing::Silent => None,
        })
        .collect()
}

fn standing_of_all(ledger: &[Entry], channel: Channel) -> Standing<'_> {
    let all = ledger.iter().filter(|entry| entry.channel == channel && entry.scope == TopicScope::All);
    match all.max_by_key(|entry| (age(entry), entry.action == Action::Revoke)) {
        Some(entry) if entry.action == Action::Grant => Standing::Granted(entry),
        Some(entry) => Standing::Revoked(entry),
        None => Standing::Silent,
    }
}

fn age(entry: &Entry) -> (jiff::Timestamp, u64) {
    (entry.evidence.time, entry.sequence)
}
