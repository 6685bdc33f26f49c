//! The keys of messages: packs and their states, the due order, histories, the journal, references and receipts.

use std::ops::Range;

use super::builder::{KeyBuilder, read_time};
use crate::model::{BrandId, MessageClass, MessageId, Objection, ProviderName, ReceiptStatus, Timestamp};

pub fn pack(brand: &BrandId, first: MessageId) -> Vec<u8> {
    packs_of(brand).id(first).done()
}

/// The packs of a brand.
pub fn packs(brand: &BrandId) -> Range<Vec<u8>> {
    packs_of(brand).all()
}

/// The packs that may hold `id`: it is in the last of them, or nowhere.
pub fn packs_up_to(brand: &BrandId, id: MessageId) -> Range<Vec<u8>> {
    packs_of(brand).done()..packs_of(brand).id(id).byte(0).done()
}

fn packs_of(brand: &BrandId) -> KeyBuilder {
    KeyBuilder::new(1).name(brand.as_str())
}

/// Reads the id with which a key ends.
pub fn id(key: &[u8]) -> Option<MessageId> {
    key.last_chunk().map(|bytes| MessageId::from_bytes(*bytes))
}

pub fn states(brand: &BrandId, pack: MessageId) -> Vec<u8> {
    KeyBuilder::new(2).name(brand.as_str()).id(pack).done()
}

/// An entry of the due order: a bucket of messages of one pack that are due at a time, or one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueEntry {
    /// When.
    pub at: Timestamp,
    /// Whose.
    pub brand: BrandId,
    /// Which.
    pub target: DueTarget,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueTarget {
    /// A bucket: the messages of this pack that have no entry of their own.
    Bucket(MessageId),
    /// One message.
    Single(MessageId),
}

impl DueEntry {
    pub fn key(&self, class: MessageClass) -> Vec<u8> {
        let (kind, id) = match self.target {
            DueTarget::Bucket(pack) => (0, pack),
            DueTarget::Single(id) => (1, id),
        };
        due_of(class, &self.brand).time(self.at).byte(kind).id(id).done()
    }

    /// Reads a key of the due order.
    pub fn read(key: &[u8]) -> Option<Self> {
        let (rest, id) = key.get(2..)?.split_last_chunk()?;
        let (kind, rest) = rest.split_last()?;
        let (brand, at) = rest.split_last_chunk()?;
        Self::from_parts(brand, *at, *kind, MessageId::from_bytes(*id))
    }

    /// Reads a key of the due order in which the time came before the brand, and of which class it is.
    pub fn read_by_time(key: &[u8]) -> Option<(MessageClass, Self)> {
        let class = match key.get(1)? {
            0 => MessageClass::Transactional,
            1 => MessageClass::Commercial,
            _ => return None,
        };
        let (at, rest) = key.get(2..)?.split_first_chunk()?;
        let (kind, rest) = rest.split_first()?;
        let (brand, id) = rest.split_last_chunk()?;
        Some((class, Self::from_parts(brand, *at, *kind, MessageId::from_bytes(*id))?))
    }

    fn from_parts(brand: &[u8], at: [u8; 8], kind: u8, id: MessageId) -> Option<Self> {
        let brand = std::str::from_utf8(brand.strip_suffix(&[0])?).ok()?.parse().ok()?;
        let target = match kind {
            0 => DueTarget::Bucket(id),
            1 => DueTarget::Single(id),
            _ => return None,
        };
        Some(Self { at: read_time(at)?, brand, target })
    }
}

/// The due order as older builds kept it, the time before the brand.
pub fn due_by_time() -> Range<Vec<u8>> {
    KeyBuilder::new(3).all()
}

/// The due orders of all brands, of a class.
pub fn all_due(class: MessageClass) -> Range<Vec<u8>> {
    due(class).all()
}

/// The due orders of the brands after this one, of a class.
pub fn due_of_brands_after(class: MessageClass, brand: &BrandId) -> Range<Vec<u8>> {
    due_of(class, brand).all().end..all_due(class).end
}

/// What of a brand and class is due at `from` or later; all of it by default.
pub fn due_from(class: MessageClass, brand: &BrandId, from: Option<Timestamp>) -> Range<Vec<u8>> {
    let all = due_of(class, brand).all();
    let start = from.map(|from| due_of(class, brand).time(from).done());
    start.unwrap_or(all.start)..all.end
}

fn due_of(class: MessageClass, brand: &BrandId) -> KeyBuilder {
    due(class).name(brand.as_str())
}

fn due(class: MessageClass) -> KeyBuilder {
    let class = match class {
        MessageClass::Transactional => 0,
        MessageClass::Commercial => 1,
    };
    KeyBuilder::new(38).byte(class)
}

pub fn history(brand: &BrandId, id: MessageId) -> Vec<u8> {
    KeyBuilder::new(4).name(brand.as_str()).id(id).done()
}

pub fn head(brand: &BrandId) -> Vec<u8> {
    KeyBuilder::new(6).last(brand.as_str().as_bytes()).done()
}

/// The heads of all brands.
pub fn heads() -> Range<Vec<u8>> {
    KeyBuilder::new(6).all()
}

/// Reads the brand of a head.
pub fn brand_of_head(key: &[u8]) -> Option<BrandId> {
    std::str::from_utf8(key.get(1..)?).ok()?.parse().ok()
}

pub fn contacts_index(brand: &BrandId, first: MessageId) -> Vec<u8> {
    contacts_index_of(brand).id(first).done()
}

/// The indexes of a brand's messages by contact.
pub fn contacts_indexes(brand: &BrandId) -> Range<Vec<u8>> {
    contacts_index_of(brand).all()
}

/// Those that begin at or before `id`.
pub fn contacts_indexes_up_to(brand: &BrandId, id: MessageId) -> Range<Vec<u8>> {
    contacts_index_of(brand).done()..contacts_index_of(brand).id(id).byte(0).done()
}

fn contacts_index_of(brand: &BrandId) -> KeyBuilder {
    KeyBuilder::new(7).name(brand.as_str())
}

pub fn journal(brand: &BrandId, first: u64) -> Vec<u8> {
    KeyBuilder::new(8).name(brand.as_str()).number(first).done()
}

/// The journal of a brand.
pub fn journals(brand: &BrandId) -> Range<Vec<u8>> {
    KeyBuilder::new(8).name(brand.as_str()).all()
}

/// The records of the journal that may hold `cursor`: it is in the last of them, or nowhere.
pub fn journals_up_to(brand: &BrandId, cursor: u64) -> Range<Vec<u8>> {
    journal(brand, 0)..journal(brand, cursor.saturating_add(1))
}

pub fn body(brand: &BrandId, hash: &[u8]) -> Vec<u8> {
    KeyBuilder::new(22).name(brand.as_str()).last(hash).done()
}

pub fn body_messages(brand: &BrandId, hash: &[u8]) -> Vec<u8> {
    KeyBuilder::new(23).name(brand.as_str()).last(hash).done()
}

pub fn idempotency(brand: &BrandId, key: &str) -> Vec<u8> {
    KeyBuilder::new(5).name(brand.as_str()).last(key.as_bytes()).done()
}

pub fn reference(provider: &ProviderName, reference: &str) -> Vec<u8> {
    KeyBuilder::new(9).name(provider.as_str()).last(reference.as_bytes()).done()
}

pub fn parked(
    provider: &ProviderName,
    status: ReceiptStatus,
    objection: Option<Objection>,
    reference: &str,
) -> Vec<u8> {
    let status = match status {
        ReceiptStatus::Sent => 1,
        ReceiptStatus::Failed => 2,
        ReceiptStatus::Delivered => 3,
        ReceiptStatus::Read => 4,
    };
    let objection = match objection {
        None => 0,
        Some(Objection::BadAddress) => 1,
        Some(Objection::OptedOut) => 2,
        Some(Objection::CommercialOptedOut) => 3,
        Some(Objection::Complaint) => 4,
    };
    KeyBuilder::new(10)
        .name(provider.as_str())
        .byte(objection << 4 | status)
        .last(reference.as_bytes())
        .done()
}

pub fn parked_at(at: Timestamp, parked: &[u8]) -> Vec<u8> {
    KeyBuilder::new(11).time(at).last(parked).done()
}

/// The key of the parked receipt that a key of `parked_at` leads to.
pub fn parked_of(parked_at: &[u8]) -> Option<&[u8]> {
    parked_at.get(9..)
}

/// The receipts parked before `before`.
pub fn parked_before(before: Timestamp) -> Range<Vec<u8>> {
    KeyBuilder::new(11).done()..KeyBuilder::new(11).time(before).done()
}
