//! The fold of a consent ledger: what of it can decide, whatever its length.

use std::time::Duration;

use super::{Channel, ConsentAction, ConsentEntry, Timestamp, TopicScope, later};

/// What decides of a ledger entry. The rest of its evidence is in the ledger alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidingEntry {
    /// The entry's place in the ledger, from 1.
    pub sequence: u64,
    /// Grant or revoke.
    pub action: ConsentAction,
    /// The channel.
    pub channel: Channel,
    /// The topics.
    pub scope: TopicScope,
    /// Where it happened.
    pub source: String,
    /// By which means.
    pub method: String,
    /// When it happened, as far as that can be believed: see [`FoldedLedger::add`].
    pub time: Timestamp,
}

/// A consent ledger, folded: of each channel and scope the newest grant and the newest revocation, by the time of their evidence.
/// Whatever an older one of the same channel, scope and action decides, the newest decides too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoldedLedger {
    entries: Vec<DecidingEntry>,
    last_sequence: u64,
}

impl FoldedLedger {
    /// A fold as it was stored: its entries, in any order, and the sequence of the newest entry of the ledger.
    pub fn new(entries: impl IntoIterator<Item = DecidingEntry>, last_sequence: u64) -> Self {
        let mut folded = Self { entries: Vec::new(), last_sequence };
        entries.into_iter().for_each(|entry| folded.keep(entry));
        folded
    }

    /// Adds the next entry of the ledger.
    ///
    /// Nothing happened after it was recorded, whatever it claims. And nothing that was recorded before this entry happened after
    /// this one was recorded: where the times say so, the clock was set back in between, and what cannot be ordered any more happened at
    /// the same time. There a revocation wins.
    pub fn add(&mut self, entry: &ConsentEntry) {
        self.last_sequence = self.last_sequence.max(entry.sequence);
        self.entries.iter_mut().for_each(|known| known.time = known.time.min(entry.recorded_at));
        self.keep(entry.into());
    }

    /// The entries that can decide, by channel and scope.
    pub fn entries(&self) -> &[DecidingEntry] {
        &self.entries
    }

    /// The sequence of the newest entry of the ledger; 0 when it is empty.
    pub fn last_sequence(&self) -> u64 {
        self.last_sequence
    }

    /// Whether everything on a channel was withdrawn, and nothing granted since: to say it again would say nothing.
    pub fn is_withdrawn(&self, channel: Channel) -> bool {
        let of_channel = || self.entries.iter().filter(|entry| entry.channel == channel);
        let withdrawn = of_channel()
            .find(|entry| entry.action == ConsentAction::Revoke && entry.scope == TopicScope::All);
        withdrawn.is_some_and(|withdrawn| {
            of_channel().all(|entry| entry.action == ConsentAction::Revoke || entry.time <= withdrawn.time)
        })
    }

    /// Keeps an entry, unless a newer one of the same channel, scope and action is kept.
    fn keep(&mut self, entry: DecidingEntry) {
        match self.entries.binary_search_by(|known| known.kind().cmp(&entry.kind())) {
            Ok(at) if self.entries[at].age() < entry.age() => self.entries[at] = entry,
            Ok(_) => {}
            Err(at) => self.entries.insert(at, entry),
        }
    }
}

impl<'a> FromIterator<&'a ConsentEntry> for FoldedLedger {
    fn from_iter<T: IntoIterator<Item = &'a ConsentEntry>>(ledger: T) -> Self {
        let mut folded = Self::default();
        ledger.into_iter().for_each(|entry| folded.add(entry));
        folded
    }
}

impl DecidingEntry {
    /// By what newer is meant: of two things that happened at the same time, the one that was recorded later.
    pub fn age(&self) -> (Timestamp, u64) {
        (self.time, self.sequence)
    }

    fn kind(&self) -> (Channel, &TopicScope, ConsentAction) {
        (self.channel, &self.scope, self.action)
    }
}

/// When an entry happened. Most providers write whole seconds: a revocation within one may have been at its end, and so after a
/// grant that was recorded to the millisecond.
fn latest_time(entry: &ConsentEntry) -> Timestamp {
    let time = entry.evidence.time;
    let is_of_second = time.subsec_nanosecond() == 0;
    match entry.action {
        ConsentAction::Revoke if is_of_second => later(time, Duration::from_millis(999)),
        ConsentAction::Revoke | ConsentAction::Grant => time,
    }
}

impl From<&ConsentEntry> for DecidingEntry {
    fn from(entry: &ConsentEntry) -> Self {
        Self {
            sequence: entry.sequence,
            action: entry.action,
            channel: entry.channel,
            scope: entry.scope.clone(),
            source: entry.evidence.source.clone(),
            method: entry.evidence.method.clone(),
            time: latest_time(entry).min(entry.recorded_at),
        }
    }
}
