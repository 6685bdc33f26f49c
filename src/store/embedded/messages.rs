//! Messages, as callers see them.

use std::sync::Arc;

use async_trait::async_trait;
use prost::Message as _;
use tokio::sync::watch;

use super::bodies::{self, RecentBodies};
use super::claims::NewMessage;
use super::engine::{Engine, Lookup, WriteClass, damaged};
use super::listing::list;
use super::message_events::{self, MessageRef, PendingEvents, load_stored, read_stored};
use super::records::IdempotencyRecord;
use super::states::States;
use super::txn::Txn;
use super::{Embedded, contact_index, journal, keys, packs};
use crate::model::{BrandId, History, Message, MessageId, MessageState, Timestamp};
use crate::store::{
    AcceptResult, JournalEvent, MessageFilter, MessageStore, Page, PageRequest, StoreError, StoredMessage,
};
use crate::wire::store::v1::{JournalEntry, PackedMessage};

#[async_trait]
impl<E: Engine> MessageStore for Embedded<E> {
    async fn accept(&self, message: Message, content_hash: [u8; 32]) -> Result<AcceptResult, StoreError> {
        let (draft, seen) = (MessageDraft::new(message, content_hash), Arc::clone(&self.recent_bodies));
        self.engine.write(WriteClass::NewWork, move |txn| accept(txn, &seen, draft)).await
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
        let find = move |txn: &mut Txn<'_>| match txn.load::<IdempotencyRecord>(&key)? {
            Some(asked) => first(txn, &brand, &asked).map(|first| Some((first, asked.request_hash))),
            None => Ok(None),
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
        cursor: u64,
        limit: usize,
    ) -> Result<Vec<JournalEvent>, StoreError> {
        let newest = self.engine.signals().last_cursor();
        self.engine.read(|view| journal::read(view, brand, cursor, newest, limit))
    }

    async fn last_cursor(&self) -> Result<u64, StoreError> {
        Ok(self.engine.signals().last_cursor())
    }

    fn event_signal(&self) -> watch::Receiver<u64> {
        self.engine.signals().events()
    }
}

/// A message with what can be made of it before it has its place.
struct MessageDraft {
    message: Message,
    packed: PackedMessage,
    shared: Option<bodies::BodyHash>,
    request_hash: [u8; 32],
}

impl MessageDraft {
    fn new(message: Message, request_hash: [u8; 32]) -> Self {
        let packed = PackedMessage::new(&message);
        let shared = bodies::body_hash(&packed.content);
        Self { message, packed, shared, request_hash }
    }
}

fn accept(txn: &mut Txn<'_>, seen: &RecentBodies, draft: MessageDraft) -> Result<AcceptResult, StoreError> {
    let message = &draft.message;
    let idempotency = message.idempotency_key.as_ref().map(|key| keys::idempotency(&message.brand, key));
    if let Some(key) = &idempotency
        && let Some(asked) = txn.load::<IdempotencyRecord>(key)?
    {
        return known(txn, &message.brand, &asked, draft.request_hash);
    }
    let id = next_id(txn, message.id)?;
    if let Some(key) = idempotency {
        txn.save(key, &IdempotencyRecord { message: id, request_hash: draft.request_hash });
    }
    store(txn, seen, draft.message.renamed(id), draft.packed, draft.shared)?;
    Ok(AcceptResult::New(id))
}

/// The id that a message gets: its own, or the next one when it would not be the newest.
fn next_id(txn: &mut Txn<'_>, wanted: MessageId) -> Result<MessageId, StoreError> {
    let key = keys::last_id();
    let last = txn.get(&key)?.and_then(|bytes| keys::id(&bytes));
    let id = last.map_or(wanted, |last| wanted.max(last.next()));
    txn.put(key, id.as_bytes().to_vec());
    Ok(id)
}

/// Puts a message into a pack, the due order, the journal and the index.
fn store(
    txn: &mut Txn<'_>,
    seen: &RecentBodies,
    message: Message,
    mut packed: PackedMessage,
    shared: Option<bodies::BodyHash>,
) -> Result<(), StoreError> {
    let (brand, id) = (message.brand.clone(), message.id);
    let size_bytes = packed.encoded_len();
    if let Some(hash) = shared
        && bodies::share_body(txn, seen, &brand, hash, &packed.content)?
    {
        packed.content.clear();
        packed.content_hash = hash.to_vec();
    }
    let head_key = keys::head(&brand);
    let mut head = txn.load(&head_key)?.unwrap_or_default();
    let place = packs::next_location(txn, &brand, &mut head, id, packed.encoded_len())?;
    let mut states = States::of_newest(txn, &brand, place.pack, &head)?;
    let at_once = message.send_at <= message.accepted_at;
    let (cover_at, cover) = states.join_bucket(txn, &mut head, message.class, message.send_at, at_once);
    packed.number = place.number;
    packed.message_id = id.as_bytes().to_vec();
    packed.cover_time_ms = cover_at.as_millisecond();
    packs::write(txn, &brand, place.pack, packed)?;
    let entry = JournalEntry { message_id: id.as_bytes().to_vec(), ..JournalEntry::default() };
    journal::append(txn, &brand, &mut head, entry)?;
    contact_index::append(txn, &brand, &mut head, id, message.contact.as_str())?;
    txn.save(head_key, &head);
    let subject = MessageRef {
        brand,
        id,
        class: message.class,
        send_at: message.send_at,
        bucket_at: cover_at,
        location: place,
    };
    let history = History::accepted(message.accepted_at);
    let stored = StoredMessage { next_at: Some(message.send_at), message, history };
    txn.note_new_message(NewMessage { stored, subject, cover, size_bytes });
    Ok(())
}

fn known(
    txn: &Txn<'_>,
    brand: &BrandId,
    asked: &IdempotencyRecord,
    content_hash: [u8; 32],
) -> Result<AcceptResult, StoreError> {
    if asked.request_hash != content_hash {
        return Ok(AcceptResult::Conflict(asked.message));
    }
    first(txn, brand, asked).map(|first| AcceptResult::Duplicate(Box::new(first)))
}

/// The message for which an idempotency key was used.
fn first(txn: &Txn<'_>, brand: &BrandId, asked: &IdempotencyRecord) -> Result<StoredMessage, StoreError> {
    load_stored(txn, brand, asked.message)?
        .ok_or_else(|| damaged(txn, format!("an idempotency key leads to no message {}", asked.message)))
}

fn cancel(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    id: MessageId,
    actor: &str,
    now: Timestamp,
) -> Result<Option<Result<StoredMessage, MessageState>>, StoreError> {
    let Some(found) = packs::locate(txn, brand, id)? else { return Ok(None) };
    let states = States::load(txn, brand, found.location.pack)?;
    let mut stored = read_stored(txn, brand, &found, &states)?;
    let known = stored.history.version();
    if let Err(state) = stored.history.cancel(now, actor) {
        return Ok(Some(Err(state)));
    }
    if stored.history.state().is_final() {
        stored.next_at = None;
    }
    let events = &stored.history.events()[known..];
    if !events.is_empty() {
        let subject = MessageRef::from_located(txn, brand, &found)?;
        message_events::append_events(txn, &subject, states, PendingEvents::new(events, stored.next_at))?;
    }
    Ok(Some(Ok(stored)))
}
