//! Packs: messages of one brand that were accepted one after the other share a record.
//!
//! sled keeps some 250 bytes in memory for every page, and a page holds about ten records, however small they are. With a
//! record for each message, a backlog of ten million would need gigabytes of memory; with packs it needs a tenth of that,
//! and an accept writes a share of a few records instead of eight of its own.

use std::mem;

use prost::Message as _;

use super::bodies;
use super::keys;
use super::lookup::{Lookup, damaged, decode};
use super::message_ref::{MessageLocation, MessageRef};
use super::records::read_id;
use super::txn::Txn;
use crate::model::{
    BacklogGroup, BrandId, ContactId, ContactIncarnation, Message, MessageClass, MessageId, Timestamp,
};
use crate::store::StoreError;
use crate::wire::store::v1::{BodyRecord, HeadRecord, PackRecord, PackedMessage};
use crate::wire::{self, FieldPath, Violations, v1};

/// A record grows up to this, in bytes, unless its first element alone is larger.
pub const RECORD_BYTES: usize = 4 << 10;

/// Messages accepted further apart do not share a pack, in milliseconds: at such a pace there are few packs anyway.
const SPAN_MS: u64 = 10_000;

/// A message that was located in its pack.
#[derive(Debug, Clone)]
pub struct LocatedMessage {
    /// Where it is kept.
    pub location: MessageLocation,
    /// What is kept of it.
    pub packed: PackedMessage,
}

/// The location for a message of this size: in the brand's newest pack when that has room, else in a new one.
pub fn next_location(
    txn: &Txn<'_>,
    brand: &BrandId,
    head: &mut HeadRecord,
    id: MessageId,
    bytes: usize,
) -> Result<MessageLocation, StoreError> {
    // What is not yet known of an element: its number, id and bucket, and its frame.
    const REST_BYTES: usize = 48;
    if let Ok(pack) = head.pack.as_slice().try_into().map(MessageId::from_bytes)
        && id.unix_ms().saturating_sub(pack.unix_ms()) <= SPAN_MS
        && let length @ 1.. = txn.length(&keys::pack(brand, pack))?
        && length + bytes + REST_BYTES <= RECORD_BYTES
    {
        let location = MessageLocation { pack, number: head.next_number };
        head.next_number += 1;
        return Ok(location);
    }
    head.pack = id.as_bytes().to_vec();
    head.next_number = 1;
    head.due_buckets.clear();
    Ok(MessageLocation { pack: id, number: 0 })
}

/// Takes the buckets of a pack out of the head, if they are there: from now on the record of its states has them.
pub fn clear_head_buckets(txn: &mut Txn<'_>, brand: &BrandId, pack: MessageId) -> Result<(), StoreError> {
    let key = keys::head(brand);
    let head: HeadRecord = txn.load(&key)?.unwrap_or_default();
    if head.pack == pack.as_bytes() {
        txn.save(key, &HeadRecord { due_buckets: Vec::new(), ..head });
    }
    Ok(())
}

/// Writes a message into its pack.
pub fn write(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    pack: MessageId,
    packed: PackedMessage,
) -> Result<(), StoreError> {
    let one = PackRecord { messages: vec![packed] };
    // The bytes of a record with one element, behind those of a record, are that record with one element more.
    txn.append(keys::pack(brand, pack), |record| {
        record.reserve(one.encoded_len());
        one.encode_raw(record);
    })
}

/// The messages of a pack.
pub fn read(
    from: &(impl Lookup + ?Sized),
    brand: &BrandId,
    pack: MessageId,
) -> Result<Vec<PackedMessage>, StoreError> {
    let key = keys::pack(brand, pack);
    let bytes = from.get(&key)?.ok_or_else(|| damaged(from, format!("there is no pack {pack}")))?;
    Ok(decode::<PackRecord>(from, &key, &bytes)?.messages)
}

/// Locates a message of a brand.
pub fn locate(
    from: &(impl Lookup + ?Sized),
    brand: &BrandId,
    id: MessageId,
) -> Result<Option<LocatedMessage>, StoreError> {
    let Some((key, bytes)) = from.last_in(keys::packs_up_to(brand, id))? else { return Ok(None) };
    let pack = keys::id(&key).ok_or_else(|| damaged(from, "a pack's key is too short".to_owned()))?;
    let record: PackRecord = decode(from, &key, &bytes)?;
    let packed = record.messages.into_iter().find(|packed| packed.message_id == id.as_bytes());
    Ok(packed
        .map(|packed| LocatedMessage { location: MessageLocation { pack, number: packed.number }, packed }))
}

impl LocatedMessage {
    /// How the layers above know the message.
    pub fn message_ref(
        &self,
        from: &(impl Lookup + ?Sized),
        brand: &BrandId,
    ) -> Result<MessageRef, StoreError> {
        Ok(MessageRef {
            brand: brand.clone(),
            id: self.packed.id(from)?,
            class: self.packed.class(from)?,
            send_at: self.packed.send_at(from)?,
            bucket_at: self.packed.bucket_at(from)?,
            location: self.location,
        })
    }
}

impl PackedMessage {
    /// The record of a message, as far as it is known before the message has its id and location.
    pub fn new(message: &Message) -> Self {
        let mut record = v1::Message::from(message);
        let content = record.content.take();
        // The id holds both.
        record.message_id.clear();
        record.accept_time = None;
        // Kept beside it.
        record.send_time = None;
        Self {
            contact_id: mem::take(&mut record.contact_id),
            message_class: mem::take(&mut record.message_class),
            send_time_ms: message.send_at.as_millisecond(),
            message: record.encode_to_vec(),
            body: BodyRecord { content }.encode_to_vec(),
            unserved_channels: wire::channels(&message.unserved),
            contact_incarnation: message.incarnation.0,
            ..Self::default()
        }
    }

    /// The id of the message.
    pub fn id(&self, from: &(impl Lookup + ?Sized)) -> Result<MessageId, StoreError> {
        check(from, |violations| read_id(&self.message_id, &FieldPath::new("message_id"), violations))
    }

    /// When the message is due at first.
    pub fn send_at(&self, from: &(impl Lookup + ?Sized)) -> Result<Timestamp, StoreError> {
        time(from, self.send_time_ms)
    }

    /// The due time of the bucket in which the message was accepted.
    pub fn bucket_at(&self, from: &(impl Lookup + ?Sized)) -> Result<Timestamp, StoreError> {
        time(from, self.bucket_time_ms)
    }

    /// The contact that the message goes to.
    pub fn contact(&self, from: &(impl Lookup + ?Sized)) -> Result<ContactId, StoreError> {
        self.contact_id.parse().map_err(|error| unreadable(from, error))
    }

    /// The idempotency key that the message was accepted with.
    pub fn idempotency_key(&self, from: &(impl Lookup + ?Sized)) -> Result<Option<String>, StoreError> {
        Ok(wire::optional_text(self.message(from)?.idempotency_key))
    }

    fn message(&self, from: &(impl Lookup + ?Sized)) -> Result<v1::Message, StoreError> {
        v1::Message::decode(self.message.as_slice()).map_err(|error| unreadable(from, error))
    }

    /// The class of the message.
    pub fn class(&self, from: &(impl Lookup + ?Sized)) -> Result<MessageClass, StoreError> {
        let path = FieldPath::new("message_class");
        check(from, |violations| wire::read_class(self.message_class, &path, violations))
    }

    /// Which ways the message may go, as far as it says itself.
    pub fn backlog_group(
        &self,
        from: &(impl Lookup + ?Sized),
        brand: &BrandId,
    ) -> Result<BacklogGroup, StoreError> {
        let message = self.message(from)?;
        check(from, |violations| {
            let mut read =
                |channels: &[i32], path| wire::read_channels(channels, &FieldPath::new(path), violations);
            let channels = read(&message.channels, "channels");
            let unserved = read(&self.unserved_channels, "unserved_channels");
            let topic = violations.parsed(&message.topic, &FieldPath::new("topic"))?;
            Some(BacklogGroup { brand: brand.clone(), topic, channels, unserved })
        })
    }

    /// Reads the whole message.
    pub fn read(&self, from: &(impl Lookup + ?Sized), brand: &BrandId) -> Result<Message, StoreError> {
        let id = self.id(from)?;
        let BodyRecord { content } = match self.body_hash.as_slice() {
            [] => BodyRecord::decode(self.body.as_slice()).map_err(|error| unreadable(from, error))?,
            hash => bodies::read_body(from, brand, hash)?,
        };
        let whole = v1::Message {
            message_id: id.to_string(),
            contact_id: self.contact_id.clone(),
            message_class: self.message_class,
            accept_time: Some(wire::timestamp(id.accepted_at())),
            send_time: Some(wire::timestamp(self.send_at(from)?)),
            content,
            ..self.message(from)?
        };
        let path = FieldPath::new("message");
        check(from, |violations| {
            let path_of_channels = FieldPath::new("unserved_channels");
            let unserved = wire::read_channels(&self.unserved_channels, &path_of_channels, violations);
            let message = wire::read_message(brand.clone(), whole, &path, violations)?;
            let incarnation = ContactIncarnation(self.contact_incarnation);
            Some(Message { incarnation, unserved, ..message })
        })
    }
}

fn time(from: &(impl Lookup + ?Sized), ms: i64) -> Result<Timestamp, StoreError> {
    Timestamp::from_millisecond(ms).map_err(|error| unreadable(from, error))
}

fn check<T>(
    from: &(impl Lookup + ?Sized),
    read: impl FnOnce(&mut Violations) -> Option<T>,
) -> Result<T, StoreError> {
    let mut violations = Violations::default();
    let value = read(&mut violations);
    violations.finish(value).map_err(|error| unreadable(from, error))
}

fn unreadable(from: &(impl Lookup + ?Sized), error: impl std::fmt::Display) -> StoreError {
    damaged(from, format!("a message in its pack: {error}"))
}
