//! Whose event it is.

use super::address_owners::contact_of_address;
use super::keys;
use super::lookup::{Lookup, load};
use super::message_events::load_stored;
use super::receipts::way_of;
use crate::model::{Address, AttemptRef, BrandId, Contact, ContactId};
use crate::store::{InboundEvent, StoreError};

/// The address that an event is about.
#[derive(Debug)]
pub struct EventAddress {
    /// The contact that has it.
    pub contact: Option<ContactId>,
    /// The address as the contact has it; as the provider named it where no contact has it.
    pub address: Address,
    /// All addresses of the person that are known here: `address`, its aliases, and those that the provider named.
    pub spellings: Vec<Address>,
}

/// Finds the address that an event is about: that of the message it answers, else those that the provider names.
pub fn find(
    from: &(impl Lookup + ?Sized),
    brand: &BrandId,
    inbound: &InboundEvent,
) -> Result<EventAddress, StoreError> {
    let named: Vec<_> = std::iter::once(&inbound.event.address).chain(&inbound.aliases).collect();
    let found = match answered_address(from, brand, inbound)? {
        Some(found) => Some(found),
        None => named_address(from, brand, &named)?,
    };
    let (contact, mut spellings) = match found {
        Some((contact, address)) => {
            let entry = contact.entry_known_by(&address);
            let spellings = entry.map_or_else(|| vec![address], |entry| entry.spellings().cloned().collect());
            (Some(contact.id), spellings)
        }
        None => (None, Vec::new()),
    };
    for address in named {
        if !spellings.iter().any(|known| known.is_same(address)) {
            spellings.push(address.clone());
        }
    }
    Ok(EventAddress { contact, address: spellings[0].clone(), spellings })
}

/// The contact to whom the message went that an event answers, and where it went, as long as the contact has the address.
fn answered_address(
    from: &(impl Lookup + ?Sized),
    brand: &BrandId,
    inbound: &InboundEvent,
) -> Result<Option<(Contact, Address)>, StoreError> {
    let Some(reference) = &inbound.reply_to else { return Ok(None) };
    let key = keys::reference(&inbound.event.provider, reference);
    let Some(of) = load::<AttemptRef>(from, &key)?.filter(|of| of.brand == *brand) else { return Ok(None) };
    let Some(stored) = load_stored(from, brand, of.message)? else { return Ok(None) };
    let Some(contact) = load::<Contact>(from, &keys::contact(brand, &stored.message.contact))? else {
        return Ok(None);
    };
    let way = way_of(&stored.history, of.attempt).filter(|way| way.provider == inbound.event.provider);
    let address =
        way.map(|way| way.address.clone()).filter(|address| contact.entry_known_by(address).is_some());
    let is_meant = contact.incarnation == stored.message.incarnation;
    Ok(address.filter(|_| is_meant).map(|address| (contact, address)))
}

fn named_address(
    from: &(impl Lookup + ?Sized),
    brand: &BrandId,
    named: &[&Address],
) -> Result<Option<(Contact, Address)>, StoreError> {
    for address in named {
        if let Some(id) = contact_of_address(from, brand, address)?
            && let Some(contact) = load::<Contact>(from, &keys::contact(brand, &id))?
        {
            return Ok(Some((contact, (*address).clone())));
        }
    }
    Ok(None)
}
