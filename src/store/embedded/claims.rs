//! What is ready for dispatch: the claims in force, and the messages handed over in memory.
//!
//! A message that is due at once goes from its accept to dispatch without being read from disk, as long as dispatch keeps
//! up and there is room. Whatever is not handed over is found on disk, where all of it is anyway; the desk knows the
//! earliest time at which looking there may find something. Nothing here outlasts the process.

use std::collections::{BTreeMap, HashMap};

use super::message_events::MessageRef;
use crate::model::{Class, MessageId, Timestamp};
use crate::store::StoredMessage;

/// What a durable group of operations means to those who wait.
#[derive(Default)]
pub struct CommitEffects {
    /// Messages that are new.
    pub accepted: Vec<NewMessage>,
    /// Messages that moved on, and when each is due.
    pub advanced: Vec<(MessageId, Option<Timestamp>)>,
    /// Covers that are no longer in the due order, by their keys.
    pub emptied_buckets: Vec<Vec<u8>>,
    /// The newest event's cursor.
    pub cursor: Option<u64>,
}

/// How much news there was.
#[derive(Debug, Clone, Copy)]
pub struct Savepoint {
    arrivals: usize,
    steps: usize,
    uncovered: usize,
    cursor: Option<u64>,
}

impl CommitEffects {
    /// How much news there is now.
    pub fn savepoint(&self) -> Savepoint {
        Savepoint {
            arrivals: self.accepted.len(),
            steps: self.advanced.len(),
            uncovered: self.emptied_buckets.len(),
            cursor: self.cursor,
        }
    }

    /// Forgets what came since.
    pub fn rollback_to(&mut self, mark: Savepoint) {
        self.accepted.truncate(mark.arrivals);
        self.advanced.truncate(mark.steps);
        self.emptied_buckets.truncate(mark.uncovered);
        self.cursor = mark.cursor;
    }
}

/// A new message.
pub struct NewMessage {
    /// The message.
    pub stored: StoredMessage,
    /// Where it is.
    pub subject: MessageRef,
    /// The key of its cover in the due order.
    pub cover: Vec<u8>,
    /// About how much memory it takes, in bytes.
    pub size_bytes: usize,
}

/// A claim, or a message that waits in memory to be claimed.
struct Claim {
    subject: MessageRef,
    /// The key of the cover it was found under, if it was.
    cover: Option<Vec<u8>>,
    /// Until when it is claimed; `None` while it waits in memory.
    until: Option<Timestamp>,
    /// When it is due next, as far as is known.
    next_at: Option<Timestamp>,
}

/// A message that waits in memory.
struct ReadyMessage {
    stored: StoredMessage,
    size_bytes: usize,
}

/// What is ready for dispatch.
pub struct ClaimTable {
    claims: HashMap<MessageId, Claim>,
    /// Covers under which nothing is left to claim, and when the first claim on what is under them ends.
    exhausted: HashMap<Vec<u8>, Timestamp>,
    ready: [BTreeMap<(Timestamp, MessageId), ReadyMessage>; 2],
    free_bytes: usize,
    /// The earliest time at which something on disk may be due that is neither claimed nor handed over.
    disk_due: Option<Timestamp>,
    /// No claim ends before.
    first_end: Timestamp,
}

impl ClaimTable {
    /// A desk that takes at most `handover_bytes` of messages, and has not looked at the disk yet.
    pub fn new(handover_bytes: usize) -> Self {
        Self {
            claims: HashMap::new(),
            exhausted: HashMap::new(),
            ready: Default::default(),
            free_bytes: handover_bytes,
            disk_due: Some(Timestamp::MIN),
            first_end: Timestamp::MAX,
        }
    }

    /// Takes in the news. Returns whether there may be new work.
    pub fn apply(&mut self, news: CommitEffects) -> bool {
        let mut work = false;
        for arrival in news.accepted {
            work = true;
            self.hand_over(arrival);
        }
        for (id, next_at) in news.advanced {
            work |= self.advance(id, next_at);
        }
        for cover in news.emptied_buckets {
            self.exhausted.remove(&cover);
        }
        work
    }

    /// Forgets what is known of the disk.
    pub fn invalidate_disk(&mut self) {
        self.disk_due = Some(Timestamp::MIN);
    }

    /// Hands a new message over when it is due, nothing that is due waits on disk, and there is room.
    fn hand_over(&mut self, arrival: NewMessage) {
        let NewMessage { stored, subject, cover, size_bytes } = arrival;
        let (id, at) = (subject.id, subject.send_at);
        let is_next = at <= stored.message.accepted_at && self.disk_due.is_none_or(|due| due > at);
        if self.claims.contains_key(&id) {
            // Whoever looked at the disk was faster.
            return;
        }
        if !is_next || size_bytes > self.free_bytes {
            self.exhausted.remove(&cover);
            return self.due_on_disk(at);
        }
        self.free_bytes -= size_bytes;
        self.exhausted.entry(cover.clone()).or_insert(Timestamp::MAX);
        self.ready[class_index(subject.class)].insert((at, id), ReadyMessage { stored, size_bytes });
        self.claims.insert(id, Claim { subject, cover: Some(cover), until: None, next_at: Some(at) });
    }

    /// A message moved on. One that waited in memory is read from disk when its time comes, because it is no longer what
    /// it was.
    fn advance(&mut self, id: MessageId, next_at: Option<Timestamp>) -> bool {
        match self.claims.get_mut(&id) {
            Some(claim) => {
                claim.next_at = next_at;
                claim.until.is_none() && self.release(id)
            }
            None => {
                next_at.into_iter().for_each(|at| self.due_on_disk(at));
                next_at.is_some()
            }
        }
    }

    /// Ends a claim; the message is due again at its own time. Returns whether there is anything left to do with it.
    pub fn release(&mut self, id: MessageId) -> bool {
        let Some(claim) = self.claims.remove(&id) else { return false };
        if claim.until.is_none() {
            self.remove_ready(&claim.subject);
        }
        let Some(next_at) = claim.next_at else { return false };
        if let Some(cover) = &claim.cover {
            self.exhausted.remove(cover);
        }
        self.due_on_disk(next_at);
        true
    }

    fn remove_ready(&mut self, subject: &MessageRef) {
        let handed = self.ready[class_index(subject.class)].remove(&(subject.send_at, subject.id));
        self.free_bytes += handed.map_or(0, |own| own.size_bytes);
    }

    /// Forgets the claims that have ended at `now`.
    pub fn expire(&mut self, now: Timestamp) {
        if now < self.first_end {
            return;
        }
        let ended = |claim: &Claim| claim.until.is_some_and(|until| until <= now);
        let ids: Vec<_> = self.claims.iter().filter(|(_, claim)| ended(claim)).map(|(id, _)| *id).collect();
        for id in ids {
            self.release(id);
        }
        let ends = self.claims.values().filter_map(|claim| claim.until);
        self.first_end = ends.min().unwrap_or(Timestamp::MAX);
    }

    /// Whether looking at the disk may find something that is due at `now`.
    pub fn is_due_on_disk(&self, now: Timestamp) -> bool {
        self.disk_due.is_some_and(|due| due <= now)
    }

    /// The disk is looked at now: what is left there to claim is told by [`Self::due_on_disk`].
    pub fn begin_disk_scan(&mut self) {
        self.disk_due = None;
    }

    /// Something on disk is due at this time that is neither claimed nor handed over.
    pub fn due_on_disk(&mut self, at: Timestamp) {
        self.disk_due = Some(self.disk_due.map_or(at, |due| due.min(at)));
    }

    /// When there may be something to claim: the earliest that a message waits for, or that a claim ends.
    pub fn next_due(&self) -> Option<Timestamp> {
        let waiting = self.ready.iter().filter_map(|own| Some(own.first_key_value()?.0.0));
        waiting.chain(self.disk_due).min()
    }

    /// The messages of a class that wait in memory and are due at `now`, the longest due first.
    pub fn ready(&self, class: Class, now: Timestamp) -> impl Iterator<Item = (Timestamp, MessageId)> {
        self.ready[class_index(class)].keys().take_while(move |(at, _)| *at <= now).copied()
    }

    /// Claims a message that waits in memory.
    pub fn claim_ready(
        &mut self,
        class: Class,
        key: (Timestamp, MessageId),
        until: Timestamp,
    ) -> Option<StoredMessage> {
        let ReadyMessage { stored, size_bytes } = self.ready[class_index(class)].remove(&key)?;
        self.free_bytes += size_bytes;
        self.claims.get_mut(&key.1)?.until = Some(until);
        self.note_claim_end(until);
        Some(stored)
    }

    /// Claims a message that was found on disk, under a cover or by itself.
    pub fn claim_from_disk(
        &mut self,
        subject: MessageRef,
        cover: Option<Vec<u8>>,
        next_at: Timestamp,
        until: Timestamp,
    ) {
        let claim = Claim { cover, until: Some(until), next_at: Some(next_at), subject };
        self.claims.insert(claim.subject.id, claim);
        self.note_claim_end(until);
    }

    /// When the claim ends, what is on disk is due again.
    fn note_claim_end(&mut self, until: Timestamp) {
        self.first_end = self.first_end.min(until);
        self.due_on_disk(until);
    }

    /// Until when a message is claimed; the end of time for one that waits in memory.
    pub fn claimed_until(&self, id: MessageId) -> Option<Timestamp> {
        self.claims.get(&id).map(|claim| claim.until.unwrap_or(Timestamp::MAX))
    }

    /// Where a claimed message is.
    pub fn subject(&self, id: MessageId) -> Option<&MessageRef> {
        self.claims.get(&id).map(|claim| &claim.subject)
    }

    /// Notes that nothing is left to claim under a cover, and when the first claim on what is under it ends.
    pub fn exhaust(&mut self, cover: Vec<u8>, first_end: Timestamp) {
        self.exhausted.insert(cover, first_end);
    }

    /// Until when nothing can be claimed under a cover.
    pub fn exhausted_until(&self, cover: &[u8]) -> Option<Timestamp> {
        self.exhausted.get(cover).copied()
    }
}

fn class_index(class: Class) -> usize {
    match class {
        Class::Transactional => 0,
        Class::Commercial => 1,
    }
}
