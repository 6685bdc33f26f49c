//! One step of a message: what happened is logged, its state is set, and it moves in the due order.

use super::engine::Lookup;
use super::journal;
use super::keys::{self, DueEntry, DueTarget};
use super::packs::{self, LocatedMessage, MessageLocation};
use super::states::States;
use super::txn::Txn;
use crate::model::{BrandId, Class, MessageEvent, MessageId, Timestamp};
use crate::store::{StoreError, StoredMessage};
use crate::wire::store::v1::{JournalEntry, MessageStateRecord};
use crate::wire::v1;
use prost::Message as _;

/// A message, as far as a step has to know it.
#[derive(Debug, Clone)]
pub struct MessageRef {
    /// Its brand.
    pub brand: BrandId,
    /// Its id.
    pub id: MessageId,
    /// Its class.
    pub class: Class,
    /// When it is due at first.
    pub send_at: Timestamp,
    /// The time of the cover under which it began.
    pub bucket_at: Timestamp,
    /// Where it is.
    pub location: MessageLocation,
}

impl MessageRef {
    /// A message that was found in its pack.
    pub fn from_located(
        from: &(impl Lookup + ?Sized),
        brand: &BrandId,
        found: &LocatedMessage,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            brand: brand.clone(),
            id: found.packed.id(from)?,
            class: found.packed.class(from)?,
            send_at: found.packed.send_at(from)?,
            bucket_at: found.packed.cover_at(from)?,
            location: found.location,
        })
    }
}

/// What happened, ready to be written.
#[derive(Debug)]
pub struct PendingEvents {
    events: Vec<Vec<u8>>,
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

    /// Notes that an attempt has a reference that leads to the message.
    pub fn with_reference(self) -> Self {
        Self { has_reference: true, ..self }
    }
}

/// Writes a step.
pub fn append_events(
    txn: &mut Txn<'_>,
    of: &MessageRef,
    mut states: States,
    news: PendingEvents,
) -> Result<(), StoreError> {
    states.ensure_record(txn)?;
    let before = states.state_record(of.location.number).cloned().unwrap_or_else(|| initial_state(of));
    let (last_cursor, events) = append_to_journal(txn, of, &before, &news.events)?;
    let covered = move_due(txn, of, &mut states, &before, news.next_at);
    let (update_time_ms, state) = match news.last {
        Some((at, state)) => (at.as_millisecond(), state.into()),
        None => (before.update_time_ms, before.state),
    };
    states.set(MessageStateRecord {
        number: of.location.number,
        state,
        events,
        last_cursor,
        update_time_ms,
        next_time_ms: news.next_at.map(Timestamp::as_millisecond),
        covered,
        referenced: before.referenced || news.has_reference,
    });
    states.save(txn);
    txn.note_advanced(of.id, news.next_at);
    Ok(())
}

/// The state of a message of which nothing is known but that it was accepted.
fn initial_state(of: &MessageRef) -> MessageStateRecord {
    MessageStateRecord {
        number: of.location.number,
        state: v1::MessageState::Accepted.into(),
        events: 1,
        last_cursor: 0,
        update_time_ms: of.id.accepted_at().as_millisecond(),
        next_time_ms: Some(of.send_at.as_millisecond()),
        covered: true,
        referenced: false,
    }
}

/// Logs events after those of before; returns the newest cursor and how many events there are.
fn append_to_journal(
    txn: &mut Txn<'_>,
    of: &MessageRef,
    before: &MessageStateRecord,
    events: &[Vec<u8>],
) -> Result<(u64, u32), StoreError> {
    let (mut previous_cursor, mut index) = (before.last_cursor, before.events);
    if events.is_empty() {
        return Ok((previous_cursor, index));
    }
    let key = keys::head(&of.brand);
    let mut head = txn.load(&key)?.unwrap_or_default();
    for event in events {
        let message_id = of.id.as_bytes().to_vec();
        let entry =
            JournalEntry { message_id, index, previous_cursor, event: event.clone(), ..Default::default() };
        previous_cursor = journal::append(txn, &of.brand, &mut head, entry)?;
        index += 1;
    }
    txn.save(key, &head);
    Ok((previous_cursor, index))
}

/// Moves a message in the due order. It stays under its cover as long as it is due when it was at first; returns whether
/// it does.
fn move_due(
    txn: &mut Txn<'_>,
    of: &MessageRef,
    states: &mut States,
    before: &MessageStateRecord,
    next_at: Option<Timestamp>,
) -> bool {
    if before.covered && next_at == Some(of.send_at) {
        return true;
    }
    let single =
        |at| DueEntry { at, brand: of.brand.clone(), target: DueTarget::Single(of.id) }.key(of.class);
    if before.covered {
        states.leave_bucket(txn, of.class, of.bucket_at);
    } else if let Some(old) = before.next_time_ms.and_then(|ms| Timestamp::from_millisecond(ms).ok()) {
        txn.delete(single(old));
    }
    if let Some(at) = next_at {
        txn.put(single(at), Vec::new());
    }
    false
}

/// A message with what has happened to it.
pub fn load_stored(
    from: &(impl Lookup + ?Sized),
    brand: &BrandId,
    id: MessageId,
) -> Result<Option<StoredMessage>, StoreError> {
    let Some(found) = packs::locate(from, brand, id)? else { return Ok(None) };
    let states = States::load(from, brand, found.location.pack)?;
    read_stored(from, brand, &found, &states).map(Some)
}

/// A message that was found in its pack, with what has happened to it.
pub fn read_stored(
    from: &(impl Lookup + ?Sized),
    brand: &BrandId,
    found: &LocatedMessage,
    states: &States,
) -> Result<StoredMessage, StoreError> {
    let message = found.packed.read(from, brand)?;
    let history = journal::history(from, brand, message.id, states, found.location.number)?;
    Ok(StoredMessage { next_at: states.next_at(from, found)?, message, history })
}
