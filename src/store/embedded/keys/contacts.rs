//! The keys of contacts: their addresses, consent, suppressions, events and links.

use std::ops::Range;

use super::builder::{KeyBuilder, number};
use crate::model::{Address, BrandId, Channel, ContactId, Email, LinkId, Phone, ProviderName, Timestamp};

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

/// The links that expire before `before`.
pub fn links_before(before: Timestamp) -> Range<Vec<u8>> {
    KeyBuilder::new(30).done()..link(LinkId::new(before.max(Timestamp::UNIX_EPOCH), &[0; 10]))
}
