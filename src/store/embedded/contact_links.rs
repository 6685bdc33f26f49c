//! The links that lead to a contact, of which the newest are kept.

use super::keys;
use super::lookup::Lookup;
use super::txn::Txn;
use crate::model::{BrandId, ContactId, ContactLink, LinkId};
use crate::store::{MAX_LINKS, StoreError};

/// Keeps a new link, and forgets the oldest of its contact when there are too many.
pub fn keep(txn: &mut Txn<'_>, id: LinkId, link: &ContactLink) -> Result<(), StoreError> {
    txn.save(keys::link(id), link);
    let mut links = links_of(txn, link)?;
    links.push(id);
    let too_many = links.len().saturating_sub(MAX_LINKS);
    links.drain(..too_many).for_each(|oldest| txn.delete(keys::link(oldest)));
    save_links(txn, link, &links);
    Ok(())
}

/// Forgets a link.
pub fn forget(txn: &mut Txn<'_>, id: LinkId) -> Result<(), StoreError> {
    let key = keys::link(id);
    if let Some(link) = txn.load::<ContactLink>(&key)? {
        let mut links = links_of(txn, &link)?;
        links.retain(|other| *other != id);
        save_links(txn, &link, &links);
    }
    txn.delete(key);
    Ok(())
}

/// Forgets the links of a contact.
pub fn forget_all(txn: &mut Txn<'_>, brand: &BrandId, contact: &ContactId) -> Result<(), StoreError> {
    let link = ContactLink { brand: brand.clone(), contact: contact.clone() };
    links_of(txn, &link)?.into_iter().for_each(|id| txn.delete(keys::link(id)));
    save_links(txn, &link, &[]);
    Ok(())
}

/// The links to the contact that a link leads to, the oldest first. Those of earlier versions are not among them.
fn links_of(txn: &Txn<'_>, link: &ContactLink) -> Result<Vec<LinkId>, StoreError> {
    let ids = txn.get(&keys::links_of(&link.brand, &link.contact))?.unwrap_or_default();
    Ok(ids.as_chunks().0.iter().map(|id| LinkId::from_bytes(*id)).collect())
}

fn save_links(txn: &mut Txn<'_>, link: &ContactLink, links: &[LinkId]) {
    let key = keys::links_of(&link.brand, &link.contact);
    match links {
        [] => txn.delete(key),
        links => txn.put(key, links.iter().flat_map(|id| *id.as_bytes()).collect()),
    }
}
