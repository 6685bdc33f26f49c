//! The states of the messages of a pack, and the buckets of the due order that hold them.
//!
//! As long as nothing is known of a message but that it was accepted, it has no state of its own, and is in a bucket: an
//! entry of the due order that it shares with those of its pack that are due at the same time. It stays there until it is
//! finished, so that a message that is sent at once never has an entry of its own.
//!
//! A pack whose messages all wait for the first time has no record of states: its messages name their buckets. Of ten
//! million messages that wait, the record would take a sixth of the memory.

use std::time::Duration;

use super::keys::{self, DueEntry, DueTarget};
use super::lookup::{Lookup, damaged, load};
use super::packs::{self, LocatedMessage};
use super::txn::Txn;
use crate::model::{BrandId, MessageClass, MessageId, MessageState, Timestamp};
use crate::store::StoreError;
use crate::wire::store::v1::{DueBucket, HeadRecord, MessageStateRecord, StatesRecord};
use crate::wire::{self, FieldPath, Violations, v1};

/// A bucket holds messages that are due less than this later than it is.
pub const BUCKET_SPAN: Duration = Duration::from_millis(BUCKET_SPAN_MS as u64);
const BUCKET_SPAN_MS: u32 = 10_000;

/// The states of a pack.
#[derive(Debug, Clone, PartialEq)]
pub struct PackStates {
    brand: BrandId,
    pack: MessageId,
    record: StatesRecord,
    /// Whether the store has a record of them.
    has_record: bool,
}

impl PackStates {
    /// Reads the states of a pack.
    pub fn load(from: &(impl Lookup + ?Sized), brand: &BrandId, pack: MessageId) -> Result<Self, StoreError> {
        let kept: Option<StatesRecord> = load(from, &keys::states(brand, pack))?;
        let has_record = kept.is_some();
        Ok(Self { brand: brand.clone(), pack, record: kept.unwrap_or_default(), has_record })
    }

    /// The states of the pack that the next message of a brand goes to. Buckets in the head say that the pack has no record of
    /// states, which saves looking for one with every message.
    pub fn of_newest(
        from: &(impl Lookup + ?Sized),
        brand: &BrandId,
        pack: MessageId,
        head: &HeadRecord,
    ) -> Result<Self, StoreError> {
        if head.due_buckets.is_empty() {
            return Self::load(from, brand, pack);
        }
        Ok(Self { brand: brand.clone(), pack, record: StatesRecord::default(), has_record: false })
    }

    /// Begins a record where there is none, before anything is changed: with the buckets that the messages name.
    pub fn ensure_record(&mut self, txn: &mut Txn<'_>) -> Result<(), StoreError> {
        if self.has_record {
            return Ok(());
        }
        for packed in packs::read(txn, &self.brand, self.pack)? {
            join_or_add_bucket(&mut self.record.due_buckets, packed.message_class, packed.bucket_time_ms, 1);
        }
        self.has_record = true;
        packs::clear_head_buckets(txn, &self.brand, self.pack)
    }

    /// Writes the record.
    pub fn save(&self, txn: &mut Txn<'_>) {
        txn.save(keys::states(&self.brand, self.pack), &self.record);
    }

    /// The state of a message; `None` while nothing is known but that it was accepted.
    pub fn state_record(&self, number: u32) -> Option<&MessageStateRecord> {
        self.record.states.iter().find(|state| state.number == number)
    }

    /// The state of a message, for people.
    pub fn state(&self, from: &(impl Lookup + ?Sized), number: u32) -> Result<MessageState, StoreError> {
        let Some(record) = self.state_record(number) else { return Ok(MessageState::Accepted) };
        let mut violations = Violations::default();
        let state = wire::read_state(record.state, &FieldPath::new("state"), &mut violations);
        violations
            .finish(state)
            .map_err(|error| damaged(from, format!("a state in pack {}: {error}", self.pack)))
    }

    /// Sets the state of a message.
    pub fn set(&mut self, state: MessageStateRecord) {
        match self.record.states.iter_mut().find(|known| known.number == state.number) {
            Some(known) => *known = state,
            None => self.record.states.push(state),
        }
    }

    /// Removes the state of a message.
    pub fn remove(&mut self, number: u32) {
        self.record.states.retain(|state| state.number != number);
    }

    /// How many events the history of a message has.
    pub fn version(&self, number: u32) -> usize {
        self.state_record(number).map_or(1, |state| state.events as usize)
    }

    /// Whether a message is in a bucket.
    pub fn is_in_bucket(&self, number: u32) -> bool {
        self.state_record(number).is_none_or(|state| state.in_bucket)
    }

    /// The numbers of the messages that ended before `before`.
    pub fn ended_before(&self, before: Timestamp) -> impl Iterator<Item = u32> {
        let before = before.as_millisecond();
        let ended = move |state: &&MessageStateRecord| {
            !state.in_bucket && state.next_time_ms.is_none() && state.update_time_ms < before
        };
        self.record.states.iter().filter(ended).map(|state| state.number)
    }

    /// Notes that the history of a message is no longer in the journal. Returns whether any of it was.
    pub fn remove_from_journal(&mut self, number: u32) -> bool {
        let state = self.record.states.iter_mut().find(|state| state.number == number);
        state.is_some_and(|state| std::mem::take(&mut state.last_cursor) != 0)
    }

    /// Puts a message that is due at `send_at` into a bucket, and returns the bucket's time and key. A message that is due at
    /// once may join those that were due a little before; any other only those that are due at the same time. While the newest
    /// pack has no record of states, its buckets are in `head`.
    pub fn add_to_bucket(
        &mut self,
        txn: &mut Txn<'_>,
        head: &mut HeadRecord,
        class: MessageClass,
        send_at: Timestamp,
        at_once: bool,
    ) -> (Timestamp, Vec<u8>) {
        let span = if at_once { i64::from(BUCKET_SPAN_MS) } else { 1 };
        let class_code = i32::from(v1::MessageClass::from(class));
        let buckets = if self.has_record { &mut self.record.due_buckets } else { &mut head.due_buckets };
        let (joined_ms, is_new) = join_or_add_bucket(buckets, class_code, send_at.as_millisecond(), span);
        let at = Timestamp::from_millisecond(joined_ms).unwrap_or(send_at);
        let key = self.due(at).key(class);
        if is_new {
            txn.put(key.clone(), Vec::new());
        }
        if self.has_record {
            self.save(txn);
        }
        (at, key)
    }

    /// Takes a message out of its bucket. An empty bucket is taken out of the due order.
    pub fn remove_from_bucket(&mut self, txn: &mut Txn<'_>, class: MessageClass, bucket_at: Timestamp) {
        let class_code = i32::from(v1::MessageClass::from(class));
        let due_time_ms = bucket_at.as_millisecond();
        let is_it =
            |bucket: &DueBucket| bucket.message_class == class_code && bucket.due_time_ms == due_time_ms;
        if let Some(bucket) = self.record.due_buckets.iter_mut().find(|bucket| is_it(bucket)) {
            bucket.messages = bucket.messages.saturating_sub(1);
            if bucket.messages > 0 {
                return;
            }
        }
        self.record.due_buckets.retain(|bucket| !is_it(bucket));
        let key = self.due(bucket_at).key(class);
        txn.note_emptied_bucket(key.clone());
        txn.delete(key);
    }

    fn due(&self, at: Timestamp) -> DueEntry {
        DueEntry { at, brand: self.brand.clone(), target: DueTarget::Bucket(self.pack) }
    }

    /// When dispatch looks at a message again.
    pub fn next_at(
        &self,
        from: &(impl Lookup + ?Sized),
        located: &LocatedMessage,
    ) -> Result<Option<Timestamp>, StoreError> {
        match self.state_record(located.location.number) {
            Some(state) if !state.in_bucket => {
                Ok(state.next_time_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()))
            }
            _ => located.packed.send_at(from).map(Some),
        }
    }
}

/// Adds a message to the bucket of its class that is due no more than `span_ms` before it, or to a new one. Returns the
/// bucket's due time, and whether the bucket is new.
fn join_or_add_bucket(
    buckets: &mut Vec<DueBucket>,
    message_class: i32,
    due_time_ms: i64,
    span_ms: i64,
) -> (i64, bool) {
    let fits = |bucket: &&mut DueBucket| {
        bucket.message_class == message_class
            && (0..span_ms).contains(&due_time_ms.saturating_sub(bucket.due_time_ms))
    };
    if let Some(bucket) = buckets.iter_mut().find(fits) {
        bucket.messages += 1;
        return (bucket.due_time_ms, false);
    }
    buckets.push(DueBucket { message_class, due_time_ms, messages: 1 });
    (due_time_ms, true)
}
