//! The claims in force, and the messages that are ready for dispatch in memory.
//!
//! # Why
//!
//! A message that is due at once could go from its accept to dispatch without being read from disk. But memory is bounded,
//! and a backlog lives on disk.
//!
//! # How it works
//!
//! Each brand has a queue of each class, so that none stands behind the backlog of another. As long as dispatch keeps up with
//! a queue and there is room, a message that is accepted into it is handed over in memory. Every other message is
//! found on disk, where all of them are anyway; `on_disk` is the earliest time at which a scan of the queue's due order may find
//! one. A bucket under which nothing is left to claim is remembered, so that scans pass over it. What is due is due by the
//! calendar; claims end by the monotonic clock.
//!
//! # How it recovers
//!
//! Nothing here outlasts the process, and nothing has to: the due order on disk is the truth, and a table that starts empty
//! begins with a scan of it.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::effects::{CommitEffects, NewMessage, NextDue};
use super::message_ref::MessageRef;
use crate::model::{BrandId, MessageClass, MessageId, Moment, MonotonicTime, Timestamp};
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

/// The messages of a brand and class that are due one after the other, as far as they are not claimed.
#[derive(Default)]
struct DueQueue {
    /// Those that are ready in memory, by due time.
    ready: BTreeMap<(Timestamp, MessageId), ReadyMessage>,
    /// The earliest time at which a message on disk may be due that is not ready.
    on_disk: Option<Timestamp>,
}

/// The queues of a class.
#[derive(Default)]
struct ClassQueues {
    brands: BTreeMap<BrandId, DueQueue>,
    /// The brand that had the last turn.
    last_turn: Option<BrandId>,
}

/// The claims in force, and the messages that are ready in memory.
pub struct ClaimTable {
    claims: HashMap<MessageId, Claim>,
    /// The buckets in which nothing is left to claim, until a claim on one of their messages ends.
    exhausted: HashSet<Vec<u8>>,
    /// The entries of the due order that lead to a damaged record, and when they are tried again.
    damaged: HashMap<Vec<u8>, MonotonicTime>,
    queues: [ClassQueues; 2],
    /// How many bytes of ready messages there is still room for.
    free_bytes: usize,
    /// Whether the queues tell which brands have messages on disk.
    is_disk_known: bool,
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
            queues: Default::default(),
            free_bytes: ready_bytes,
            is_disk_known: false,
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
        for (id, next) in effects.advanced {
            work |= self.advance(id, next);
        }
        for bucket in effects.emptied_buckets {
            self.exhausted.remove(&bucket);
        }
        work
    }

    /// Makes the next claim scan the disk, whatever was known of it.
    pub fn invalidate_disk(&mut self) {
        self.is_disk_known = false;
    }

    /// Whether the queues tell which brands have messages on disk.
    pub fn is_disk_known(&self) -> bool {
        self.is_disk_known
    }

    /// Notes which brands have messages of each class on disk, and when the first of each is due.
    pub fn set_disk(&mut self, brands: [(MessageClass, Vec<(BrandId, Timestamp)>); 2]) {
        for (class, brands) in brands {
            for queue in self.class(class).brands.values_mut() {
                queue.on_disk = None;
            }
            for (brand, at) in brands {
                self.note_due_on_disk(class, &brand, at);
            }
        }
        self.is_disk_known = true;
    }

    /// Makes a new message ready when it is due at once, no due message of its queue waits on disk, and there is room.
    fn hand_over(&mut self, accepted: NewMessage) {
        let NewMessage { stored, message, bucket, size_bytes } = accepted;
        let (id, at) = (message.id, message.send_at);
        let on_disk = self.queue(message.class, &message.brand).and_then(|queue| queue.on_disk);
        let is_next =
            at <= stored.message.accepted_at && self.is_disk_known && on_disk.is_none_or(|due| due > at);
        if self.claims.contains_key(&id) {
            // A scan of the disk was faster than the signal, and has claimed the message.
            return;
        }
        if !is_next || size_bytes > self.free_bytes {
            self.exhausted.remove(&bucket);
            return self.note_due_on_disk(message.class, &message.brand, at);
        }
        self.free_bytes -= size_bytes;
        self.exhausted.insert(bucket.clone());
        self.queue_mut(message.class, &message.brand)
            .ready
            .insert((at, id), ReadyMessage { stored, size_bytes });
        self.claims.insert(id, Claim { message, bucket: Some(bucket), until: None, next_at: Some(at) });
    }

    /// The history of a message grew. A message that was ready in memory is outdated there, and is read from disk when its
    /// time comes.
    fn advance(&mut self, id: MessageId, next: Option<NextDue>) -> bool {
        match self.claims.get_mut(&id) {
            Some(claim) => {
                claim.next_at = next.map(|next| next.at);
                claim.until.is_none() && self.release(id)
            }
            None => {
                let Some(NextDue { brand, class, at }) = next else { return false };
                self.note_due_on_disk(class, &brand, at);
                true
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
        self.note_due_on_disk(claim.message.class, &claim.message.brand, next_at);
        true
    }

    fn remove_ready(&mut self, message: &MessageRef) {
        let queue = self.queue_mut(message.class, &message.brand);
        let removed = queue.ready.remove(&(message.send_at, message.id));
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

    /// The brands of which messages of a class may be due at `now`, the one whose turn is next first.
    pub fn brands_in_turn(&self, class: MessageClass, now: Timestamp) -> Vec<BrandId> {
        let ClassQueues { brands, last_turn } = &self.queues[class_index(class)];
        let has_due = |queue: &DueQueue| {
            let ready = queue.ready.keys().next().map(|(at, _)| *at);
            [ready, queue.on_disk].into_iter().flatten().any(|at| at <= now)
        };
        let due = brands.iter().filter(|(_, queue)| has_due(queue)).map(|(brand, _)| brand);
        let (mut first, then): (Vec<BrandId>, Vec<BrandId>) =
            due.cloned().partition(|brand| last_turn.as_ref().is_none_or(|last| brand > last));
        first.extend(then);
        first
    }

    /// Notes that a brand had its turn.
    pub fn note_turn(&mut self, class: MessageClass, brand: &BrandId) {
        self.class(class).last_turn = Some(brand.clone());
    }

    /// Begins a scan of the disk for the messages of a queue, where one may be due at `now`: what it leaves there has to be noted by
    /// [`Self::note_due_on_disk`]. Returns whether to scan.
    pub fn begin_disk_scan(&mut self, class: MessageClass, brand: &BrandId, now: Timestamp) -> bool {
        let Some(queue) = self.class(class).brands.get_mut(brand) else { return false };
        queue.on_disk.take_if(|due| *due <= now).is_some()
    }

    /// Notes that a message of a queue is due at this time on disk that is neither claimed nor ready.
    pub fn note_due_on_disk(&mut self, class: MessageClass, brand: &BrandId, at: Timestamp) {
        let queue = self.queue_mut(class, brand);
        queue.on_disk = Some(queue.on_disk.map_or(at, |due| due.min(at)));
    }

    fn class(&mut self, class: MessageClass) -> &mut ClassQueues {
        &mut self.queues[class_index(class)]
    }

    fn queue(&self, class: MessageClass, brand: &BrandId) -> Option<&DueQueue> {
        self.queues[class_index(class)].brands.get(brand)
    }

    fn queue_mut(&mut self, class: MessageClass, brand: &BrandId) -> &mut DueQueue {
        self.class(class).brands.entry(brand.clone()).or_default()
    }

    /// How long it is until there may be a message to claim: until the earliest time for which one waits, or until a claim ends.
    pub fn wait(&self, now: Moment) -> Option<Duration> {
        let queues = self.queues.iter().flat_map(|class| class.brands.values());
        let first = |queue: &DueQueue| {
            let ready = self.unheld(queue).next().map(|(at, _)| at);
            ready.into_iter().chain(queue.on_disk).min()
        };
        let unknown = (!self.is_disk_known).then_some(Timestamp::MIN);
        let next_due = queues.filter_map(first).chain(unknown).min();
        let until_due = next_due.map(|at| at.duration_since(now.calendar).try_into().unwrap_or_default());
        let until_end = (self.first_end != MonotonicTime::MAX).then(|| self.first_end.since(now.monotonic));
        until_due.into_iter().chain(until_end).min()
    }

    /// The messages of a queue that are ready and due at `now`, the longest due first.
    pub fn ready(
        &self,
        class: MessageClass,
        brand: &BrandId,
        now: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, MessageId)> {
        let queue = self.queue(class, brand).into_iter();
        queue.flat_map(|queue| self.unheld(queue)).take_while(move |(at, _)| *at <= now)
    }

    /// The messages of a queue that are ready and not held.
    fn unheld(&self, queue: &DueQueue) -> impl Iterator<Item = (Timestamp, MessageId)> {
        queue.ready.keys().copied().filter(|(at, id)| !self.holds(*id, *at))
    }

    /// Claims a ready message until `until`.
    pub fn claim_ready(
        &mut self,
        class: MessageClass,
        brand: &BrandId,
        key: (Timestamp, MessageId),
        until: MonotonicTime,
    ) -> Option<StoredMessage> {
        let queue = self.class(class).brands.get_mut(brand)?;
        let ReadyMessage { stored, size_bytes } = queue.ready.remove(&key)?;
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
