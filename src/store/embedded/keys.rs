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
//! | 3 due | class, time, bucket or single, brand, id of the pack or the message | |
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

use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::model::{
    Address, BrandId, Channel, ContactId, Email, KeyId, LinkId, MessageClass, MessageId, Objection, Phone,
    ProviderName, ReceiptStatus, Timestamp,
};

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
}

/// Builds a key.
struct KeyBuilder(Vec<u8>);

impl KeyBuilder {
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
        match address.folded() {
            Address::Email(email) => self.byte(1).last(email.as_str().as_bytes()),
            Address::Phone(phone) => self.byte(2).last(phone.as_str().as_bytes()),
            Address::TelegramChat(chat) => self.byte(3).number(chat.unsigned_abs()),
            Address::WhatsappUser(user) => {
                self.byte(4).name(user.business().as_str()).last(user.id().as_bytes())
            }
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

fn read_time(bytes: [u8; 8]) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::from_be_bytes(bytes) ^ i64::MIN).ok()
}

/// Reads eight bytes as written by [`time`] at the end of a key or value.
pub fn read_last_time(bytes: &[u8]) -> Option<Timestamp> {
    bytes.last_chunk().copied().and_then(read_time)
}

/// Reads the number with which a key ends.
pub fn number(key: &[u8]) -> Option<u64> {
    key.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

/// A key as errors show it: its kind and a digest, because a key can hold an address.
pub fn redacted(key: &[u8]) -> String {
    let digest = Sha256::digest(key);
    let kind = key.first().copied().unwrap_or_default();
    format!("a key of kind {kind} ({:02x}{:02x}{:02x}{:02x})", digest[0], digest[1], digest[2], digest[3])
}

/// Whether a key holds a record whose size callers decide. Everything else is small.
pub fn may_be_large(key: &[u8]) -> bool {
    matches!(key.first(), Some(1 | 2 | 4 | 8 | 12 | 14..=18 | 20 | 22 | 31 | 32))
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
        by_class(class).time(self.at).byte(kind).name(self.brand.as_str()).id(id).done()
    }

    /// Reads a key of the due order.
    pub fn read(key: &[u8]) -> Option<Self> {
        let (at, rest) = key.get(2..)?.split_first_chunk()?;
        let (kind, rest) = rest.split_first()?;
        let (brand, id) = rest.split_last_chunk()?;
        let brand = std::str::from_utf8(brand.strip_suffix(&[0])?).ok()?.parse().ok()?;
        let id = MessageId::from_bytes(*id);
        let what = match kind {
            0 => DueTarget::Bucket(id),
            1 => DueTarget::Single(id),
            _ => return None,
        };
        Some(Self { at: read_time(*at)?, brand, target: what })
    }
}

/// The due order of a class.
pub fn all_due(class: MessageClass) -> Range<Vec<u8>> {
    by_class(class).all()
}

/// What is due at `from` or later.
pub fn due_from(class: MessageClass, from: Timestamp) -> Range<Vec<u8>> {
    by_class(class).time(from).done()..all_due(class).end
}

fn by_class(class: MessageClass) -> KeyBuilder {
    let class = match class {
        MessageClass::Transactional => 0,
        MessageClass::Commercial => 1,
    };
    KeyBuilder::new(3).byte(class)
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

pub fn contact(brand: &BrandId, contact: &ContactId) -> Vec<u8> {
    KeyBuilder::new(12).name(brand.as_str()).last(contact.as_str().as_bytes()).done()
}

pub fn contacts(brand: &BrandId) -> Range<Vec<u8>> {
    KeyBuilder::new(12).name(brand.as_str()).all()
}

pub fn address(brand: &BrandId, address: &Address) -> Vec<u8> {
    KeyBuilder::new(13).name(brand.as_str()).address(address).done()
}

/// The keys of all addresses.
pub fn addresses() -> Range<Vec<u8>> {
    KeyBuilder::new(13).all()
}

/// Marks an address that several contacts have.
pub fn shared_address(brand: &BrandId, address: &Address) -> Vec<u8> {
    KeyBuilder::new(37).name(brand.as_str()).address(address).done()
}

/// The marks of all of them.
pub fn shared_addresses() -> Range<Vec<u8>> {
    KeyBuilder::new(37).all()
}

/// Reads the brand and the address of a key that has no more parts.
pub fn brand_and_address(key: &[u8]) -> Option<(BrandId, Address)> {
    let (brand, rest) = brand_and_rest(key)?;
    let (kind, rest) = rest.split_first()?;
    let text = || std::str::from_utf8(rest).ok();
    let address = match kind {
        1 => Address::Email(Email::from_stored(text()?).ok()?),
        2 => Address::Phone(Phone::from_e164(text()?).ok()?),
        3 => Address::telegram(number(rest)?.try_into().ok()?).ok()?,
        4 => {
            let (business, id) = text()?.split_once('\0')?;
            Address::whatsapp_user(&business.parse().ok()?, id).ok()?
        }
        _ => return None,
    };
    Some((brand, address))
}

/// Reads the brand with which the parts of a key begin, and what follows it.
pub fn brand_and_rest(key: &[u8]) -> Option<(BrandId, &[u8])> {
    let mut parts = key.get(1..)?.splitn(2, |byte| *byte == 0);
    let brand = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    Some((brand, parts.next()?))
}

pub fn whole_ledger(brand: &BrandId, contact: &ContactId) -> Vec<u8> {
    KeyBuilder::new(14).name(brand.as_str()).last(contact.as_str().as_bytes()).done()
}

pub fn ledger_part(brand: &BrandId, contact: &ContactId, first: u64) -> Vec<u8> {
    ledger_parts_of(brand, contact).number(first).done()
}

/// The parts of a contact's ledger.
pub fn ledger_parts(brand: &BrandId, contact: &ContactId) -> Range<Vec<u8>> {
    ledger_parts_of(brand, contact).all()
}

fn ledger_parts_of(brand: &BrandId, contact: &ContactId) -> KeyBuilder {
    KeyBuilder::new(31).name(brand.as_str()).name(contact.as_str())
}

pub fn folded_ledger(brand: &BrandId, contact: &ContactId) -> Vec<u8> {
    KeyBuilder::new(32).name(brand.as_str()).last(contact.as_str().as_bytes()).done()
}

pub fn preferences(brand: &BrandId, contact: &ContactId) -> Vec<u8> {
    KeyBuilder::new(15).name(brand.as_str()).last(contact.as_str().as_bytes()).done()
}

pub fn suppression(brand: &BrandId, channel: Channel, address: &Address) -> Vec<u8> {
    let channel = match channel {
        Channel::Email => 1,
        Channel::Sms => 2,
        Channel::Telegram => 3,
        Channel::Whatsapp => 4,
    };
    KeyBuilder::new(16).name(brand.as_str()).byte(channel).address(address).done()
}

/// The keys of all suppressed addresses.
pub fn suppressions() -> Range<Vec<u8>> {
    KeyBuilder::new(16).all()
}

pub fn contact_event(brand: &BrandId, contact: &ContactId, cursor: u64) -> Vec<u8> {
    contact_events_of(brand, contact).number(cursor).done()
}

/// The events of a contact.
pub fn contact_events(brand: &BrandId, contact: &ContactId) -> Range<Vec<u8>> {
    contact_events_of(brand, contact).all()
}

fn contact_events_of(brand: &BrandId, contact: &ContactId) -> KeyBuilder {
    KeyBuilder::new(24).name(brand.as_str()).name(contact.as_str())
}

pub fn inbound_event(brand: &BrandId, provider: &ProviderName, id: &str) -> Vec<u8> {
    KeyBuilder::new(25).name(brand.as_str()).name(provider.as_str()).last(id.as_bytes()).done()
}

/// The key by the time of recording, for the key of an inbound event.
pub fn inbound_event_at(at: Timestamp, event_key: &[u8]) -> Vec<u8> {
    KeyBuilder::new(26).time(at).last(&event_key[1..]).done()
}

/// The key of the inbound event, and its brand, that a key by time leads to.
pub fn inbound_event_of(heard_at: &[u8]) -> Option<(Vec<u8>, BrandId)> {
    let rest = heard_at.get(9..)?;
    let end = rest.iter().position(|byte| *byte == 0)?;
    let brand = std::str::from_utf8(&rest[..end]).ok()?.parse().ok()?;
    Some((KeyBuilder::new(25).last(rest).done(), brand))
}

/// The inbound events recorded before `before`, by time.
pub fn inbound_events_before(before: Timestamp) -> Range<Vec<u8>> {
    KeyBuilder::new(26).done()..KeyBuilder::new(26).time(before).done()
}

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

pub fn link(id: LinkId) -> Vec<u8> {
    KeyBuilder::new(30).last(id.as_bytes()).done()
}

pub fn links_of(brand: &BrandId, contact: &ContactId) -> Vec<u8> {
    KeyBuilder::new(36).name(brand.as_str()).last(contact.as_str().as_bytes()).done()
}

/// Reads the id of a link from its key.
pub fn link_id(key: &[u8]) -> Option<LinkId> {
    key.last_chunk().map(|bytes| LinkId::from_bytes(*bytes))
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
    }
}

/// The links that expire before `before`.
pub fn links_before(before: Timestamp) -> Range<Vec<u8>> {
    KeyBuilder::new(30).done()..link(LinkId::new(before.max(Timestamp::UNIX_EPOCH), &[0; 10]))
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
    }

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

    #[test]
    fn a_prefix_ends_before_the_next_one() {
        assert_eq!(after_prefix(&[1, 2]), [1, 3]);
        assert_eq!(after_prefix(&[1, 255, 255]), [2]);
    }
}
