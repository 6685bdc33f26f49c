//! Messages, as callers see them.

use std::sync::Arc;

use async_trait::async_trait;
use prost::Message as _;
use tokio::sync::watch;

use super::bodies::{self, BodyHash, RecentBodies};
use super::effects::NewMessage;
use super::engine::{Engine, WriteClass};
use super::keys::Sequence;
use super::listing::list;
use super::lookup::{Lookup, damaged, read_number};
use super::message_events::{PendingEvents, append_events, load_stored, read_stored};
use super::message_ref::MessageRef;
use super::records::IdempotencyRecord;
use super::states::PackStates;
use super::txn::Txn;
use super::{EmbeddedStore, contact_index, journal, keys, packs};
use crate::model::{BrandId, History, Message, MessageId, MessageState, Timestamp};
use crate::store::{
    AcceptResult, CursorKey, JournalBatch, JournalCursor, MessageFilter, MessageStore, Page, PageRequest,
    StoreError, StoredMessage,
};
use crate::wire::store::v1::{JournalEntry, PackedMessage};

#[async_trait]
impl<E: Engine> MessageStore for EmbeddedStore<E> {
    async fn accept(&self, message: Message, request_hash: [u8; 32]) -> Result<AcceptResult, StoreError> {
        let (draft, recent) = (MessageDraft::new(message, request_hash), Arc::clone(&self.recent_bodies));
        self.engine.write(WriteClass::NewWork, move |txn| accept(txn, &recent, draft)).await
    }

    async fn find_by_idempotency_key(
        &self,
        brand: &BrandId,
        idempotency_key: &str,
    ) -> Result<Option<(StoredMessage, [u8; 32])>, StoreError> {
        let key = keys::idempotency(brand, idempotency_key);
        if self.engine.read(|view| view.get(&key))?.is_none() {
            return Ok(None);
        }
        // What can be read may still be lost. An operation answers after those before it are durable.
        let brand = brand.clone();
        let find = move |txn: &mut Txn<'_>| {
            let Some(record) = txn.load::<IdempotencyRecord>(&key)? else { return Ok(None) };
            let first = first_message(txn, &brand, &record)?;
            Ok(Some((first, record.request_hash)))
        };
        self.engine.write(WriteClass::Committed, find).await
    }

    async fn message(&self, brand: &BrandId, id: MessageId) -> Result<Option<StoredMessage>, StoreError> {
        self.engine.read(|view| load_stored(view, brand, id))
    }

    async fn messages(
        &self,
        brand: &BrandId,
        filter: &MessageFilter,
        page: PageRequest,
    ) -> Result<Page<StoredMessage>, StoreError> {
        self.engine.read(|view| list(view, brand, filter, &page))
    }

    async fn cancel(
        &self,
        brand: &BrandId,
        id: MessageId,
        actor: &str,
        now: Timestamp,
    ) -> Result<Option<Result<StoredMessage, MessageState>>, StoreError> {
        let (brand, actor) = (brand.clone(), actor.to_owned());
        self.engine.write(WriteClass::Committed, move |txn| cancel(txn, &brand, id, &actor, now)).await
    }

    async fn events(
        &self,
        brand: &BrandId,
        after: &JournalCursor,
        limit: usize,
    ) -> Result<JournalBatch, StoreError> {
        let newest = self.engine.signals().last_cursor();
        let after = after.numbers().first().copied().unwrap_or_default();
        self.engine.read(|view| journal::read(view, brand, after, newest, limit))
    }

    async fn last_cursor(&self) -> Result<JournalCursor, StoreError> {
        Ok(self.engine.signals().last_cursor().into())
    }

    async fn cursor_key(&self, candidate: [u8; 32]) -> Result<CursorKey, StoreError> {
        self.engine.write(WriteClass::Committed, move |txn| cursor_key(txn, candidate)).await
    }

    fn event_signal(&self, brand: &BrandId) -> watch::Receiver<()> {
        self.engine.signals().events(brand)
    }
}

/// A message with what can be made of it before it has its id and location.
struct MessageDraft {
    message: Message,
    packed: PackedMessage,
    body_hash: Option<BodyHash>,
    request_hash: [u8; 32],
}

impl MessageDraft {
    fn new(message: Message, request_hash: [u8; 32]) -> Self {
        let packed = PackedMessage::new(&message);
        let body_hash = bodies::body_hash(&packed.body);
        Self { message, packed, body_hash, request_hash }
    }
}

fn accept(txn: &mut Txn<'_>, recent: &RecentBodies, draft: MessageDraft) -> Result<AcceptResult, StoreError> {
    let message = &draft.message;
    let idempotency = message.idempotency_key.as_ref().map(|key| keys::idempotency(&message.brand, key));
    if let Some(key) = &idempotency
        && let Some(record) = txn.load::<IdempotencyRecord>(key)?
    {
        return repeated(txn, &message.brand, &record, draft.request_hash);
    }
    let id = next_id(txn, message.id)?;
    if let Some(key) = idempotency {
        txn.save(key, &IdempotencyRecord { message: id, request_hash: draft.request_hash });
    }
    insert(txn, recent, draft.message.with_id(id), draft.packed, draft.body_hash)?;
    Ok(AcceptResult::New(id))
}

/// The id that a message gets: the wanted one, or the next one when the wanted would not be the newest.
fn next_id(txn: &mut Txn<'_>, wanted: MessageId) -> Result<MessageId, StoreError> {
    let key = keys::last_id();
    let last = txn.get(&key)?.and_then(|bytes| keys::id(&bytes));
    let id = last.map_or(wanted, |last| wanted.max(last.next()));
    txn.put(key, id.as_bytes().to_vec());
    Ok(id)
}

/// Puts a message into a pack, a bucket of the due order, the journal and the index of contacts.
fn insert(
    txn: &mut Txn<'_>,
    recent: &RecentBodies,
    message: Message,
    mut packed: PackedMessage,
    body_hash: Option<BodyHash>,
) -> Result<(), StoreError> {
    let (brand, id) = (message.brand.clone(), message.id);
    let size_bytes = packed.encoded_len();
    if let Some(hash) = body_hash
        && bodies::share_body(txn, recent, &brand, hash, &packed.body)?
    {
        packed.body.clear();
        packed.body_hash = hash.to_vec();
    }
    let head_key = keys::head(&brand);
    let mut head = txn.load(&head_key)?.unwrap_or_default();
    let location = packs::next_location(txn, &brand, &mut head, id, packed.encoded_len())?;
    let mut states = PackStates::of_newest(txn, &brand, location.pack, &head)?;
    let at_once = message.send_at <= message.accepted_at;
    let (bucket_at, bucket) = states.add_to_bucket(txn, &mut head, message.class, message.send_at, at_once);
    packed.number = location.number;
    packed.message_id = id.as_bytes().to_vec();
    packed.bucket_time_ms = bucket_at.as_millisecond();
    packs::write(txn, &brand, location.pack, packed)?;
    let entry = JournalEntry { message_id: id.as_bytes().to_vec(), ..JournalEntry::default() };
    journal::append(txn, &brand, &mut head, entry)?;
    contact_index::append(txn, &brand, &mut head, id, message.contact.as_str())?;
    txn.save(head_key, &head);
    let (class, send_at) = (message.class, message.send_at);
    let history = History::accepted(message.accepted_at);
    let stored = StoredMessage { next_at: Some(send_at), message, history };
    let message = MessageRef { brand, id, class, send_at, bucket_at, location };
    txn.note_new_message(NewMessage { stored, message, bucket, size_bytes });
    Ok(())
}

/// The answer to an idempotency key that was used before.
fn repeated(
    txn: &Txn<'_>,
    brand: &BrandId,
    record: &IdempotencyRecord,
    request_hash: [u8; 32],
) -> Result<AcceptResult, StoreError> {
    if record.request_hash != request_hash {
        return Ok(AcceptResult::Conflict(record.message));
    }
    let first = first_message(txn, brand, record)?;
    Ok(AcceptResult::Duplicate(Box::new(first)))
}

/// The message for which an idempotency key was first used.
fn first_message(
    txn: &Txn<'_>,
    brand: &BrandId,
    record: &IdempotencyRecord,
) -> Result<StoredMessage, StoreError> {
    load_stored(txn, brand, record.message)?
        .ok_or_else(|| damaged(txn, format!("an idempotency key leads to no message {}", record.message)))
}

fn cancel(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    id: MessageId,
    actor: &str,
    now: Timestamp,
) -> Result<Option<Result<StoredMessage, MessageState>>, StoreError> {
    let Some(located) = packs::locate(txn, brand, id)? else { return Ok(None) };
    let states = PackStates::load(txn, brand, located.location.pack)?;
    let mut stored = read_stored(txn, brand, &located, &states)?;
    let known = stored.history.version();
    if let Err(state) = stored.history.cancel(now, actor) {
        return Ok(Some(Err(state)));
    }
    if stored.history.state().is_final() {
        stored.next_at = None;
    }
    let events = &stored.history.events()[known..];
    if !events.is_empty() {
        let message = located.message_ref(txn, brand)?;
        append_events(txn, &message, states, PendingEvents::new(events, stored.next_at))?;
    }
    Ok(Some(Ok(stored)))
}

fn cursor_key(txn: &mut Txn<'_>, candidate: [u8; 32]) -> Result<CursorKey, StoreError> {
    if let Some(key) = txn.load::<CursorKey>(&keys::cursor_key())? {
        return Ok(key);
    }
    let last_plain = read_number(txn, &keys::sequence(Sequence::Events))?;
    let key = CursorKey { secret: candidate, last_plain };
    txn.save(keys::cursor_key(), &key);
    Ok(key)
}
