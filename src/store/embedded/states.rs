//! Where the messages of a pack stand, and what of the due order follows from it.
//!
//! As long as nothing is known of a message but that it was accepted, it has no state of its own, and shares an entry of
//! the due order, a cover, with those of its pack that are due at the same time. It stays under its cover until it is
//! finished, so that a message that is sent at once never has an entry of its own.
//!
//! A pack whose messages all wait for the first time has no record of states: its messages tell their covers. Of ten million
//! that wait it would take a sixth of the memory.

use super::engine::{Lookup, damaged, load};
use super::keys::{self, DueEntry, DueTarget};
use super::packs::{self, LocatedMessage};
use super::txn::Txn;
use crate::model::{BrandId, Class, MessageId, MessageState, Timestamp};
use crate::store::StoreError;
use crate::wire::store::v1::{Cover, HeadRecord, MessageStateRecord, StatesRecord};
use crate::wire::{self, FieldPath, Violations, v1};

/// A cover stands for messages that are due no more than this later, in milliseconds.
const BUCKET_SPAN_MS: i64 = 10_000;

/// The states of a pack.
#[derive(Debug, Clone, PartialEq)]
pub struct States {
    brand: BrandId,
    pack: MessageId,
    record: StatesRecord,
    /// Whether there is a record.
    is_kept: bool,
}

impl States {
    /// Reads the states of a pack.
    pub fn load(from: &(impl Lookup + ?Sized), brand: &BrandId, pack: MessageId) -> Result<Self, StoreError> {
        let kept: Option<StatesRecord> = load(from, &keys::states(brand, pack))?;
        let is_kept = kept.is_some();
        Ok(Self { brand: brand.clone(), pack, record: kept.unwrap_or_default(), is_kept })
    }

    /// The states of the pack that the next message of a brand goes to. Covers in the head say that they have no record,
    /// which saves a look for it with every message.
    pub fn of_newest(
        from: &(impl Lookup + ?Sized),
        brand: &BrandId,
        pack: MessageId,
        head: &HeadRecord,
    ) -> Result<Self, StoreError> {
        if head.covers.is_empty() {
            return Self::load(from, brand, pack);
        }
        Ok(Self { brand: brand.clone(), pack, record: StatesRecord::default(), is_kept: false })
    }

    /// Begins a record where there is none, before anything is changed: with the covers that the messages tell.
    pub fn ensure_record(&mut self, txn: &mut Txn<'_>) -> Result<(), StoreError> {
        if self.is_kept {
            return Ok(());
        }
        for packed in packs::read(txn, &self.brand, self.pack)? {
            join_or_add_bucket(&mut self.record.covers, packed.message_class, packed.cover_time_ms, 1);
        }
        self.is_kept = true;
        packs::clear_head_buckets(txn, &self.brand, self.pack)
    }

    /// Writes them.
    pub fn save(&self, txn: &mut Txn<'_>) {
        txn.save(keys::states(&self.brand, self.pack), &self.record);
    }

    /// The state of a message; `None` while nothing is known but that it was accepted.
    pub fn state_record(&self, number: u32) -> Option<&MessageStateRecord> {
        self.record.states.iter().find(|own| own.number == number)
    }

    /// How a message stands.
    pub fn state(&self, from: &(impl Lookup + ?Sized), number: u32) -> Result<MessageState, StoreError> {
        let Some(own) = self.state_record(number) else { return Ok(MessageState::Accepted) };
        let mut violations = Violations::default();
        let state = wire::read_state(own.state, &FieldPath::new("state"), &mut violations);
        violations
            .finish(state)
            .map_err(|error| damaged(from, format!("a state in pack {}: {error}", self.pack)))
    }

    /// Sets the state of a message.
    pub fn set(&mut self, state: MessageStateRecord) {
        match self.record.states.iter_mut().find(|own| own.number == state.number) {
            Some(own) => *own = state,
            None => self.record.states.push(state),
        }
    }

    /// Forgets the state of a message.
    pub fn forget(&mut self, number: u32) {
        self.record.states.retain(|own| own.number != number);
    }

    /// How many events the history of a message has.
    pub fn version(&self, number: u32) -> usize {
        self.state_record(number).map_or(1, |own| own.events as usize)
    }

    /// Whether a cover stands for a message.
    pub fn is_in_bucket(&self, number: u32) -> bool {
        self.state_record(number).is_none_or(|own| own.covered)
    }

    /// The messages that were over before `before`.
    pub fn ended_before(&self, before: Timestamp) -> impl Iterator<Item = u32> {
        let before = before.as_millisecond();
        let over = move |own: &&MessageStateRecord| {
            !own.covered && own.next_time_ms.is_none() && own.update_time_ms < before
        };
        self.record.states.iter().filter(over).map(|own| own.number)
    }

    /// Notes that the history of a message is no longer in the journal. Returns whether any of it was.
    pub fn leave_journal(&mut self, number: u32) -> bool {
        let own = self.record.states.iter_mut().find(|own| own.number == number);
        own.is_some_and(|own| std::mem::take(&mut own.last_cursor) != 0)
    }

    /// Puts a message that is due at `send_at` under a cover, and returns the cover's time and key. One that is due at once
    /// may join those that were due a little before; any other only those that are due at the same time. While there is no
    /// record, the covers of the newest pack are in `head`.
    pub fn join_bucket(
        &mut self,
        txn: &mut Txn<'_>,
        head: &mut HeadRecord,
        class: Class,
        send_at: Timestamp,
        at_once: bool,
    ) -> (Timestamp, Vec<u8>) {
        let span = if at_once { BUCKET_SPAN_MS } else { 1 };
        let class_code = i32::from(v1::MessageClass::from(class));
        let covers = if self.is_kept { &mut self.record.covers } else { &mut head.covers };
        let (joined_ms, is_new) = join_or_add_bucket(covers, class_code, send_at.as_millisecond(), span);
        let at = Timestamp::from_millisecond(joined_ms).unwrap_or(send_at);
        let key = self.due(at).key(class);
        if is_new {
            txn.put(key.clone(), Vec::new());
        }
        if self.is_kept {
            self.save(txn);
        }
        (at, key)
    }

    /// Takes a message from under its cover. A cover of nothing is taken out of the due order.
    pub fn leave_bucket(&mut self, txn: &mut Txn<'_>, class: Class, cover_at: Timestamp) {
        let class_code = i32::from(v1::MessageClass::from(class));
        let is_cover =
            |own: &Cover| own.message_class == class_code && own.due_time_ms == cover_at.as_millisecond();
        if let Some(cover) = self.record.covers.iter_mut().find(|own| is_cover(own)) {
            cover.messages = cover.messages.saturating_sub(1);
            if cover.messages > 0 {
                return;
            }
        }
        self.record.covers.retain(|own| !is_cover(own));
        let key = self.due(cover_at).key(class);
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
        found: &LocatedMessage,
    ) -> Result<Option<Timestamp>, StoreError> {
        match self.state_record(found.location.number) {
            Some(own) if !own.covered => {
                Ok(own.next_time_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()))
            }
            _ => found.packed.send_at(from).map(Some),
        }
    }
}

/// Counts a message to the cover of its class that is due no more than `span_ms` before it, or to a new one. Returns when
/// that is due, and whether it is new.
fn join_or_add_bucket(
    covers: &mut Vec<Cover>,
    message_class: i32,
    due_time_ms: i64,
    span_ms: i64,
) -> (i64, bool) {
    let fits = |own: &&mut Cover| {
        own.message_class == message_class
            && (0..span_ms).contains(&due_time_ms.saturating_sub(own.due_time_ms))
    };
    if let Some(cover) = covers.iter_mut().find(fits) {
        cover.messages += 1;
        return (cover.due_time_ms, false);
    }
    covers.push(Cover { message_class, due_time_ms, messages: 1 });
    (due_time_ms, true)
}
