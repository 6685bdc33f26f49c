//! The journal: every event of a brand, in the order in which they became durable. Each event of a message points to the
//! one before it, so that the newest leads to the whole history.

use std::collections::HashMap;
use std::ops::ControlFlow;

use prost::Message as _;

use super::keys::{self, Sequence};
use super::lookup::{Lookup, ScanOrder, Snapshot, damaged, decode, load};
use super::packs::{self, LocatedMessage, RECORD_BYTES};
use super::records::read_id;
use super::states::PackStates;
use super::txn::Txn;
use crate::model::{
    BrandId, ContactId, History, MessageEvent, MessageEventDetail, MessageId, MessageState, Timestamp,
};
use crate::store::{JournalBatch, JournalEvent, JournalEventKind, StoreError};
use crate::wire::store::v1::{HeadRecord, JournalEntry, JournalRecord};
use crate::wire::{self, FieldPath, Violations, v1};

/// Appends an event and returns its cursor.
pub fn append(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    head: &mut HeadRecord,
    entry: JournalEntry,
) -> Result<u64, StoreError> {
    let cursor = txn.next_in_sequence(Sequence::Events)?;
    let one = JournalRecord { entries: vec![JournalEntry { cursor, ..entry }] };
    let length = match head.journal {
        0 => 0,
        first => txn.length(&keys::journal(brand, first))?,
    };
    if length == 0 || length + one.encoded_len() > RECORD_BYTES {
        head.journal = cursor;
    }
    // As with packs.
    txn.append(keys::journal(brand, head.journal), |record| one.encode_raw(record))?;
    txn.note_event(brand, cursor);
    Ok(cursor)
}

/// The history of a message.
pub fn history(
    from: &(impl Lookup + ?Sized),
    brand: &BrandId,
    id: MessageId,
    states: &PackStates,
    number: u32,
) -> Result<History, StoreError> {
    let accepted = History::accepted(id.accepted_at());
    let Some(state) = states.state_record(number) else { return Ok(accepted) };
    let mut events = Vec::new();
    let mut cursor = state.last_cursor;
    while cursor != 0 {
        let entry = entry_at(from, brand, cursor)?;
        events.push(read_event(from, &entry)?);
        cursor = entry.previous_cursor;
    }
    let whole = state.events as usize;
    let before = if events.len() + 1 == whole {
        accepted
    } else {
        load(from, &keys::history(brand, id))?.unwrap_or_default()
    };
    let events: Vec<_> = before.events().iter().cloned().chain(events.into_iter().rev()).collect();
    if events.len() != whole {
        return Err(damaged(from, format!("message {id} has {} of {whole} events", events.len())));
    }
    Ok(History::from_events(events))
}

fn entry_at(from: &(impl Lookup + ?Sized), brand: &BrandId, cursor: u64) -> Result<JournalEntry, StoreError> {
    let record = match from.last_in(keys::journals_up_to(brand, cursor))? {
        Some((key, bytes)) => decode::<JournalRecord>(from, &key, &bytes)?,
        None => JournalRecord::default(),
    };
    let entry = record.entries.into_iter().find(|entry| entry.cursor == cursor);
    entry.ok_or_else(|| damaged(from, format!("event {cursor} is not in the journal")))
}

fn read_event(from: &(impl Lookup + ?Sized), entry: &JournalEntry) -> Result<MessageEvent, StoreError> {
    let unreadable = |error: String| damaged(from, format!("event {}: {error}", entry.cursor));
    let event = v1::Event::decode(entry.event.as_slice()).map_err(|error| unreadable(error.to_string()))?;
    let mut violations = Violations::default();
    let event = wire::read_event(event, &FieldPath::new("event"), &mut violations);
    violations.finish(event).map_err(|error| unreadable(error.to_string()))
}

/// When the event of an entry happened.
pub fn time_of(from: &(impl Lookup + ?Sized), entry: &JournalEntry) -> Result<Timestamp, StoreError> {
    if !entry.contact_id.is_empty() {
        let at = Timestamp::from_millisecond(entry.record_time_ms);
        return at.map_err(|error| damaged(from, format!("event {}: {error}", entry.cursor)));
    }
    match entry.index {
        0 => Ok(message_of(from, entry)?.accepted_at()),
        _ => Ok(read_event(from, entry)?.at),
    }
}

/// Drops a record, the newest of whose events is `newest`.
pub fn drop_record(txn: &mut Txn<'_>, brand: &BrandId, key: Vec<u8>, newest: u64) -> Result<(), StoreError> {
    note_forgotten(txn, brand, newest)?;
    let head_key = keys::head(brand);
    let head = txn.load::<HeadRecord>(&head_key)?.unwrap_or_default();
    if keys::number(&key) == Some(head.journal) {
        txn.save(head_key, &HeadRecord { journal: 0, ..head });
    }
    txn.delete(key);
    Ok(())
}

/// Notes that the event `cursor` of the brand was purged, for those who resume before it.
pub fn note_forgotten(txn: &mut Txn<'_>, brand: &BrandId, cursor: u64) -> Result<(), StoreError> {
    let key = keys::head(brand);
    let head = txn.load::<HeadRecord>(&key)?.unwrap_or_default();
    if cursor > head.forgotten {
        txn.save(key, &HeadRecord { forgotten: cursor, ..head });
    }
    Ok(())
}

/// The message of an entry.
pub fn message_of(from: &(impl Lookup + ?Sized), entry: &JournalEntry) -> Result<MessageId, StoreError> {
    let mut violations = Violations::default();
    let id = read_id(&entry.message_id, &FieldPath::new("message_id"), &mut violations);
    violations.finish(id).map_err(|error| damaged(from, format!("event {}: {error}", entry.cursor)))
}

/// The brand's events after `after` and up to `newest`, at most `limit`; those of purged messages are left out. An `after`
/// of 0 stands for the oldest event.
pub fn read(
    view: &dyn Snapshot,
    brand: &BrandId,
    after: u64,
    newest: u64,
    limit: usize,
) -> Result<JournalBatch, StoreError> {
    let mut range = keys::journals(brand);
    if let Some((first, _)) = view.last_in(keys::journals_up_to(brand, after))? {
        range.start = first;
    }
    let mut found = HashMap::new();
    let mut events = Vec::new();
    view.scan(range, ScanOrder::Ascending, &mut |key, bytes| {
        for entry in decode::<JournalRecord>(view, key, bytes)?.entries {
            if entry.cursor > newest || events.len() >= limit {
                return Ok(ControlFlow::Break(()));
            }
            if entry.cursor > after {
                events.extend(resolve(view, brand, &mut found, &entry)?);
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let head: Option<HeadRecord> = if after == 0 { None } else { load(view, &keys::head(brand))? };
    let forgotten = head.map(|head| head.forgotten).filter(|forgotten| *forgotten > after);
    Ok(JournalBatch { events, forgotten: forgotten.map(Into::into) })
}

/// The event of an entry, or `None` when its message or contact was purged.
fn resolve(
    view: &dyn Snapshot,
    brand: &BrandId,
    found: &mut HashMap<MessageId, Option<LocatedMessage>>,
    entry: &JournalEntry,
) -> Result<Option<JournalEvent>, StoreError> {
    if !entry.contact_id.is_empty() {
        return resolve_contact_event(view, brand, entry);
    }
    let message = message_of(view, entry)?;
    let found = match found.entry(message) {
        std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
        std::collections::hash_map::Entry::Vacant(new) => new.insert(packs::locate(view, brand, message)?),
    };
    let Some(found) = found else { return Ok(None) };
    let event = match entry.index {
        0 => MessageEvent {
            at: message.accepted_at(),
            state: MessageState::Accepted,
            detail: MessageEventDetail::Accepted,
        },
        _ => read_event(view, entry)?,
    };
    let happened = JournalEventKind::Message(message, event);
    Ok(Some(JournalEvent {
        cursor: entry.cursor.into(),
        contact: found.packed.contact(view)?,
        kind: happened,
    }))
}

fn resolve_contact_event(
    view: &dyn Snapshot,
    brand: &BrandId,
    entry: &JournalEntry,
) -> Result<Option<JournalEvent>, StoreError> {
    let contact: Result<ContactId, _> = entry.contact_id.parse();
    let contact = contact.map_err(|error| damaged(view, format!("event {}: {error}", entry.cursor)))?;
    let event = load(view, &keys::contact_event(brand, &contact, entry.cursor))?;
    Ok(event.map(|event| JournalEvent {
        cursor: entry.cursor.into(),
        contact,
        kind: JournalEventKind::Contact(event),
    }))
}
