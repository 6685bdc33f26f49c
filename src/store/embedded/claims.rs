//! The claims in force, and the messages that are ready for dispatch in memory.
//!
//! # Why
//!
//! A message that is due at once could go from its accept to dispatch without being read from disk. But memory is bounded,
//! and a backlog lives on disk.
//!
//! # How it works
//!
//! As long as dispatch keeps up and there is room, an accepted message is handed over in memory. Every other message is
//! found on disk, where all of them are anyway; `disk_due` is the earliest time at which a scan of the due order may find
//! one. A bucket under which nothing is left to claim is remembered, so that scans pass over it. What is due is due by the
//! calendar; claims end by the monotonic clock.
//!
//! # How it recovers
//!
//! Nothing here outlasts the process, and nothing has to: the due order on disk is the truth, and a table that starts empty
//! begins with a scan of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::effects::{CommitEffects, NewMessage};
use super::message_ref::MessageRef;
use crate::model::{MessageClass, MessageId, Moment, MonotonicTime, Timestamp};
use crate::store::{DueHold, StoredMessage};

/// A message that is claimed, or that waits in memory to be claimed.
struct Claim {
    message: MessageRef,
    /// The key of the bucket in which the message was found, if it was in one.
    bucket: Option<Vec<u8>>,
    /// When the claim ends; `None` while the message waits in memory.
    until: Option<MonotonicTime>,
    /// When the message is due next, as far as is known.
    next_at: Option<Timestamp>,
}

/// A message that waits in memory.
struct ReadyMessage {
    stored: StoredMessage,
    size_bytes: usize,
}

/// The claims in force, and the messages that are ready in memory.
pub struct ClaimTable {
    claims: HashMap<MessageId, Claim>,
    /// The buckets in which nothing is left to claim, until a claim on one of their messages ends.
    exhausted: HashSet<Vec<u8>>,
    /// The entries of the due order that lead to a damaged record, and when they are tried again.
    damaged: HashMap<Vec<u8>, MonotonicTime>,
    /// The ready messages of each class, by due time.
    ready: [BTreeMap<(Timestamp, MessageId), ReadyMessage>; 2],
    /// How many bytes of ready messages there is still room for.
    free_bytes: usize,
    /// The earliest time at which a message on disk may be due that is neither claimed nor ready.
    disk_due: Option<Timestamp>,
    /// No claim ends, and no damaged entry is tried again, before this time.
    first_end: MonotonicTime,
    /// What is left though it is due.
    hold: Option<DueHold>,
}

impl ClaimTable {
    /// An empty table with room for `ready_bytes` of ready messages. What is on disk is not known yet.
    pub fn new(ready_bytes: usize) -> Self {
        Self {
            claims: HashMap::new(),
            exhausted: HashSet::new(),
            damaged: HashMap::new(),
            ready: Default::default(),
            free_bytes: ready_bytes,
            disk_due: Some(Timestamp::MIN),
            first_end: MonotonicTime::MAX,
            hold: None,
        }
    }

    /// Sets what is left though it is due. Nobody is told when that comes free: scans pass over it, until another hold is set.
    pub fn set_hold(&mut self, hold: Option<DueHold>) {
        if self.hold != hold {
            self.hold = hold;
            self.invalidate_disk();
        }
    }

    /// The time before which all that is due is held.
    pub fn held_before(&self) -> Option<Timestamp> {
        self.hold.map(|hold| hold.due_before)
    }

    /// Whether a message is held that is due at this time.
    pub fn holds(&self, id: MessageId, due_at: Timestamp) -> bool {
        self.hold.is_some_and(|hold| hold.holds(id.accepted_at(), due_at))
    }

    /// Applies the effects of a committed group. Returns whether there may be new work.
    pub fn apply(&mut self, effects: CommitEffects) -> bool {
        let mut work = !effects.accepted.is_empty();
        for message in effects.accepted {
            self.hand_over(message);
        }
        for (id, next_at) in effects.advanced {
            work |= self.advance(id, next_at);
        }
        for bucket in effects.emptied_buckets {
            self.exhausted.remove(&bucket);
        }
        work
    }

    /// Makes the next claim scan the disk, whatever was known of it.
    pub fn invalidate_disk(&mut self) {
        self.disk_due = Some(Timestamp::MIN);
    }

    /// Makes a new message ready when it is due at once, no due message waits on disk, and there is room.
    fn hand_over(&mut self, accepted: NewMessage) {
        let NewMessage { stored, message, bucket, size_bytes } = accepted;
        let (id, at) = (message.id, message.send_at);
        let is_next = at <= stored.message.accepted_at && self.disk_due.is_none_or(|due| due > at);
        if self.claims.contains_key(&id) {
            // A scan of the disk was faster than the signal, and has claimed the message.
            return;
        }
        if !is_next || size_bytes > self.free_bytes {
            self.exhausted.remove(&bucket);
            return self.note_due_on_disk(at);
        }
        self.free_bytes -= size_bytes;
        self.exhausted.insert(bucket.clone());
        self.ready[class_index(message.class)].insert((at, id), ReadyMessage { stored, size_bytes });
        self.claims.insert(id, Claim { message, bucket: Some(bucket), until: None, next_at: Some(at) });
    }

    /// The history of a message grew. A message that was ready in memory is outdated there, and is read from disk when its
    /// time comes.
    fn advance(&mut self, id: MessageId, next_at: Option<Timestamp>) -> bool {
        match self.claims.get_mut(&id) {
            Some(claim) => {
                claim.next_at = next_at;
                claim.until.is_none() && self.release(id)
            }
            None => {
                next_at.into_iter().for_each(|at| self.note_due_on_disk(at));
                next_at.is_some()
            }
        }
    }

    /// Ends a claim: the message is due again at its own time. Returns whether there is anything left to do with it.
    pub fn release(&mut self, id: MessageId) -> bool {
        let Some(claim) = self.claims.remove(&id) else { return false };
        if claim.until.is_none() {
            self.remove_ready(&claim.message);
        }
        let Some(next_at) = claim.next_at else { return false };
        if let Some(bucket) = &claim.bucket {
            self.exhausted.remove(bucket);
        }
        self.note_due_on_disk(next_at);
        true
    }

    fn remove_ready(&mut self, message: &MessageRef) {
        let removed = self.ready[class_index(message.class)].remove(&(message.send_at, message.id));
        self.free_bytes += removed.map_or(0, |ready| ready.size_bytes);
    }

    /// Releases the claims that have ended at `now`, and lets damaged entries be tried again whose time has come.
    pub fn expire(&mut self, now: MonotonicTime) {
        if now < self.first_end {
            return;
        }
        let ended = |claim: &Claim| claim.until.is_some_and(|until| until <= now);
        let ids: Vec<_> = self.claims.iter().filter(|(_, claim)| ended(claim)).map(|(id, _)| *id).collect();
        for id in ids {
            self.release(id);
        }
        if self.damaged.extract_if(|_, until| *until <= now).count() > 0 {
            self.invalidate_disk();
        }
        let ends = self.claims.values().filter_map(|claim| claim.until);
        self.first_end = ends.chain(self.damaged.values().copied()).min().unwrap_or(MonotonicTime::MAX);
    }

    /// Whether a scan of the disk may find a message that is due at `now`.
    pub fn is_due_on_disk(&self, now: Timestamp) -> bool {
        self.disk_due.is_some_and(|due| due <= now)
    }

    /// Begins a scan of the disk: what it leaves there has to be noted by [`Self::note_due_on_disk`].
    pub fn begin_disk_scan(&mut self) {
        self.disk_due = None;
    }

    /// Notes that a message on disk is due at this time that is neither claimed nor ready.
    pub fn note_due_on_disk(&mut self, at: Timestamp) {
        self.disk_due = Some(self.disk_due.map_or(at, |due| due.min(at)));
    }

    /// How long it is until there may be a message to claim: until the earliest time for which one waits, or until a claim ends.
    pub fn wait(&self, now: Moment) -> Option<Duration> {
        let classes = [MessageClass::Transactional, MessageClass::Commercial];
        let ready = classes.into_iter().filter_map(|class| self.unheld(class).next());
        let next_due = ready.map(|(at, _)| at).chain(self.disk_due).min();
        let until_due = next_due.map(|at| at.duration_since(now.calendar).try_into().unwrap_or_default());
        let until_end = (self.first_end != MonotonicTime::MAX).then(|| self.first_end.since(now.monotonic));
        until_due.into_iter().chain(until_end).min()
    }

    /// The messages of a class that are ready and due at `now`, the longest due first.
    pub fn ready(&self, class: MessageClass, now: Timestamp) -> impl Iterator<Item = (Timestamp, MessageId)> {
        self.unheld(class).take_while(move |(at, _)| *at <= now)
    }

    /// The messages of a class that are ready and not held.
    fn unheld(&self, class: MessageClass) -> impl Iterator<Item = (Timestamp, MessageId)> {
        let ready = self.ready[class_index(class)].keys().copied();
        ready.filter(|(at, id)| !self.holds(*id, *at))
    }

    /// Claims a ready message until `until`.
    pub fn claim_ready(
        &mut self,
        class: MessageClass,
        key: (Timestamp, MessageId),
        until: MonotonicTime,
    ) -> Option<StoredMessage> {
        let ReadyMessage { stored, size_bytes } = self.ready[class_index(class)].remove(&key)?;
        self.free_bytes += size_bytes;
        self.claims.get_mut(&key.1)?.until = Some(until);
        self.first_end = self.first_end.min(until);
        Some(stored)
    }

    /// Claims a message that a scan of the disk found, in a bucket or by itself.
    pub fn claim_from_disk(
        &mut self,
        message: MessageRef,
        bucket: Option<Vec<u8>>,
        next_at: Timestamp,
        until: MonotonicTime,
    ) {
        let claim = Claim { bucket, until: Some(until), next_at: Some(next_at), message };
        self.claims.insert(claim.message.id, claim);
        self.first_end = self.first_end.min(until);
    }

    /// Whether a message is claimed, or ready in memory.
    pub fn has(&self, id: MessageId) -> bool {
        self.claims.contains_key(&id)
    }

    /// How the store knows a claimed message.
    pub fn message(&self, id: MessageId) -> Option<&MessageRef> {
        self.claims.get(&id).map(|claim| &claim.message)
    }

    /// Notes that nothing is left to claim in a bucket but what is claimed or ready.
    pub fn note_exhausted(&mut self, bucket: Vec<u8>) {
        self.exhausted.insert(bucket);
    }

    /// Notes that an entry of the due order leads to a damaged record, and is left alone until `until`.
    pub fn note_damaged(&mut self, entry: Vec<u8>, until: MonotonicTime) {
        self.damaged.insert(entry, until);
        self.first_end = self.first_end.min(until);
    }

    /// Whether nothing can be claimed now by an entry of the due order.
    pub fn is_passed_over(&self, entry: &[u8]) -> bool {
        self.exhausted.contains(entry) || self.damaged.contains_key(entry)
    }
}

fn class_index(class: MessageClass) -> usize {
    match class {
        MessageClass::Transactional => 0,
        MessageClass::Commercial => 1,
    }
}
