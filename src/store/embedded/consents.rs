//! What people agreed to.

use async_trait::async_trait;

use super::engine::{Engine, WriteClass};
use super::lookup::{Lookup, Snapshot, load};
use super::txn::Txn;
use super::{EmbeddedStore, contacts, keys, ledger};
use crate::model::{
    Address, BrandId, Channel, ConsentAction, ConsentEntry, Contact, ContactId, Preferences, Recipient,
    Suppression, Timestamp, TopicScope,
};
use crate::store::{
    AddressObjection, ConsentStore, NewConsentEntry, Page, PageRequest, PreferencesChange, StoreError,
};

// Consent is written even when the disk is nearly full: a revocation must never be turned away.
#[async_trait]
impl<E: Engine> ConsentStore for EmbeddedStore<E> {
    async fn record_consent(
        &self,
        brand: &BrandId,
        contact: &ContactId,
        entry: NewConsentEntry,
        now: Timestamp,
    ) -> Result<Option<ConsentEntry>, StoreError> {
        let (brand, contact) = (brand.clone(), contact.clone());
        self.engine
            .write(WriteClass::Committed, move |txn| append_entry(txn, &brand, &contact, entry, now))
            .await
    }

    async fn ledger(
        &self,
        brand: &BrandId,
        contact: &ContactId,
        page: PageRequest,
    ) -> Result<Page<ConsentEntry>, StoreError> {
        self.engine.read(|view| ledger::page(view, brand, contact, &page))
    }

    async fn recipient(&self, brand: &BrandId, contact: &ContactId) -> Result<Option<Recipient>, StoreError> {
        self.engine.read(|view| recipient(view, brand, contact))
    }

    async fn set_preferences(
        &self,
        brand: &BrandId,
        contact: &ContactId,
        change: PreferencesChange,
    ) -> Result<Option<Preferences>, StoreError> {
        let (brand, contact) = (brand.clone(), contact.clone());
        self.engine
            .write(WriteClass::Committed, move |txn| {
                if !exists(txn, &brand, &contact)? {
                    return Ok(None);
                }
                let key = keys::preferences(&brand, &contact);
                let preferences = apply_change(txn.load(&key)?.unwrap_or_default(), change);
                txn.save(key, &preferences);
                Ok(Some(preferences))
            })
            .await
    }

    async fn suppress(&self, brand: &BrandId, suppression: Suppression) -> Result<Suppression, StoreError> {
        let brand = brand.clone();
        self.engine.write(WriteClass::Committed, move |txn| suppress(txn, &brand, suppression)).await
    }

    async fn record_objection(
        &self,
        brand: &BrandId,
        objected: AddressObjection,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let brand = brand.clone();
        self.engine
            .write(WriteClass::Committed, move |txn| record_objection(txn, &brand, objected, now))
            .await
    }

    async fn lift_suppression(
        &self,
        brand: &BrandId,
        channel: Channel,
        address: &Address,
    ) -> Result<bool, StoreError> {
        let key = keys::suppression(brand, channel, address);
        self.engine
            .write(WriteClass::Committed, move |txn| {
                let found = txn.get(&key)?.is_some();
                if found {
                    txn.delete(key);
                }
                Ok(found)
            })
            .await
    }
}

fn exists(txn: &Txn<'_>, brand: &BrandId, contact: &ContactId) -> Result<bool, StoreError> {
    Ok(txn.get(&keys::contact(brand, contact))?.is_some())
}

/// Appends to a contact's ledger. `None` when there is no such contact.
pub fn append_entry(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    contact: &ContactId,
    new: NewConsentEntry,
    now: Timestamp,
) -> Result<Option<ConsentEntry>, StoreError> {
    if !exists(txn, brand, contact)? {
        return Ok(None);
    }
    ledger::append(txn, brand, contact, new, now).map(Some)
}

fn recipient(view: &dyn Snapshot, brand: &BrandId, id: &ContactId) -> Result<Option<Recipient>, StoreError> {
    let Some(contact) = load::<Contact>(view, &keys::contact(brand, id))? else { return Ok(None) };
    let mut suppressions = Vec::new();
    for channel in Channel::ALL {
        for entry in contact.addresses_for(channel) {
            suppressions.extend(suppression(view, brand, channel, &entry.address)?);
        }
    }
    Ok(Some(Recipient {
        ledger: ledger::folded(view, brand, id)?,
        preferences: load(view, &keys::preferences(brand, id))?.unwrap_or_default(),
        suppressions,
        contact,
    }))
}

fn apply_change(before: Preferences, change: PreferencesChange) -> Preferences {
    Preferences {
        channel_order: change.channel_order.unwrap_or(before.channel_order),
        excluded_channels: change.excluded_channels.unwrap_or(before.excluded_channels),
        topics: change.topics.unwrap_or(before.topics),
        quiet_hours: change.quiet_hours.unwrap_or(before.quiet_hours),
        time_zone: change.time_zone.unwrap_or(before.time_zone),
        language: change.language.unwrap_or(before.language),
    }
}

/// Puts an objection on record.
pub fn record_objection(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    objected: AddressObjection,
    now: Timestamp,
) -> Result<(), StoreError> {
    let AddressObjection { channel, address, objection, evidence } = objected;
    if let Some(reason) = objection.suppression() {
        let suppression = Suppression {
            channel,
            address: address.clone(),
            reason,
            explanation: evidence.wording.clone(),
            created_at: now,
            recorded_by: evidence.actor.clone(),
        };
        suppress(txn, brand, suppression)?;
    }
    if objection.withdraws_opt_in()
        && let Some(contact) = contacts::contact_of_address(txn, brand, &address)?
    {
        if !ledger::folded(txn, brand, &contact)?.is_withdrawn(channel) {
            let recorded_by = evidence.actor.clone();
            let entry = NewConsentEntry {
                action: ConsentAction::Revoke,
                channel,
                scope: TopicScope::All,
                evidence,
                recorded_by,
            };
            append_entry(txn, brand, &contact, entry, now)?;
        }
    }
    Ok(())
}

/// The suppression of an address.
pub fn suppression(
    from: &(impl Lookup + ?Sized),
    brand: &BrandId,
    channel: Channel,
    address: &Address,
) -> Result<Option<Suppression>, StoreError> {
    load(from, &keys::suppression(brand, channel, address))
}

/// Suppresses an address, unless it is already. Returns the suppression in force.
fn suppress(txn: &mut Txn<'_>, brand: &BrandId, suppression: Suppression) -> Result<Suppression, StoreError> {
    let key = keys::suppression(brand, suppression.channel, &suppression.address);
    if let Some(first) = txn.load(&key)? {
        return Ok(first);
    }
    txn.save(key, &suppression);
    Ok(suppression)
}
