//! Links by which people tie an address of theirs to a contact.

use async_trait::async_trait;

use super::address_owners::contact_of_address;
use super::contacts::upsert;
use super::engine::{Engine, WriteClass};
use super::lookup::Lookup;
use super::txn::Txn;
use super::{EmbeddedStore, contact_links, keys};
use crate::model::{Address, Contact, ContactAddress, ContactLink, LinkId, Timestamp};
use crate::store::{ContactChange, FollowResult, LinkStore, StoreError};

#[async_trait]
impl<E: Engine> LinkStore for EmbeddedStore<E> {
    async fn create_link(&self, id: LinkId, link: ContactLink) -> Result<bool, StoreError> {
        self.engine
            .write(WriteClass::NewWork, move |txn| {
                let known = txn.get(&keys::contact(&link.brand, &link.contact))?.is_some();
                if known {
                    contact_links::keep(txn, id, &link)?;
                }
                Ok(known)
            })
            .await
    }

    async fn follow_link(
        &self,
        id: LinkId,
        address: Address,
        at: Timestamp,
        now: Timestamp,
    ) -> Result<FollowResult, StoreError> {
        self.engine.write(WriteClass::Committed, move |txn| follow(txn, id, address, at, now)).await
    }
}

fn follow(
    txn: &mut Txn<'_>,
    id: LinkId,
    address: Address,
    at: Timestamp,
    now: Timestamp,
) -> Result<FollowResult, StoreError> {
    let Some(link) = txn.load::<ContactLink>(&keys::link(id))? else { return Ok(FollowResult::Unknown) };
    if id.expires_at() <= at {
        return Ok(FollowResult::Expired(link));
    }
    let ContactLink { brand, contact } = &link;
    let Some(contact) = txn.load::<Contact>(&keys::contact(brand, contact))? else {
        return Ok(FollowResult::Unknown);
    };
    match contact_of_address(txn, brand, &address)? {
        Some(other) if other != contact.id => return Ok(FollowResult::AddressTaken { link, owner: other }),
        Some(_) => {}
        None if contact.addresses.len() >= Contact::MAX_ADDRESSES => {
            return Ok(FollowResult::TooManyAddresses(link));
        }
        None => {
            let mut addresses = contact.addresses;
            addresses.push(ContactAddress::new(address));
            let change = ContactChange {
                id: contact.id,
                addresses: Some(addresses),
                labels: None,
                expected_version: None,
            };
            upsert(txn, brand, change, now)?;
        }
    }
    contact_links::forget(txn, id)?;
    Ok(FollowResult::AddressAdded(link))
}
