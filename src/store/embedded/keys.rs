//! Where everything is kept.
//!
//! A key is one byte that tells the kind, and then its parts in the order in which they are looked up. Numbers and times
//! are big-endian, so that keys sort as they do. Names (brands, contacts, providers, API keys) hold no zero byte, and end
//! with one unless they come last; any other text comes last. So no two keys of different parts are the same.
//!
//! | kind | parts | value |
//! |---|---|---|
//! | 0 sequence | which | the last number given out |
//! | 1 message | id | `MessageRecord`, written once |
//! | 2 progress | id | `ProgressRecord`, rewritten with every step |
//! | 3 due | class, next time, id | |
//! | 4 finished | time of the last event, id | |
//! | 5 idempotency | brand, key | `PointerRecord` |
//! | 6 of brand | brand, time of acceptance, id | |
//! | 7 of contact | brand, contact, time of acceptance, id | |
//! | 8 event | brand, cursor | `EventRecord` |
//! | 9 reference | provider, reference | `PointerRecord` |
//! | 10 parked | provider, status, reference | `ParkedReceiptRecord` |
//! | 11 parked at | time, key of the parked receipt | |
//! | 12 contact | brand, contact | `ContactRecord` |
//! | 13 address | brand, kind, address | the contact's id |
//! | 14 ledger | brand, contact | `LedgerRecord` |
//! | 15 preferences | brand, contact | `PreferencesRecord` |
//! | 16 suppression | brand, channel, kind, address | `SuppressionRecord` |
//! | 17 control | provider | `ControlRecord`, the one in force |
//! | 18 control log | number | `ControlRecord` |
//! | 19 control log of provider | provider, number | |
//! | 20 API key | id | `KeyRecord` |
//! | 21 API key of brand | brand, id | |

use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::model::{
    Address, BrandId, Channel, Class, ContactId, KeyId, MessageId, ProviderName, ReceiptStatus, Timestamp,
};

/// Numbers that only ever grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sequence {
    /// Groups of operations made durable.
    Groups = 0,
    /// Cursors of the event log.
    Events = 1,
    /// Entries of the control log.
    Controls = 2,
}

/// Builds a key.
struct Key(Vec<u8>);

impl Key {
    fn new(kind: u8) -> Self {
        let mut bytes = Vec::with_capacity(64);
        bytes.push(kind);
        Self(bytes)
    }

    fn byte(self, byte: u8) -> Self {
        self.last(&[byte])
    }

    fn number(self, number: u64) -> Self {
        self.last(&number.to_be_bytes())
    }

    fn time(self, at: Timestamp) -> Self {
        self.last(&time(at))
    }

    fn id(self, id: MessageId) -> Self {
        self.last(id.as_bytes())
    }

    /// A name followed by more.
    fn name(self, name: &str) -> Self {
        self.last(name.as_bytes()).byte(0)
    }

    fn last(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn address(self, address: &Address) -> Self {
        match address {
            Address::Email(email) => self.byte(1).last(email.as_str().as_bytes()),
            Address::Phone(phone) => self.byte(2).last(phone.as_str().as_bytes()),
            Address::TelegramChat(chat) => self.byte(3).number(chat.unsigned_abs()),
        }
    }

    fn done(self) -> Vec<u8> {
        self.0
    }

    /// Every key that begins with these parts.
    fn all(self) -> Range<Vec<u8>> {
        let end = after_prefix(&self.0);
        self.0..end
    }
}

/// The smallest key that does not begin with `prefix`. The first byte is a kind and never 255, so there is one.
fn after_prefix(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while end.last() == Some(&u8::MAX) {
        end.pop();
    }
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

/// A time in eight bytes that sort as times do, also before 1970.
pub fn time(at: Timestamp) -> [u8; 8] {
    (at.as_millisecond() ^ i64::MIN).to_be_bytes()
}

/// Reads the time and the id with which a key ends.
pub fn time_and_id(key: &[u8]) -> Option<(Timestamp, MessageId)> {
    let (rest, id) = key.split_last_chunk::<16>()?;
    let (_, time) = rest.split_last_chunk::<8>()?;
    let at = Timestamp::from_millisecond(i64::from_be_bytes(*time) ^ i64::MIN).ok()?;
    Some((at, MessageId::from_bytes(*id)))
}

/// Reads the number with which a key ends.
pub fn number(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// A key as an error tells it: its kind and a digest, because a key can hold an address.
pub fn told(key: &[u8]) -> String {
    let digest = Sha256::digest(key);
    let kind = key.first().copied().unwrap_or_default();
    format!("a key of kind {kind} ({:02x}{:02x}{:02x}{:02x})", digest[0], digest[1], digest[2], digest[3])
}

/// Whether a key holds a record whose size callers decide. Everything else is small.
pub fn may_be_large(key: &[u8]) -> bool {
    matches!(key.first(), Some(1 | 2 | 12 | 14..=18 | 20))
}

pub fn sequence(sequence: Sequence) -> Vec<u8> {
    Key::new(0).byte(sequence as u8).done()
}

pub fn message(id: MessageId) -> Vec<u8> {
    Key::new(1).id(id).done()
}

pub fn progress(id: MessageId) -> Vec<u8> {
    Key::new(2).id(id).done()
}

pub fn due(class: Class, at: Timestamp, id: MessageId) -> Vec<u8> {
    by_class(class).time(at).id(id).done()
}

/// Every message of a class that has a next time.
pub fn all_due(class: Class) -> Range<Vec<u8>> {
    by_class(class).all()
}

fn by_class(class: Class) -> Key {
    let class = match class {
        Class::Transactional => 0,
        Class::Commercial => 1,
    };
    Key::new(3).byte(class)
}

pub fn finished(at: Timestamp, id: MessageId) -> Vec<u8> {
    Key::new(4).time(at).id(id).done()
}

/// The messages whose last event was before `before`.
pub fn finished_before(before: Timestamp) -> Range<Vec<u8>> {
    Key::new(4).done()..Key::new(4).time(before).done()
}

pub fn idempotency(brand: &BrandId, key: &str) -> Vec<u8> {
    Key::new(5).name(brand.as_str()).last(key.as_bytes()).done()
}

fn by_brand(brand: &BrandId) -> Key {
    Key::new(6).name(brand.as_str())
}

fn by_contact(brand: &BrandId, contact: &ContactId) -> Key {
    Key::new(7).name(brand.as_str()).name(contact.as_str())
}

pub fn of_brand(brand: &BrandId, at: Timestamp, id: MessageId) -> Vec<u8> {
    by_brand(brand).time(at).id(id).done()
}

pub fn of_contact(brand: &BrandId, contact: &ContactId, at: Timestamp, id: MessageId) -> Vec<u8> {
    by_contact(brand, contact).time(at).id(id).done()
}

/// The messages of a brand, or of one contact of it.
pub fn all_of(brand: &BrandId, contact: Option<&ContactId>) -> Range<Vec<u8>> {
    match contact {
        Some(contact) => by_contact(brand, contact).all(),
        None => by_brand(brand).all(),
    }
}

pub fn event(brand: &BrandId, cursor: u64) -> Vec<u8> {
    Key::new(8).name(brand.as_str()).number(cursor).done()
}

pub fn reference(provider: &ProviderName, reference: &str) -> Vec<u8> {
    Key::new(9).name(provider.as_str()).last(reference.as_bytes()).done()
}

pub fn parked(provider: &ProviderName, status: ReceiptStatus, reference: &str) -> Vec<u8> {
    let status = match status {
        ReceiptStatus::Sent => 1,
        ReceiptStatus::Failed => 2,
        ReceiptStatus::Delivered => 3,
        ReceiptStatus::Read => 4,
    };
    Key::new(10).name(provider.as_str()).byte(status).last(reference.as_bytes()).done()
}

pub fn parked_at(at: Timestamp, parked: &[u8]) -> Vec<u8> {
    Key::new(11).time(at).last(parked).done()
}

/// The key of the parked receipt that a key of `parked_at` leads to.
pub fn parked_of(parked_at: &[u8]) -> Option<&[u8]> {
    parked_at.get(9..)
}

/// The receipts parked before `before`.
pub fn parked_before(before: Timestamp) -> Range<Vec<u8>> {
    Key::new(11).done()..Key::new(11).time(before).done()
}

pub fn contact(brand: &BrandId, contact: &ContactId) -> Vec<u8> {
    Key::new(12).name(brand.as_str()).last(contact.as_str().as_bytes()).done()
}

pub fn contacts(brand: &BrandId) -> Range<Vec<u8>> {
    Key::new(12).name(brand.as_str()).all()
}

pub fn address(brand: &BrandId, address: &Address) -> Vec<u8> {
    Key::new(13).name(brand.as_str()).address(address).done()
}

pub fn ledger(brand: &BrandId, contact: &ContactId) -> Vec<u8> {
    Key::new(14).name(brand.as_str()).last(contact.as_str().as_bytes()).done()
}

pub fn preferences(brand: &BrandId, contact: &ContactId) -> Vec<u8> {
    Key::new(15).name(brand.as_str()).last(contact.as_str().as_bytes()).done()
}

pub fn suppression(brand: &BrandId, channel: Channel, address: &Address) -> Vec<u8> {
    let channel = match channel {
        Channel::Email => 1,
        Channel::Sms => 2,
        Channel::Telegram => 3,
        Channel::Whatsapp => 4,
    };
    Key::new(16).name(brand.as_str()).byte(channel).address(address).done()
}

pub fn control(provider: &ProviderName) -> Vec<u8> {
    Key::new(17).last(provider.as_str().as_bytes()).done()
}

pub fn controls() -> Range<Vec<u8>> {
    Key::new(17).all()
}

pub fn control_log(number: u64) -> Vec<u8> {
    Key::new(18).number(number).done()
}

pub fn control_log_of(provider: &ProviderName, number: u64) -> Vec<u8> {
    Key::new(19).name(provider.as_str()).number(number).done()
}

/// The control log of one provider, or of all.
pub fn all_control_log(provider: Option<&ProviderName>) -> Range<Vec<u8>> {
    match provider {
        Some(provider) => Key::new(19).name(provider.as_str()).all(),
        None => Key::new(18).all(),
    }
}

pub fn access_key(id: &KeyId) -> Vec<u8> {
    Key::new(20).last(id.as_str().as_bytes()).done()
}

pub fn access_key_of(brand: &BrandId, id: &KeyId) -> Vec<u8> {
    Key::new(21).name(brand.as_str()).last(id.as_str().as_bytes()).done()
}

/// The API keys of one brand, or all.
pub fn access_keys(brand: Option<&BrandId>) -> Range<Vec<u8>> {
    match brand {
        Some(brand) => Key::new(21).name(brand.as_str()).all(),
        None => Key::new(20).all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sort_as_keys() {
        let times = [
            "0001-01-01T00:00:00Z",
            "1969-12-31T23:59:59.999Z",
            "1970-01-01T00:00:00Z",
            "2026-01-01T00:00:00Z",
        ];
        let keys: Vec<_> = times.map(|text| time(text.parse().unwrap())).into();
        assert!(keys.is_sorted());
        let (at, id) = (times[3].parse().unwrap(), MessageId::from_bytes([7; 16]));
        assert_eq!(time_and_id(&due(Class::Commercial, at, id)), Some((at, id)));
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
        let told = told(&address(&"acme".parse().unwrap(), &ana));
        assert_eq!(told.len(), "a key of kind 13 (01234567)".len(), "{told}");
        assert!(told.starts_with("a key of kind 13 ("), "{told}");
    }

    #[test]
    fn a_prefix_ends_before_the_next_one() {
        assert_eq!(after_prefix(&[1, 2]), [1, 3]);
        assert_eq!(after_prefix(&[1, 255, 255]), [2]);
    }
}
