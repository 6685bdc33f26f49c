//! The people a brand can reach.

use async_trait::async_trait;

use super::address_owners::{contact_of_address, other_owner};
use super::engine::{Engine, WriteClass};
use super::keys::{self, Sequence};
use super::lookup::{ScanOrder, damaged, decode, load};
use super::paging::{keys_in, read_page};
use super::txn::Txn;
use super::{EmbeddedStore, address_owners, contact_links, ledger, suppressions};
use crate::model::{
    Address, BrandId, Contact, ContactAddress, ContactEvent, ContactId, ContactIncarnation, Labels, Timestamp,
};
use crate::store::{
    AddressResult, ContactChange, ContactStore, Page, PageRequest, SharedAddress, StoreError, UpsertResult,
};

#[async_trait]
impl<E: Engine> ContactStore for EmbeddedStore<E> {
    async fn upsert_contact(
        &self,
        brand: &BrandId,
        change: ContactChange,
        now: Timestamp,
    ) -> Result<UpsertResult, StoreError> {
        let brand = brand.clone();
        self.engine.write(WriteClass::NewWork, move |txn| upsert(txn, &brand, change, now)).await
    }

    async fn add_address(
        &self,
        brand: &BrandId,
        id: &ContactId,
        address: ContactAddress,
        now: Timestamp,
    ) -> Result<AddressResult, StoreError> {
        let (brand, id) = (brand.clone(), id.clone());
        self.engine.write(WriteClass::NewWork, move |txn| add_address(txn, &brand, &id, address, now)).await
    }

    async fn remove_address(
        &self,
        brand: &BrandId,
        id: &ContactId,
        address: &Address,
        now: Timestamp,
    ) -> Result<AddressResult, StoreError> {
        let (brand, id, address) = (brand.clone(), id.clone(), address.clone());
        let class = WriteClass::Committed;
        self.engine.write(class, move |txn| remove_address(txn, &brand, &id, &address, now)).await
    }

    async fn contact(&self, brand: &BrandId, id: &ContactId) -> Result<Option<Contact>, StoreError> {
        self.engine.read(|view| load(view, &keys::contact(brand, id)))
    }

    async fn incarnation(
        &self,
        brand: &BrandId,
        id: &ContactId,
    ) -> Result<Option<ContactIncarnation>, StoreError> {
        self.engine.read(|view| load(view, &keys::contact(brand, id)))
    }

    async fn find_by_address(
        &self,
        brand: &BrandId,
        address: &Address,
    ) -> Result<Option<ContactId>, StoreError> {
        self.engine.read(|view| contact_of_address(view, brand, address))
    }

    async fn shared_addresses(&self, limit: usize) -> Result<Vec<SharedAddress>, StoreError> {
        self.engine.read(|view| {
            let marks = keys_in(view, keys::shared_addresses(), limit, |_| true)?;
            let shared = |mark: &Vec<u8>| {
                let (brand, address) = keys::brand_and_address(mark).ok_or_else(|| {
                    damaged(view, "the mark of a shared address is not readable".to_owned())
                })?;
                let contacts = address_owners::owners(view, &brand, &address)?;
                Ok(SharedAddress { brand, address, contacts })
            };
            marks.iter().map(shared).collect()
        })
    }

    async fn contacts(&self, brand: &BrandId, page: PageRequest) -> Result<Page<Contact>, StoreError> {
        self.engine.read(|view| {
            let range = keys::contacts(brand);
            let prefix = range.start.len();
            read_page(view, range, prefix, ScanOrder::Ascending, &page, |key, value| {
                decode(view, key, value).map(Some)
            })
        })
    }

    async fn contact_events(
        &self,
        brand: &BrandId,
        id: &ContactId,
        page: PageRequest,
    ) -> Result<Page<ContactEvent>, StoreError> {
        self.engine.read(|view| {
            let range = keys::contact_events(brand, id);
            let prefix = range.start.len();
            read_page(view, range, prefix, ScanOrder::Descending, &page, |key, value| {
                decode(view, key, value).map(Some)
            })
        })
    }

    async fn delete_contact(&self, brand: &BrandId, id: &ContactId) -> Result<bool, StoreError> {
        let (brand, id) = (brand.clone(), id.clone());
        self.engine.write(WriteClass::Committed, move |txn| delete(txn, &brand, &id)).await
    }
}

/// Creates or changes a contact.
pub fn upsert(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    change: ContactChange,
    now: Timestamp,
) -> Result<UpsertResult, StoreError> {
    let before = txn.load::<Contact>(&keys::contact(brand, &change.id))?;
    let version = before.as_ref().map(Contact::version).unwrap_or_default();
    if change.expected_version.is_some_and(|expected| expected != version) {
        return Ok(UpsertResult::Stale);
    }
    for (index, entry) in change.addresses.iter().flatten().enumerate() {
        if let Some(owner) = other_owner(txn, brand, &entry.address, &change.id)? {
            return Ok(UpsertResult::AddressTaken { index, owner });
        }
    }
    let created = before.is_none();
    let before = match before {
        Some(before) => before,
        None => {
            unknown(change.id.clone(), ContactIncarnation(txn.next_in_sequence(Sequence::Contacts)?), now)
        }
    };
    let addresses = change.addresses.map(|addresses| with_knowledge(addresses, &before.addresses));
    let after = Contact {
        addresses: addresses.unwrap_or_else(|| before.addresses.clone()),
        labels: change.labels.unwrap_or_else(|| before.labels.clone()),
        updated_at: now,
        changes: before.changes + 1,
        ..before.clone()
    };
    move_addresses(txn, brand, &before, &after)?;
    txn.save(keys::contact(brand, &after.id), &after);
    Ok(if created { UpsertResult::Created(after) } else { UpsertResult::Changed(after) })
}

fn add_address(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    id: &ContactId,
    address: ContactAddress,
    now: Timestamp,
) -> Result<AddressResult, StoreError> {
    let Some(before) = txn.load::<Contact>(&keys::contact(brand, id))? else {
        return Ok(AddressResult::NoContact);
    };
    let mut addresses = before.addresses.clone();
    match addresses.iter_mut().find(|known| known.address.is_same(&address.address)) {
        Some(_) if address.whatsapp_inbound_at.is_none() => return Ok(AddressResult::Changed(before)),
        Some(known) => known.whatsapp_inbound_at = address.whatsapp_inbound_at,
        None => match other_owner(txn, brand, &address.address, id)? {
            Some(owner) => return Ok(AddressResult::Taken(owner)),
            None if addresses.len() >= Contact::MAX_ADDRESSES => return Ok(AddressResult::Full),
            None => {
                // What was an alias is an address by itself now.
                forget_alias(&mut addresses, &address.address);
                addresses.push(address);
            }
        },
    }
    Ok(AddressResult::Changed(readdress(txn, brand, before, addresses, now)?))
}

fn remove_address(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    id: &ContactId,
    address: &Address,
    now: Timestamp,
) -> Result<AddressResult, StoreError> {
    let Some(before) = txn.load::<Contact>(&keys::contact(brand, id))? else {
        return Ok(AddressResult::NoContact);
    };
    let mut addresses = before.addresses.clone();
    addresses.retain(|known| !known.address.is_same(address));
    forget_alias(&mut addresses, address);
    if addresses == before.addresses {
        return Ok(AddressResult::Absent);
    }
    Ok(AddressResult::Changed(readdress(txn, brand, before, addresses, now)?))
}

fn forget_alias(addresses: &mut [ContactAddress], alias: &Address) {
    addresses.iter_mut().for_each(|known| known.aliases.retain(|other| !other.is_same(alias)));
}

/// Gives a contact these addresses, all of which are free or its own.
fn readdress(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    before: Contact,
    addresses: Vec<ContactAddress>,
    now: Timestamp,
) -> Result<Contact, StoreError> {
    let after = Contact { addresses, updated_at: now, changes: before.changes + 1, ..before.clone() };
    move_addresses(txn, brand, &before, &after)?;
    txn.save(keys::contact(brand, &after.id), &after);
    Ok(after)
}

/// What was learned of an address lasts as long as the contact has it: its service windows and aliases.
fn with_knowledge(mut addresses: Vec<ContactAddress>, before: &[ContactAddress]) -> Vec<ContactAddress> {
    let given: Vec<_> = addresses.iter().map(|entry| entry.address.folded()).collect();
    for entry in &mut addresses {
        if let Some(known) = before.iter().find(|known| known.address.is_same(&entry.address)) {
            entry.whatsapp_windows.clone_from(&known.whatsapp_windows);
            entry.aliases =
                known.aliases.iter().filter(|alias| !given.contains(&alias.folded())).cloned().collect();
        }
    }
    addresses
}

/// Keeps other addresses of the same person with the contact's address that is known by `address`: those that nobody has.
pub fn learn_aliases(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    id: &ContactId,
    address: &Address,
    aliases: &[Address],
) -> Result<(), StoreError> {
    let Some(before) = txn.load::<Contact>(&keys::contact(brand, id))? else { return Ok(()) };
    let mut after = before.clone();
    let Some(entry) = after.addresses.iter_mut().find(|entry| entry.address.is_same(address)) else {
        return Ok(());
    };
    for alias in aliases {
        if address_owners::owners(txn, brand, alias)?.is_empty() && !entry.is_known_by(alias) {
            entry.aliases.push(alias.clone());
        }
    }
    let surplus = entry.aliases.len().saturating_sub(ContactAddress::MAX_ALIASES);
    entry.aliases.drain(..surplus);
    if after != before {
        move_addresses(txn, brand, &before, &after)?;
        // Its version stays: what others may change has not changed.
        txn.save(keys::contact(brand, id), &after);
    }
    Ok(())
}

/// Puts an address in the place of the one of its kind that the contact's address `at` is known by, unless another contact has
/// it: the address itself, which takes nothing along that was known of the old one, or one of its aliases.
pub fn move_address(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    id: &ContactId,
    at: &Address,
    to: Address,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(before) = txn.load::<Contact>(&keys::contact(brand, id))? else { return Ok(()) };
    let is_known = before.addresses.iter().any(|entry| entry.address.is_same(&to));
    if is_known || other_owner(txn, brand, &to, id)?.is_some() {
        return Ok(());
    }
    let moved = |entry: &ContactAddress| match entry.address.is_same(at) {
        true if entry.address.is_of_kind(&to) => ContactAddress::new(to.clone()),
        true => {
            let others = entry.aliases.iter().filter(|alias| !alias.is_of_kind(&to)).cloned();
            ContactAddress { aliases: others.chain([to.clone()]).collect(), ..entry.clone() }
        }
        false => entry.clone(),
    };
    let addresses = before.addresses.iter().map(moved).collect();
    readdress(txn, brand, before, addresses, now)?;
    Ok(())
}

/// A contact before anything is known of it.
fn unknown(id: ContactId, incarnation: ContactIncarnation, now: Timestamp) -> Contact {
    let (addresses, labels) = (Vec::new(), Labels::new());
    Contact { id, incarnation, addresses, labels, created_at: now, updated_at: now, changes: 0 }
}

fn move_addresses(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    before: &Contact,
    after: &Contact,
) -> Result<(), StoreError> {
    let is_kept = |old: &Address| after.addresses.iter().any(|entry| entry.is_known_by(old));
    for old in before.addresses.iter().flat_map(ContactAddress::spellings).filter(|old| !is_kept(old)) {
        address_owners::remove(txn, brand, old, &before.id)?;
    }
    for new in after.addresses.iter().flat_map(ContactAddress::spellings) {
        address_owners::add(txn, brand, new, &after.id)?;
    }
    Ok(())
}

fn delete(txn: &mut Txn<'_>, brand: &BrandId, id: &ContactId) -> Result<bool, StoreError> {
    let Some(contact) = txn.load::<Contact>(&keys::contact(brand, id))? else { return Ok(false) };
    for address in contact.addresses.iter().flat_map(ContactAddress::spellings) {
        address_owners::remove(txn, brand, address, id)?;
        if address_owners::owners(txn, brand, address)?.is_empty() {
            suppressions::forget_lifted(txn, brand, address)?;
        }
    }
    txn.delete(keys::contact(brand, id));
    ledger::delete(txn, brand, id)?;
    contact_links::forget_all(txn, brand, id)?;
    txn.delete(keys::preferences(brand, id));
    for key in keys_in(txn.committed(), keys::contact_events(brand, id), usize::MAX, |_| true)? {
        txn.delete(key);
    }
    Ok(true)
}
