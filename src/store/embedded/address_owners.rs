//! Who has an address.
//!
//! An address belongs to one contact of a brand. A store from before spellings were folded may have given two spellings of one
//! address to two contacts: then both have it, the first in the list is found by it, and what its owner withdraws is withdrawn
//! for all.

use super::keys;
use super::lookup::{Lookup, damaged};
use super::txn::Txn;
use crate::model::{Address, BrandId, ContactId};
use crate::store::StoreError;

/// Stands between the ids of those who share an address. No id holds it.
const SEPARATOR: u8 = 0;

/// The contacts that have an address, in whatever spelling: none or one, unless an older build let more have it.
pub fn owners(
    from: &(impl Lookup + ?Sized),
    brand: &BrandId,
    address: &Address,
) -> Result<Vec<ContactId>, StoreError> {
    let bytes = from.get(&keys::address(brand, address))?;
    bytes.map_or(Ok(Vec::new()), |bytes| read(from, &bytes))
}

/// The contact that is found by an address.
pub fn contact_of_address(
    from: &(impl Lookup + ?Sized),
    brand: &BrandId,
    address: &Address,
) -> Result<Option<ContactId>, StoreError> {
    Ok(owners(from, brand, address)?.into_iter().next())
}

/// A contact, other than `contact`, because of whom `contact` cannot have an address.
pub fn other_owner(
    txn: &Txn<'_>,
    brand: &BrandId,
    address: &Address,
    contact: &ContactId,
) -> Result<Option<ContactId>, StoreError> {
    let owners = owners(txn, brand, address)?;
    Ok(if owners.contains(contact) { None } else { owners.into_iter().next() })
}

/// Reads the ids that a key of an address leads to.
pub fn read(from: &(impl Lookup + ?Sized), bytes: &[u8]) -> Result<Vec<ContactId>, StoreError> {
    let id = |bytes: &[u8]| std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok());
    let ids: Option<Vec<_>> = bytes.split(|byte| *byte == SEPARATOR).map(id).collect();
    ids.ok_or_else(|| damaged(from, "an address leads to no contact's id".to_owned()))
}

/// Gives an address to a contact, behind those that have it.
pub fn add(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    address: &Address,
    contact: &ContactId,
) -> Result<(), StoreError> {
    let mut owners = owners(txn, brand, address)?;
    if owners.contains(contact) {
        return Ok(());
    }
    owners.push(contact.clone());
    if owners.len() > 1 {
        txn.put(keys::shared_address(brand, address), Vec::new());
    }
    save(txn, brand, address, &owners);
    Ok(())
}

/// Takes an address from a contact.
pub fn remove(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    address: &Address,
    contact: &ContactId,
) -> Result<(), StoreError> {
    let mut owners = owners(txn, brand, address)?;
    let was_shared = owners.len() > 1;
    owners.retain(|owner| owner != contact);
    if was_shared && owners.len() <= 1 {
        txn.delete(keys::shared_address(brand, address));
    }
    save(txn, brand, address, &owners);
    Ok(())
}

fn save(txn: &mut Txn<'_>, brand: &BrandId, address: &Address, owners: &[ContactId]) {
    let ids: Vec<_> = owners.iter().map(|id| id.as_str().as_bytes()).collect();
    match ids.is_empty() {
        true => txn.delete(keys::address(brand, address)),
        false => txn.put(keys::address(brand, address), ids.join(&SEPARATOR)),
    }
}
