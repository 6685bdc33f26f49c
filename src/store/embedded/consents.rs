//! What people agreed to.

use async_trait::async_trait;

use super::engine::{Engine, WriteClass};
use super::lookup::{Lookup, Snapshot, load};
use super::txn::Txn;
use super::{EmbeddedStore, address_owners, keys, ledger, preferences, suppressions};
use crate::model::{
    Address, BrandId, Channel, ConsentAction, ConsentEntry, Contact, ContactId, Recipient, Suppression,
    SuppressionLift, SuppressionReason, Timestamp, TopicScope,
};
use crate::store::{
    AddressObjection, ConsentStore, LiftResult, NewConsentEntry, Page, PageRequest, PreferencesChange,
    RecordConsentResult, SetPreferencesResult, StoreError, SuppressResult,
};

// Consent is written even when the disk is nearly full: nobody may be kept from withdrawing.
#[async_trait]
impl<E: Engine> ConsentStore for EmbeddedStore<E> {
    async fn record_consent(
        &self,
        brand: &BrandId,
        contact: &ContactId,
        entry: NewConsentEntry,
        now: Timestamp,
    ) -> Result<RecordConsentResult, StoreError> {
        let (brand, contact) = (brand.clone(), contact.clone());
        self.engine
            .write(WriteClass::Committed, move |txn| {
                if ledger::is_full_for(&ledger::folded(txn, &brand, &contact)?, &entry) {
                    return Ok(RecordConsentResult::TooManyTopics);
                }
                let recorded = append_entry(txn, &brand, &contact, entry, now)?;
                Ok(recorded.map_or(RecordConsentResult::NoContact, |entry| {
                    RecordConsentResult::Recorded(Box::new(entry))
                }))
            })
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
    ) -> Result<SetPreferencesResult, StoreError> {
        let (brand, contact) = (brand.clone(), contact.clone());
        self.engine
            .write(WriteClass::Committed, move |txn| preferences::set(txn, &brand, &contact, change))
            .await
    }

    async fn suppress(
        &self,
        brand: &BrandId,
        suppression: Suppression,
    ) -> Result<SuppressResult, StoreError> {
        let brand = brand.clone();
        self.engine
            .write(WriteClass::Committed, move |txn| suppressions::suppress(txn, &brand, suppression))
            .await
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

    async fn lift_suppressions(
        &self,
        brand: &BrandId,
        channel: Channel,
        address: &Address,
        reasons: &[SuppressionReason],
        lift: SuppressionLift,
    ) -> Result<LiftResult, StoreError> {
        let (brand, address, reasons) = (brand.clone(), address.clone(), reasons.to_vec());
        self.engine
            .write(WriteClass::Committed, move |txn| {
                suppressions::lift(txn, &brand, (channel, &address), &reasons, &lift)
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
    let (mut in_force, mut lifted) = (Vec::new(), Vec::new());
    for channel in Channel::ALL {
        for entry in contact.addresses_for(channel) {
            for spelling in entry.spellings() {
                let of_address = suppressions::suppressions(view, brand, channel, spelling)?;
                // Told of the address that the contact has.
                let of_address = of_address.spelled(&entry.address);
                in_force.extend_from_slice(of_address.in_force());
                lifted.extend_from_slice(of_address.lifted());
            }
        }
    }
    Ok(Some(Recipient {
        ledger: ledger::folded(view, brand, id)?,
        preferences: load(view, &keys::preferences(brand, id))?.unwrap_or_default(),
        suppressions: in_force,
        lifted_suppressions: lifted,
        contact,
    }))
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
            last_reported_at: evidence.time.min(now),
            recorded_by: evidence.actor.clone(),
        };
        suppressions::suppress(txn, brand, suppression)?;
    }
    if !objection.withdraws_opt_in() {
        return Ok(());
    }
    for contact in address_owners::owners(txn, brand, &address)? {
        if ledger::folded(txn, brand, &contact)?.is_withdrawn(channel) {
            continue;
        }
        let (recorded_by, evidence) = (evidence.actor.clone(), evidence.clone());
        let entry = NewConsentEntry {
            action: ConsentAction::Revoke,
            channel,
            scope: TopicScope::All,
            evidence,
            recorded_by,
        };
        append_entry(txn, brand, &contact, entry, now)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::model::ConsentEvidence;
    use crate::store::embedded::counting_snapshot::CountingSnapshot;
    use crate::store::embedded::memory::MemoryStore;
    use crate::store::embedded::sled;
    use crate::store::embedded::txn::WriteGroup;
    use crate::store::{ContactChange, Stores};

    fn ana() -> (BrandId, ContactId) {
        ("acme".parse().unwrap(), "ana".parse().unwrap())
    }

    async fn create(stores: &Stores) {
        let (brand, id) = ana();
        let change = ContactChange { id, addresses: None, labels: None, expected_version: None };
        stores.contacts.upsert_contact(&brand, change, Timestamp::UNIX_EPOCH).await.unwrap();
    }

    fn opt_in(evidence: ConsentEvidence) -> NewConsentEntry {
        NewConsentEntry {
            action: ConsentAction::Grant,
            channel: Channel::Email,
            scope: TopicScope::All,
            evidence,
            recorded_by: "key".to_owned(),
        }
    }

    /// Records an opt-in with ten thousand bytes of evidence this many times.
    async fn record(stores: &Stores, times: usize) {
        let (brand, id) = ana();
        let evidence = ConsentEvidence {
            source: "checkout".to_owned(),
            method: "web_form".to_owned(),
            wording: "x".repeat(10_000),
            time: Timestamp::UNIX_EPOCH,
            origin: String::new(),
            actor: String::new(),
        };
        let entry = opt_in(evidence);
        let once = |_| stores.consents.record_consent(&brand, &id, entry.clone(), Timestamp::UNIX_EPOCH);
        for recorded in join_all((0..times).map(once)).await {
            assert!(matches!(recorded.unwrap(), RecordConsentResult::Recorded(_)));
        }
    }

    /// The reads of what a decision rests on, and their bytes.
    fn cost_of_decision(view: &dyn Snapshot) -> Result<(usize, usize), StoreError> {
        let (brand, id) = ana();
        let counting = CountingSnapshot::new(view);
        let recipient = recipient(&counting, &brand, &id)?.unwrap();
        assert_eq!(recipient.ledger.entries().len(), 1);
        Ok((counting.reads(), counting.bytes()))
    }

    fn assert_same_cost(few: (usize, usize), many: (usize, usize)) {
        assert_eq!(many.0, few.0, "reads");
        // The sequence of an entry takes a byte more from 128 on, and is there twice.
        assert!(many.1 <= few.1 + 2, "{} bytes, then {}", few.1, many.1);
    }

    #[tokio::test]
    async fn a_decision_reads_no_more_after_500_entries_in_memory() {
        let memory = MemoryStore::default();
        let stores = memory.open();
        create(&stores).await;
        record(&stores, 1).await;
        let few = cost_of_decision(&*memory.lock()).unwrap();
        record(&stores, 499).await;
        assert_same_cost(few, cost_of_decision(&*memory.lock()).unwrap());
    }

    #[tokio::test]
    async fn a_decision_reads_no_more_after_500_entries_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let handle = sled::open(&folder.path().join("data"), sled::SledOptions::default()).unwrap();
        create(&handle.stores).await;
        record(&handle.stores, 1).await;
        let few = handle.engine().read(cost_of_decision).unwrap();
        record(&handle.stores, 499).await;
        assert_same_cost(few, handle.engine().read(cost_of_decision).unwrap());
        handle.close().await.unwrap();
    }

    #[tokio::test]
    async fn an_entry_reads_and_writes_no_more_after_500_entries() {
        let memory = MemoryStore::default();
        let stores = memory.open();
        create(&stores).await;
        let cost = || {
            let map = memory.lock();
            let counting = CountingSnapshot::new(&*map);
            let mut group = WriteGroup::new(&counting);
            let (brand, contact) = ana();
            let evidence =
                ConsentEvidence::reported(&"p".parse().unwrap(), String::new(), Timestamp::UNIX_EPOCH);
            let entry = opt_in(evidence);
            group.run(|txn| append_entry(txn, &brand, &contact, entry, Timestamp::UNIX_EPOCH)).unwrap();
            (counting.reads(), counting.bytes() + group.bytes())
        };
        record(&stores, 1).await;
        let few = cost();
        record(&stores, 499).await;
        let many = cost();
        assert_eq!(many.0, few.0, "reads");
        assert!(many.1 <= few.1 + 100, "{} bytes, then {}", few.1, many.1);
    }
}
