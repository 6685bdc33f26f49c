//! The keys of the ordered map in which the embedded store keeps its records.
//!
//! A key is one byte for the kind, and then its parts in the order in which they are looked up. Numbers and times
//! are big-endian, so that keys sort as they do. Names (brands, contacts, providers, API keys) hold no zero byte, and end
//! with one unless they come last; any other text comes last. So no two keys of different parts are the same.
//!
//! | kind | parts | value |
//! |---|---|---|
//! | 0 sequence | which | the last number, id or time given out; of cursors also the `CursorKeyRecord` |
//! | 1 pack | brand, id of its first message | `PackRecord` |
//! | 2 states | brand, id of the pack | `StatesRecord`, rewritten with every step |
//! | 3 due by time | class, time, bucket or single, brand, id of the pack or the message | (as older builds wrote it) |
//! | 4 history | brand, id | `HistoryRecord` |
//! | 5 idempotency | brand, key | `PointerRecord` |
//! | 6 head | brand | `HeadRecord` |
//! | 7 contacts | brand, id of the first message | four bytes for the contact of each message (`contact_index`) |
//! | 8 journal | brand, first cursor | `JournalRecord` |
//! | 9 reference | provider, reference | `PointerRecord` |
//! | 10 parked | provider, status and objection, reference | `ParkedReceiptRecord` |
//! | 11 parked at | time, key of the parked receipt | |
//! | 12 contact | brand, contact | `ContactRecord` |
//! | 13 address | brand, kind, folded address | the contact's id (`address_owners`) |
//! | 14 whole ledger | brand, contact | `LedgerRecord`, as older builds wrote it |
//! | 15 preferences | brand, contact | `PreferencesRecord` |
//! | 16 suppressions of an address | brand, channel, kind, folded address | `SuppressionRecord` |
//! | 17 control | provider | `ControlRecord`, the one in force |
//! | 18 control log | number | `ControlRecord` |
//! | 19 control log of provider | provider, number | |
//! | 20 API key | id | `KeyRecord` |
//! | 21 API key of brand | brand, id | |
//! | 22 body | brand, hash | `BodyRecord` |
//! | 23 body's messages | brand, hash | how many messages share it |
//! | 24 contact event | brand, contact, cursor | `ContactEventRecord` |
//! | 25 inbound event | brand, provider, the provider's id of it | `InboundEventRecord` |
//! | 26 inbound event at | time, brand, provider, the provider's id of it | |
//! | 30 link | id, which begins with the time at which it expires | `LinkRecord` |
//! | 31 ledger part | brand, contact, sequence of its first entry | `LedgerRecord` |
//! | 32 folded ledger | brand, contact | `FoldedLedgerRecord` |
//! | 33 API keys of brand | brand | how many are not revoked |
//! | 34 ring buffer | which, its owner | how many entries were ever appended (`ring_buffer`) |
//! | 35 slot of a ring buffer | which, its owner, number | the entry |
//! | 36 links of contact | brand, contact | the ids of its links |
//! | 37 shared address | brand, kind, folded address | |
//! | 38 due | class, brand, time, bucket or single, id of the pack or the message | |
//! | 39 incident | id, which begins with the time at which it began | `IncidentRecord` |

mod builder;
mod contacts;
mod messages;

use std::ops::Range;

use crate::model::{BrandId, IncidentId, KeyId, ProviderName, Timestamp};
use builder::KeyBuilder;

pub use builder::{number, read_last_time, redacted, time};
pub use contacts::*;
pub use messages::*;

/// Numbers that only ever grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sequence {
    /// Groups of operations made durable.
    Groups = 0,
    /// Cursors of the journal.
    Events = 1,
    /// Entries of the control log.
    Controls = 2,
    /// Receipts that are parked now. The one number that also goes down.
    Parked = 3,
    /// Contacts that were ever created.
    Contacts = 4,
}

/// Lists of which only the newest entries are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RingBuffer<'a> {
    /// The ids of the keys of a brand that were revoked.
    RevokedKeys(&'a BrandId),
    /// The numbers of the entries of a provider in the control log.
    Controls(&'a ProviderName),
    /// The keys of incidents.
    Incidents,
}

/// Whether a key holds a record whose size callers decide. Everything else is small.
pub fn may_be_large(key: &[u8]) -> bool {
    matches!(key.first(), Some(1 | 2 | 4 | 8 | 12 | 14..=18 | 20 | 22 | 31 | 32 | 39))
}

pub fn sequence(sequence: Sequence) -> Vec<u8> {
    KeyBuilder::new(0).byte(sequence as u8).done()
}

/// The newest message id.
pub fn last_id() -> Vec<u8> {
    KeyBuilder::new(0).byte(LAST_ID).done()
}

/// The time that was last known to be right.
pub fn known_time() -> Vec<u8> {
    KeyBuilder::new(0).byte(KNOWN_TIME).done()
}

/// The key by which cursors are sealed.
pub fn cursor_key() -> Vec<u8> {
    KeyBuilder::new(0).byte(CURSOR_KEY).done()
}

/// By which rule the keys of addresses are folded; zero for one of before.
pub fn address_rule() -> Vec<u8> {
    KeyBuilder::new(0).byte(ADDRESS_RULE).done()
}

/// Beside the sequences.
const LAST_ID: u8 = 255;

const KNOWN_TIME: u8 = 254;

const CURSOR_KEY: u8 = 253;

const ADDRESS_RULE: u8 = 252;

pub fn control(provider: &ProviderName) -> Vec<u8> {
    KeyBuilder::new(17).last(provider.as_str().as_bytes()).done()
}

pub fn controls() -> Range<Vec<u8>> {
    KeyBuilder::new(17).all()
}

pub fn control_log(number: u64) -> Vec<u8> {
    KeyBuilder::new(18).number(number).done()
}

pub fn control_log_of(provider: &ProviderName, number: u64) -> Vec<u8> {
    KeyBuilder::new(19).name(provider.as_str()).number(number).done()
}

/// The control log of one provider, or of all.
pub fn all_control_log(provider: Option<&ProviderName>) -> Range<Vec<u8>> {
    match provider {
        Some(provider) => KeyBuilder::new(19).name(provider.as_str()).all(),
        None => KeyBuilder::new(18).all(),
    }
}

pub fn access_key(id: &KeyId) -> Vec<u8> {
    KeyBuilder::new(20).last(id.as_str().as_bytes()).done()
}

pub fn access_key_of(brand: &BrandId, id: &KeyId) -> Vec<u8> {
    KeyBuilder::new(21).name(brand.as_str()).last(id.as_str().as_bytes()).done()
}

pub fn access_key_count(brand: &BrandId) -> Vec<u8> {
    KeyBuilder::new(33).last(brand.as_str().as_bytes()).done()
}

/// The API keys of one brand, or all.
pub fn access_keys(brand: Option<&BrandId>) -> Range<Vec<u8>> {
    match brand {
        Some(brand) => KeyBuilder::new(21).name(brand.as_str()).all(),
        None => KeyBuilder::new(20).all(),
    }
}

pub fn incident(id: IncidentId) -> Vec<u8> {
    KeyBuilder::new(39).last(id.as_bytes()).done()
}

/// The incidents.
pub fn incidents() -> Range<Vec<u8>> {
    KeyBuilder::new(39).all()
}

/// The incidents that began before a time.
pub fn incidents_before(before: Timestamp) -> Range<Vec<u8>> {
    incidents().start..incident(IncidentId::new(before, 0))
}

pub fn ring_buffer(buffer: RingBuffer<'_>) -> Vec<u8> {
    ring_buffer_of(34, buffer).done()
}

pub fn ring_buffer_slot(buffer: RingBuffer<'_>, slot: u64) -> Vec<u8> {
    ring_buffer_of(35, buffer).number(slot).done()
}

fn ring_buffer_of(kind: u8, buffer: RingBuffer<'_>) -> KeyBuilder {
    match buffer {
        RingBuffer::RevokedKeys(brand) => KeyBuilder::new(kind).byte(0).name(brand.as_str()),
        RingBuffer::Controls(provider) => KeyBuilder::new(kind).byte(1).name(provider.as_str()),
        RingBuffer::Incidents => KeyBuilder::new(kind).byte(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, ContactId, MessageClass, MessageId, Phone};

    #[test]
    fn a_key_of_the_due_order_is_read_back() {
        let id = MessageId::from_bytes([0; 16]);
        for target in [DueTarget::Bucket(id), DueTarget::Single(id)] {
            let due = DueEntry {
                at: "1969-01-01T00:00:00Z".parse().unwrap(),
                brand: "acme".parse().unwrap(),
                target,
            };
            assert_eq!(DueEntry::read(&due.key(MessageClass::Commercial)), Some(due));
        }
        assert_eq!(DueEntry::read(&[3, 0, 0]), None);
    }

    #[test]
    fn a_brand_never_meets_one_whose_name_goes_on() {
        let (acme, acme_eu): (BrandId, BrandId) = ("acme".parse().unwrap(), "acme-eu".parse().unwrap());
        let contact: ContactId = "c".parse().unwrap();
        assert!(contacts(&acme).contains(&super::contact(&acme, &contact)));
        assert!(!contacts(&acme).contains(&super::contact(&acme_eu, &contact)));
        assert_ne!(idempotency(&acme, "-eu\0x"), idempotency(&acme_eu, "x"));
    }

    #[test]
    fn an_error_shows_no_address() {
        let ana = Address::Email("ana@example.com".parse().unwrap());
        let text = redacted(&address(&"acme".parse().unwrap(), &ana));
        assert_eq!(text.len(), "a key of kind 13 (01234567)".len(), "{text}");
        assert!(text.starts_with("a key of kind 13 ("), "{text}");
    }

    #[test]
    fn the_key_of_an_address_is_read_back() {
        let brand: BrandId = "acme".parse().unwrap();
        let addresses = [
            Address::Email("ana@example.com".parse().unwrap()),
            Address::Phone(Phone::from_e164("+34600123456").unwrap()),
            Address::TelegramChat(42),
            Address::whatsapp_user(&"shop".parse().unwrap(), "ES.13491208655302741918").unwrap(),
        ];
        for address in addresses {
            let key = super::address(&brand, &address);
            assert_eq!(brand_and_address(&key), Some((brand.clone(), address)));
        }
        assert_eq!(brand_and_address(&contact(&brand, &"ana".parse().unwrap())), None);
    }
}
