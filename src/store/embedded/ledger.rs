//! Consent ledgers, and the fold kept beside each.
//!
//! A ledger only grows, so it is kept in parts of about [`RECORD_BYTES`]: an entry costs as much after a thousand as after one. The
//! fold is written in the same batch as each entry, and is all that a decision reads. Older builds kept a ledger whole, in
//! one record, and no fold: it is folded whenever it is read, and the next entry puts it into parts.

use std::ops::ControlFlow;

use super::keys;
use super::lookup::{Lookup, ScanOrder, Snapshot, decode, load};
use super::packs::RECORD_BYTES;
use super::records::{KeptFold, Ledger, Record};
use super::txn::Txn;
use crate::model::{BrandId, ConsentAction, ConsentEntry, ContactId, FoldedLedger, Timestamp, TopicScope};
use crate::store::{
    MAX_TOPICS_OF_LEDGER, NewConsentEntry, Page, PageRequest, REVOCATIONS_PER_GRANT, StoreError,
};

/// The fold of a contact's ledger.
pub fn folded(
    from: &(impl Lookup + ?Sized),
    brand: &BrandId,
    contact: &ContactId,
) -> Result<FoldedLedger, StoreError> {
    match load(from, &keys::folded_ledger(brand, contact))? {
        Some(KeptFold(Some(folded))) => Ok(folded),
        Some(KeptFold(None)) | None => fold(from, brand, contact),
    }
}

/// Folds a contact's ledger as it is on disk.
fn fold(
    from: &(impl Lookup + ?Sized),
    brand: &BrandId,
    contact: &ContactId,
) -> Result<FoldedLedger, StoreError> {
    let mut parts = Vec::new();
    let mut range = keys::ledger_parts(brand, contact);
    while let Some((key, bytes)) = from.last_in(range.clone())? {
        parts.push(decode::<Ledger>(from, &key, &bytes)?.0);
        range.end = key;
    }
    let whole = whole(from, brand, contact)?;
    Ok(whole.iter().chain(parts.iter().rev().flatten()).collect())
}

/// The ledger that an older build kept whole.
fn whole(
    from: &(impl Lookup + ?Sized),
    brand: &BrandId,
    contact: &ContactId,
) -> Result<Vec<ConsentEntry>, StoreError> {
    Ok(load::<Ledger>(from, &keys::whole_ledger(brand, contact))?.unwrap_or_default().0)
}

/// Whether a ledger has too many entries for single topics to take one for another channel or topic.
pub fn is_full_for(folded: &FoldedLedger, new: &NewConsentEntry) -> bool {
    let max = match new.action {
        ConsentAction::Grant => MAX_TOPICS_OF_LEDGER,
        ConsentAction::Revoke => MAX_TOPICS_OF_LEDGER * REVOCATIONS_PER_GRANT,
    };
    let mut alike = folded.entries().iter().filter(|entry| entry.action == new.action);
    new.scope != TopicScope::All
        && alike.clone().count() >= max
        && !alike.any(|entry| entry.channel == new.channel && entry.scope == new.scope)
}

/// Appends to a contact's ledger, and to its fold.
pub fn append(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    contact: &ContactId,
    new: NewConsentEntry,
    now: Timestamp,
) -> Result<ConsentEntry, StoreError> {
    let mut folded = folded(txn, brand, contact)?;
    let entry = ConsentEntry {
        sequence: folded.last_sequence() + 1,
        action: new.action,
        channel: new.channel,
        scope: new.scope,
        evidence: new.evidence,
        recorded_at: now,
        recorded_by: new.recorded_by,
    };
    folded.add(&entry);
    let mut appended = whole(txn, brand, contact)?;
    if !appended.is_empty() {
        txn.delete(keys::whole_ledger(brand, contact));
    }
    appended.push(entry.clone());
    append_to_parts(txn, brand, contact, appended)?;
    txn.save(keys::folded_ledger(brand, contact), &KeptFold(Some(folded)));
    Ok(entry)
}

fn append_to_parts(
    txn: &mut Txn<'_>,
    brand: &BrandId,
    contact: &ContactId,
    entries: Vec<ConsentEntry>,
) -> Result<(), StoreError> {
    let newest = txn.last_in(keys::ledger_parts(brand, contact))?;
    let mut part = newest.map(|(key, value)| (key, value.len()));
    for entry in entries {
        let sequence = entry.sequence;
        // Bytes that encode one entry can be appended to an encoded part, and are then its last entry.
        let bytes = Ledger(vec![entry]).encode();
        let (key, length) = part
            .filter(|(_, length)| *length < RECORD_BYTES)
            .unwrap_or_else(|| (keys::ledger_part(brand, contact, sequence), 0));
        txn.append(key.clone(), |value| value.extend_from_slice(&bytes))?;
        part = Some((key, length + bytes.len()));
    }
    Ok(())
}

/// A page of a contact's ledger, oldest first. It ends at the sequence of its last entry.
pub fn page(
    view: &dyn Snapshot,
    brand: &BrandId,
    contact: &ContactId,
    request: &PageRequest,
) -> Result<Page<ConsentEntry>, StoreError> {
    let after = request.after.as_deref().and_then(keys::number).unwrap_or_default();
    let mut page = LedgerPage { after, size: request.size, items: Vec::new(), next: None };
    let _ = page.take(whole(view, brand, contact)?);
    let parts = keys::ledger_parts(brand, contact);
    // The entry to begin with is in the last part that begins at or before it.
    let up_to = keys::ledger_part(brand, contact, after.saturating_add(2));
    let first = view.last_in(parts.start.clone()..up_to)?.map_or(parts.start, |(key, _)| key);
    view.scan(first..parts.end, ScanOrder::Ascending, &mut |key, bytes| {
        Ok(page.take(decode::<Ledger>(view, key, bytes)?.0))
    })?;
    Ok(Page { items: page.items, next: page.next })
}

struct LedgerPage {
    after: u64,
    size: usize,
    items: Vec<ConsentEntry>,
    next: Option<Vec<u8>>,
}

impl LedgerPage {
    /// Takes entries while there is room, and breaks when there are more.
    fn take(&mut self, entries: Vec<ConsentEntry>) -> ControlFlow<()> {
        let wanted = entries.into_iter().skip_while(|entry| entry.sequence <= self.after);
        for entry in wanted {
            if self.items.len() >= self.size {
                self.next = self.items.last().map(|last| last.sequence.to_be_bytes().to_vec());
                return ControlFlow::Break(());
            }
            self.items.push(entry);
        }
        ControlFlow::Continue(())
    }
}

/// Deletes a contact's ledger with its fold.
pub fn delete(txn: &mut Txn<'_>, brand: &BrandId, contact: &ContactId) -> Result<(), StoreError> {
    txn.delete(keys::whole_ledger(brand, contact));
    txn.delete(keys::folded_ledger(brand, contact));
    let mut parts = keys::ledger_parts(brand, contact);
    // An operation of the same group may have written the last ones.
    while let Some((key, _)) = txn.last_in(parts.clone())? {
        parts.end.clone_from(&key);
        txn.delete(key);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Channel, ConsentEvidence};
    use crate::store::embedded::memory::MemoryStore;
    use crate::store::embedded::txn::WriteGroup;
    use crate::wire::store::v1::FoldedLedgerRecord;
    use crate::wire::{self, v1};
    use prost::Message as _;

    #[test]
    fn what_was_folded_by_another_rule_is_folded_anew() {
        let (brand, contact) = ("acme".parse().unwrap(), "ana".parse().unwrap());
        let now = Timestamp::UNIX_EPOCH;
        let entry = |action, time| NewConsentEntry {
            action,
            channel: Channel::Email,
            scope: TopicScope::All,
            evidence: ConsentEvidence::reported(&"p".parse().unwrap(), "x".repeat(RECORD_BYTES), time),
            recorded_by: "key".to_owned(),
        };
        let memory = MemoryStore::default();
        let map = memory.lock();
        let mut group = WriteGroup::new(&*map);
        let ahead = now + std::time::Duration::from_secs(50);
        for new in [entry(ConsentAction::Grant, ahead), entry(ConsentAction::Revoke, now)] {
            group.run(|txn| append(txn, &brand, &contact, new, now)).unwrap();
        }
        let folds = group.run(|txn| {
            let kept = folded(txn, &brand, &contact)?;
            let believed = kept.entries().iter().map(|entry| v1::ConsentEntry {
                evidence: Some(v1::Evidence { time: Some(wire::timestamp(ahead)), ..Default::default() }),
                ..entry.into()
            });
            let before = FoldedLedgerRecord { entries: believed.collect(), last_sequence: 2, rule: 0 };
            txn.put(keys::folded_ledger(&brand, &contact), before.encode_to_vec());
            Ok((kept, folded(txn, &brand, &contact)?))
        });
        let (kept, anew) = folds.unwrap();
        assert_eq!((anew.entries().len(), anew.entries()[0].time), (2, now));
        assert_eq!(anew, kept);
    }

    #[test]
    fn what_was_appended_in_the_same_group_is_deleted_too() {
        let (brand, contact) = ("acme".parse().unwrap(), "ana".parse().unwrap());
        let now = Timestamp::UNIX_EPOCH;
        let wording = "x".repeat(2 * RECORD_BYTES);
        let entry = NewConsentEntry {
            action: ConsentAction::Grant,
            channel: Channel::Email,
            scope: TopicScope::All,
            evidence: ConsentEvidence::reported(&"mail-eu".parse().unwrap(), wording, now),
            recorded_by: "key".to_owned(),
        };
        let memory = MemoryStore::default();
        let map = memory.lock();
        let mut group = WriteGroup::new(&*map);
        for _ in 0..3 {
            group.run(|txn| append(txn, &brand, &contact, entry.clone(), now)).unwrap();
        }
        group.run(|txn| delete(txn, &brand, &contact)).unwrap();
        let (writes, _) = group.finish();
        assert_eq!(writes.len(), 5, "three parts, the fold, and the whole ledger of an older build");
        assert!(writes.values().all(Option::is_none), "{:?}", writes.keys());
    }
}
