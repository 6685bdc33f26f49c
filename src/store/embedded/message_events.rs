//! Appending to the history of a message: its events go to the journal, its state is set, and it moves in the due order.

use prost::Message as _;

use super::journal;
use super::keys::{self, DueEntry, DueTarget};
use super::lookup::Lookup;
use super::message_ref::MessageRef;
use super::packs::{self, LocatedMessage};
use super::states::PackStates;
use super::txn::Txn;
use crate::model::{BrandId, MessageEvent, MessageId, Timestamp};
use crate::store::{StoreError, StoredMessage};
use crate::wire::store::v1::{JournalEntry, MessageStateRecord};
use crate::wire::v1;

/// Events of a message, ready to be written.
#[derive(Debug)]
pub struct PendingEvents {
    events: Vec<Vec<u8>>,
    /// The time of the last event, and the state after it.
    last: Option<(Timestamp, v1::MessageState)>,
    next_at: Option<Timestamp>,
    has_reference: bool,
}

impl PendingEvents {
    /// These events, after which the message is due at `next_at`.
    pub fn new(events: &[MessageEvent], next_at: Option<Timestamp>) -> Self {
        Self {
            events: events.iter().map(|event| v1::Event::from(event).encode_to_vec()).collect(),
            last: events.last().map(|event| (event.at, event.state.into())),
            next_at,
            has_reference: false,
        }
    }

    /// Notes that an attempt has a reference of its provider, which leads to the message.
    pub fn with_reference(self) -> Self {
        Self { has_reference: true, ..self }
    }
}

/// Appends events to the history of a message, and makes it due when they say so.
pub fn append_events(
    txn: &mut Txn<'_>,
    message: &MessageRef,
    mut states: PackStates,
    pending: PendingEvents,
) -> Result<(), StoreError> {
    states.ensure_record(txn)?;
    let number = message.location.number;
    let before = states.state_record(number).cloned().unwrap_or_else(|| initial_state(message));
    let (last_cursor, events) = append_to_journal(txn, message, &before, &pending.events)?;
    let in_bucket = move_due(txn, message, &mut states, &before, pending.next_at);
    let (update_time_ms, state) = match pending.last {
        Some((at, state)) => (at.as_millisecond(), state.into()),
        None => (before.update_time_ms, before.state),
    };
    states.set(MessageStateRecord {
        number,
        state,
        events,
        last_cursor,
        update_time_ms,
        next_time_ms: pending.next_at.map(Timestamp::as_millisecond),
        in_bucket,
        has_reference: before.has_reference || pending.has_reference,
    });
    states.save(txn);
    txn.note_advanced(message, pending.next_at);
    Ok(())
}

/// The state of a message of which nothing is known but that it was accepted.
fn initial_state(message: &MessageRef) -> MessageStateRecord {
    MessageStateRecord {
        number: message.location.number,
        state: v1::MessageState::Accepted.into(),
        events: 1,
        last_cursor: 0,
        update_time_ms: message.id.accepted_at().as_millisecond(),
        next_time_ms: Some(message.send_at.as_millisecond()),
        in_bucket: true,
        has_reference: false,
    }
}

/// Appends events behind those that `before` counts. Returns the newest cursor, and how many events there are.
fn append_to_journal(
    txn: &mut Txn<'_>,
    message: &MessageRef,
    before: &MessageStateRecord,
    events: &[Vec<u8>],
) -> Result<(u64, u32), StoreError> {
    let (mut previous_cursor, mut index) = (before.last_cursor, before.events);
    if events.is_empty() {
        return Ok((previous_cursor, index));
    }
    let key = keys::head(&message.brand);
    let mut head = txn.load(&key)?.unwrap_or_default();
    for event in events {
        let message_id = message.id.as_bytes().to_vec();
        let entry =
            JournalEntry { message_id, index, previous_cursor, event: event.clone(), ..Default::default() };
        previous_cursor = journal::append(txn, &message.brand, &mut head, entry)?;
        index += 1;
    }
    txn.save(key, &head);
    Ok((previous_cursor, index))
}

/// Moves a message in the due order. It stays in its bucket as long as it is due when it was at first; returns whether it
/// does.
fn move_due(
    txn: &mut Txn<'_>,
    message: &MessageRef,
    states: &mut PackStates,
    before: &MessageStateRecord,
    next_at: Option<Timestamp>,
) -> bool {
    if before.in_bucket && next_at == Some(message.send_at) {
        return true;
    }
    let single = |at| {
        let entry = DueEntry { at, brand: message.brand.clone(), target: DueTarget::Single(message.id) };
        entry.key(message.class)
    };
    if before.in_bucket {
        states.remove_from_bucket(txn, message.class, message.bucket_at);
    } else if let Some(old) = before.next_time_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()) {
        txn.delete(single(old));
    }
    if let Some(at) = next_at {
        txn.put(single(at), Vec::new());
    }
    false
}

/// Reads a message with its history.
pub fn load_stored(
    from: &(impl Lookup + ?Sized),
    brand: &BrandId,
    id: MessageId,
) -> Result<Option<StoredMessage>, StoreError> {
    let Some(located) = packs::locate(from, brand, id)? else { return Ok(None) };
    let states = PackStates::load(from, brand, located.location.pack)?;
    read_stored(from, brand, &located, &states).map(Some)
}

/// Reads a message that was located in its pack, with its history.
pub fn read_stored(
    from: &(impl Lookup + ?Sized),
    brand: &BrandId,
    located: &LocatedMessage,
    states: &PackStates,
) -> Result<StoredMessage, StoreError> {
    let message = located.packed.read(from, brand)?;
    let history = journal::history(from, brand, message.id, states, located.location.number)?;
    Ok(StoredMessage { next_at: states.next_at(from, located)?, message, history })
}
